"""The witness: cosigns a log's newest checkpoint, if the log signed it and it follows from the last one.

It judges in the order of the specification, before anything is written; then it remembers the new
checkpoint, durably, and only then answers. So a log can show two histories to two people, but not to
two people who both ask for this cosignature.

Named steps for crash tests, in order: `judged`, `persisted`.

Source: C2SP tlog-witness, tlog-cosignature.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ledger.clock import Clock
from ledger.database import Connection
from ledger.errors import Malformed, ProofShapeError
from ledger.log.add_checkpoint import (
    BODY_MAX_BYTES,
    SIZE_TYPE,
    AddCheckpoint,
    format_size,
    parse_add_checkpoint,
)
from ledger.log.cosignature import MLDSA44_TYPE, NAME_MAX_BYTES, Cosigner, is_signed_by
from ledger.log.merkle import verify_consistency
from ledger.log.note import ED25519_TYPE, Note, VerifierKey, format_note, format_signature, parse_vkey
from ledger.witness.store import (
    NEVER_SEEN,
    NO_PROOF,
    SPLIT,
    Evidence,
    Seen,
    WatchedLog,
    WitnessStore,
    cosigned_at,
    keep_evidence,
    read_seen,
    swap_seen,
)

TEXT = "text/plain; charset=utf-8"
OK, BAD_REQUEST, FORBIDDEN, NOT_FOUND, CONFLICT, TOO_LARGE, UNPROCESSABLE = 200, 400, 403, 404, 409, 413, 422
_LOG_TYPES = (ED25519_TYPE, MLDSA44_TYPE)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a witness answers: HTTP status, media type in full, body."""

    status: int
    content_type: str
    body: bytes


@dataclass(frozen=True, slots=True)
class _Signed:
    """A request whose checkpoint a key of its log has signed; `note` carries what held and nothing else."""

    request: AddCheckpoint
    note: str


