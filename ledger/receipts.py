"""What a writer gets back, and what proves an award to anyone.

At once: an acknowledgement signed by the receipt key, saying which rows are durable, where, and by
when they will be published. Later: C2SP tlog-proofs. An award receipt opens the claims that a
credential shows, so that it cannot be moved to another person's badge; a provider receipt opens
the statement instead, so that the provider can recompute what it signed.

Source: LEDGER.md 3 (receipts), 5.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ledger.batched import batched
from ledger.clock import rfc3339
from ledger.deciding.batch import Outcome
from ledger.encoding.strict_json import b64, b64url, canonical
from ledger.errors import Absent, Unavailable
from ledger.keys.signer import Signer, jws_sign
from ledger.log.policy import Policy
from ledger.log.proof import TlogProof, format_proof
from ledger.mapper import (
    LedgerMapper,
    Unsealed,
    claims_shown,
    commitments_of,
    private_state,
    unseal,
    with_sealed_fields,
)
from ledger.privacy import commitments
from ledger.privacy.sealing import SubjectKey
from ledger.statements import Claims
from ledger.store.cosignatures import PUBLISHED, best_covering
from ledger.store.disposal import REDACTED
from ledger.store.readback import StoredRecord, records
from ledger.store.sqlite import LedgerRecorder
from ledger.store.tree import StoredTree

ACKNOWLEDGEMENT_TYP = "achievement-receipt+jws"
PUBLISH_WITHIN_US = 60_000_000  # promised in every acknowledgement
RECEIPT_VERSION = 1
_ROWS_AT_ONCE = 1000


def acknowledge(
    store: LedgerRecorder,
    signer: Signer,
    claims: Claims,
    outcomes: Sequence[Outcome],
    origin: str,
) -> str:
    """Return the JWS that says which rows of a submission are durable, at which positions.

    Rows are counted from 1, as people count them. Each is `[row, position, leaf hash]`; a row that
    was unchanged points at the record that says the same.
    """
    placed = ((outcome.row + 1, outcome.position) for outcome in outcomes if outcome.position is not None)
    rows: list[list[Any]] = []
    newest_us = 0
    for some in batched(placed, _ROWS_AT_ONCE):
        leaves = store.leaves_at([position for _, position in some])
        rows += ([row, position, b64url(leaves[position][0])] for row, position in some)
        newest_us = max(newest_us, *(recorded_at_us for _, recorded_at_us in leaves.values()))
    payload: dict[str, Any] = {
        "v": RECEIPT_VERSION,
        "origin": origin,
        "iss": str(claims.iss),
        "submission": str(claims.jti),
        "n": claims.n,
        "root": b64url(claims.root),
        "rows": rows,
    }
    if rows:
        payload["recorded_at"] = rfc3339(newest_us)
        payload["publish_by"] = rfc3339(newest_us + PUBLISH_WITHIN_US)
    return jws_sign(signer, canonical(payload), ACKNOWLEDGEMENT_TYP)


@dataclass(frozen=True, slots=True)
class Proven:
    """A record that a checkpoint covers, ready to be proven."""

    record: StoredRecord
    path: tuple[bytes, ...]
    size: int
    note: str
    state: str = PUBLISHED  # or WITNESSED, by the policy it was proven under

    def proof(self, extra: bytes | None = None) -> str:
        """Return the C2SP tlog-proof text, with `extra` in it."""
        index = self.record.position - 1
        return format_proof(TlogProof(extra, index, self.path, self.note))


def prove(store: LedgerRecorder, tree: StoredTree, position: int, policy: Policy | None = None) -> Proven:
    """Return the record at `position` with its inclusion path in a checkpoint.

    That is the newest one that the witnesses of `policy` have seen, if one covers the position, else
    the newest one.

    Raises:
        Absent: there is no such record.
        Unavailable: it is durable and not published yet.
    """
    connection = store.database.reader
    record = next(iter(records(connection, position, position)), None)
    if record is None:
        raise Absent("there is no record at this position")
    found = best_covering(connection, policy, position)
    if found is None:
        raise Unavailable(
            f"record {position} is durable and not published yet: ask again shortly", code="unpublished"
        )
    path = tuple(tree.inclusion(position - 1, found.size))
    return Proven(record, path, found.size, found.note, found.state)


def award_receipt(
    proven: Proven, key: SubjectKey, mapper: LedgerMapper, *, shows: Sequence[str] | None = None
) -> str:
    """Return the receipt that opens an award's claims: all of them, or only those in `shows`.

    Raises:
        Absent: (code `lost` or `redacted`) only the entry of the record is left.

    Source: LEDGER.md 3, award receipt: claims are [name, value, salt] or [digest], in SHOWS order.
    """
    _check_not_gone(proven)
    stored = proven.record.event
    hidden = unseal(stored, key)
    event = with_sealed_fields(mapper.to_domain_event(stored), hidden)
    claims: list[list[str]] = []
    for place, (name, value) in enumerate(claims_shown(event, hidden)):
        salt = commitments.claim_salt(hidden.content_salt, place)
        if shows is None or name in shows:
            claims.append([name, value, b64url(salt)])
        else:
            claims.append([b64url(commitments.claim_digest(salt, name, value))])
    extra = _extra(proven, hidden)
    del extra["claims_commit"]
    return proven.proof(canonical({**extra, "claims": claims}))


def provider_receipt(proven: Proven, key: SubjectKey) -> str:
    """Return the receipt from which a provider recomputes its own statement's leaf.

    Raises:
        Absent: (code `lost` or `redacted`) only the entry of the record is left.

    Source: LEDGER.md 3, provider receipt: `statement_blind` in place of the commitment.
    """
    _check_not_gone(proven)
    parts = private_state(proven.record.event.state)
    extra = _extra(proven, unseal(proven.record.event, key))
    del extra["statement_commit"]
    blind = commitments.statement_blind(parts.open_salt)
    return proven.proof(canonical({**extra, "statement_blind": b64url(blind)}))


def _check_not_gone(proven: Proven) -> None:
    if proven.record.gone == REDACTED:
        raise Absent(
            f"what record {proven.record.position} said was cleared when its disposal period ended."
            " The log still proves its entry",
            code="redacted",
        )
    if proven.record.gone is not None:
        raise Absent(
            f"what record {proven.record.position} said is lost: an old copy of the ledger was put back."
            " The log still proves its entry; post the same submission again",
            code="lost",
        )


def _extra(proven: Proven, hidden: Unsealed) -> dict[str, Any]:
    stored, said = proven.record.event, hidden.said
    leaf = commitments.statement_leaf(said.salt, said.statement) if said else None
    names = ("statement_commit", "open_commit", "claims_commit", "sealed_commit", "ciphertext_hash")
    digests = dict(zip(names, map(b64url, commitments_of(stored, leaf)), strict=True))
    return {
        "v": RECEIPT_VERSION,
        "topic": stored.topic,
        "recorded_at": proven.record.recorded_at_us,
        **digests,
    }


def public_receipt(proven: Proven) -> dict[str, Any]:
    """Return what anyone may have of a record: its entry and the proof that the log holds it.

    Of one whose content is lost or cleared (`gone`) it is not known any more when it was recorded.
    """
    record = proven.record
    known: dict[str, Any] = {"recorded_at": rfc3339(record.recorded_at_us)}
    return {
        "position": record.position,
        **(known if record.gone is None else {"gone": record.gone}),
        "entry": b64(record.entry),
        "state": proven.state,
        "tree_size": proven.size,
        "proof": proven.proof(),
    }