class Witness:
    """One witness: a name, its keys, and what it remembers of the logs it watches."""

    def __init__(self, name: str, cosigners: Sequence[Cosigner], store: WitnessStore, clock: Clock) -> None:
        assert cosigners, "a witness has a key"
        assert all(one.vkey.name == name for one in cosigners), "a witness signs under its own name"
        self.name = name
        self._cosigners, self._store, self._clock = tuple(cosigners), store, clock
        self.at_step: Callable[[str], None] = _no_step

    @property
    def vkeys(self) -> tuple[str, ...]:
        """Its keys as verifiers are told them: Ed25519 cosignatures first."""
        return tuple(str(one.vkey) for one in self._cosigners)

    # -------------------------------------------------------------- whom it watches

    def add_log(self, vkeys: Sequence[str]) -> str:
        """Watch the log of these keys, or accept more keys of one; return its origin, which they name.

        Raises:
            Malformed: no key, keys of several names, of a type that signs no checkpoint, or its own.
        """
        keys = [parse_vkey(vkey) for vkey in vkeys]
        names = {key.name for key in keys}
        if len(names) != 1:
            raise Malformed("the keys of one log all carry its name")
        (origin,) = names
        if any(key.type not in _LOG_TYPES for key in keys):
            raise Malformed("a log signs with keys of type 0x01 (Ed25519) or 0x06 (ML-DSA-44)")
        if len(origin.encode()) > NAME_MAX_BYTES:
            raise Malformed(f"the name of a log has at most {NAME_MAX_BYTES} bytes")
        if {key.key for key in keys} & {one.vkey.key for one in self._cosigners}:
            raise Malformed("this is the witness's own key: a log is not its own witness")
        self._store.add_log(origin, [str(key) for key in keys])
        return origin

    def forget_keys(self, vkeys: Sequence[str]) -> None:
        """Accept keys of a log no longer, once it has others: what only they sign is refused from now on.

        Raises:
            Malformed: not a key.
            Absent: one of them is not accepted.
            Refusal: a log would have none left; then none of that log is forgotten.
        """
        by_origin: dict[str, list[str]] = {}
        for key in map(parse_vkey, vkeys):
            by_origin.setdefault(key.name, []).append(str(key))
        for origin, keys in by_origin.items():
            self._store.forget_keys(origin, keys)

    def logs(self) -> list[WatchedLog]:
        """Return every log that is watched, with what was seen last."""
        return self._store.logs()

    def checkpoint(self, origin_digest: bytes) -> str:
        """Return the last checkpoint of the log whose origin has that SHA-256, with our cosignatures.

        Raises:
            Absent: no such log, or nothing of it was cosigned yet.
        """
        seen = self._store.seen_by_digest(origin_digest)
        return seen.note + seen.cosignatures

    def evidence(self, origin: str | None = None) -> list[Evidence]:
        """Return what was kept of logs that signed what they did not prove."""
        return self._store.evidence(origin)

    def close(self) -> None:
        """Close the database."""
        self._store.close()

    # -------------------------------------------------------------- add-checkpoint

    def add_checkpoint(self, body: bytes) -> Answer:
        """Answer a request to cosign.

        200 cosignature lines · 400 cannot be read, or the old size is above the checkpoint's · 403 no
        key of the log signed it · 404 no such log · 409 the old size is not the one cosigned last
        (which the answer says), or the same size has another root · 413 too long · 422 the proof does
        not lead from the one to the other.

        Raises:
            Unavailable: nothing can be written now; nothing was cosigned.
        """
        if len(body) > BODY_MAX_BYTES:
            return _refused(TOO_LARGE, f"a request has at most {BODY_MAX_BYTES} bytes")
        try:
            request = parse_add_checkpoint(body)
        except Malformed as error:
            return _refused(BAD_REQUEST, str(error))
        keys = self._store.keys_of(request.checkpoint.origin)
        if not keys:
            return _refused(NOT_FOUND, "this witness does not watch a log of that name")
        signed = _signed(request, keys)
        if signed is None:
            return _refused(FORBIDDEN, "no key of this log that is trusted here has signed the checkpoint")
        if request.old_size > request.checkpoint.size:
            return _refused(BAD_REQUEST, "the old size is above the size of the checkpoint")
        with self._store.turn() as connection:
            answer = self._decide(connection, signed)
            self.at_step("judged")
        # From here the checkpoint is remembered: no other history of this log is ever cosigned.
        self.at_step("persisted")
        return answer

    def _decide(self, connection: Connection, signed: _Signed) -> Answer:
        request, fresh = signed.request, signed.request.checkpoint
        seen = read_seen(connection, fresh.origin)
        known = cosigned_at(connection, fresh.origin, fresh.size)
        if known is not None and known.root != fresh.root:
            # Two roots of one size, both signed: kept whatever old size was claimed beside it.
            self._suspect(connection, signed, known, SPLIT)
        if request.old_size != seen.size:
            return Answer(CONFLICT, SIZE_TYPE, format_size(seen.size))
        if not _follows(request, seen):
            if known is None and seen.size:
                # From the empty tree everything follows, and what was cosigned is not suspected.
                self._suspect(connection, signed, seen, NO_PROOF)
            return _refused(UNPROCESSABLE, "the proof does not lead from the old size to this checkpoint")
        if fresh.size == seen.size and fresh.root != seen.root:
            return _refused(CONFLICT, "another root was cosigned at this size")
        return Answer(OK, TEXT, self._cosign(connection, signed, seen).encode())

    def _cosign(self, connection: Connection, signed: _Signed, seen: Seen) -> str:
        """Return the cosignatures over a checkpoint, remembered before the transaction ends."""
        fresh = signed.request.checkpoint
        # A clock that goes back must not make the newer checkpoint look older.
        now_s = max(self._now_s(), seen.timestamp_s)
        known = seen is not NEVER_SEEN and (fresh.size, now_s) == (seen.size, seen.timestamp_s)
        if known and seen.cosignatures.count("\n") == len(self._cosigners):
            return seen.cosignatures  # asked again within the second: nothing new to say or to write
        text = signed.request.note.text.encode()
        lines = "".join(format_signature(one.cosign(text, now_s)) for one in self._cosigners)
        new = Seen(fresh.size, fresh.root, now_s, signed.note, lines)
        swap_seen(connection, fresh.origin, seen, new)
        return lines

    def _suspect(self, connection: Connection, signed: _Signed, seen: Seen, kind: str) -> None:
        request = signed.request
        one = Evidence(
            origin=request.checkpoint.origin,
            kind=kind,
            checkpoint=request.checkpoint,
            old_size=request.old_size,
            proof=request.proof,
            note=signed.note,
            seen_note=seen.note + seen.cosignatures,
            met_at_s=self._now_s(),
        )
        keep_evidence(connection, one)

    def _now_s(self) -> int:
        return self._clock.now_us() // 1_000_000


def _signed(request: AddCheckpoint, keys: Sequence[VerifierKey]) -> _Signed | None:
    """Return the request with those signatures of its log that hold, None where none does."""
    held = [key for key in keys if is_signed_by(request.note, key)]
    if not held:
        return None
    first = {(one.name, one.key_id): one for one in reversed(request.note.signatures)}
    kept = tuple(first[key.name, key.key_id] for key in held)
    return _Signed(request, format_note(Note(request.note.text, kept)).decode())


def _follows(request: AddCheckpoint, seen: Seen) -> bool:
    """Whether the proof leads from what was seen to the checkpoint; equal sizes are compared elsewhere."""
    fresh = request.checkpoint
    if seen.size in (0, fresh.size):
        return not request.proof
    try:
        verify_consistency(seen.size, fresh.size, seen.root, fresh.root, request.proof)
    except ProofShapeError:
        return False
    return True


def _refused(status: int, why: str) -> Answer:
    return Answer(status, TEXT, f"{why}\n".encode())


def _no_step(_name: str) -> None:
    """Crash tests put their own here."""
