"""The log's own keys in motion: registered, retired, and checkpoints that the wrong ones signed.

with_operator(house)                                    # the operator is on the register
turned = rotate_log(house.ledger)                       # api.operations.log_rotation
old = signed_by(house, turned.retired, checkpoint)      # what a thief of the old keys could sign
"""

from collections.abc import Collection
from typing import Any

from api.client.statements import Statement
from api.client.submission import organisation_id
from ledger.checkpoint_signing import CheckpointSigner
from ledger.clock import microseconds
from ledger.domain.founding import OPERATOR_BODY
from ledger.founding import CHECKPOINT, CHECKPOINT_MLDSA, REGISTRAR
from ledger.keys.mldsa import MldsaSigner
from ledger.keys.signer import Signer
from ledger.log.checkpoint import Checkpoint, parse_checkpoint
from ledger.log.note import parse_note
from ledger.log.signing import LogSigner
from ledger.possession import prove_possession
from tests.support.ledgers import House, statement
from tests.support.world import MIDDAY, ORIGIN


def with_operator(house: House) -> House:
    """Register the operator, as `roa init` does."""
    name = {"en": "Operator (demo)"}
    said = statement(
        "organisation.registered", body=OPERATOR_BODY, kind="operator", name=name, valid_from="2018-08-22"
    )
    house.must(REGISTRAR, [said])
    return house


def a_log_key(
    signer: Signer | MldsaSigner,
    *,
    whose: int | str = OPERATOR_BODY,
    purposes: Collection[str] = (CHECKPOINT,),
) -> Statement:
    """Return the statement that registers a key for checkpoints."""
    return statement(
        "key.registered",
        organisation=whose,
        jwk=signer.public_key_jwk(),
        purposes=list(purposes),
        custody="own",
        not_before="2026-01-01",
        possession=prove_possession(signer, organisation_id(whose), ORIGIN),
    )


def retired(kid: str) -> Statement:
    """Return the statement that retires a key of the operator."""
    return statement("key.retired", organisation=OPERATOR_BODY, kid=kid, from_="2026-01-01")


def log_signers(house: House) -> dict[str, Signer | MldsaSigner]:
    """Return every key for checkpoints in custody, by thumbprint, oldest first, Ed25519 before ML-DSA-44."""
    keystore = house.keystore
    held: list[Signer | MldsaSigner] = [*keystore.generations(CHECKPOINT)]
    held += list(keystore.mldsa_newest_first(CHECKPOINT_MLDSA))[::-1]
    return {one.thumbprint: one for one in held}


def signed_by(house: House, kids: Collection[str], checkpoint: Checkpoint) -> str:
    """Return the note of a checkpoint that these keys have signed, and no others."""
    held = log_signers(house)
    signer = LogSigner(ORIGIN, *(held[kid] for kid in kids))
    return signer.sign(checkpoint, microseconds(MIDDAY) // 1_000_000)


def checkpoint_in(note: str | bytes) -> Checkpoint:
    """Return the checkpoint of a note."""
    data = note.encode() if isinstance(note, str) else note
    return parse_checkpoint(parse_note(data).text.encode())


def checkpoint_signer(house: House) -> CheckpointSigner:
    """Return what signs with the keys in force."""
    return CheckpointSigner(ORIGIN, house.keystore, house.ledger.register)


def vkeys_under(note: str, vkeys: Collection[str]) -> list[Any]:
    """Return which of these verifier keys stand under a note, by their key ids."""
    ids = {one.key_id.hex() for one in parse_note(note.encode()).signatures}
    return [vkey for vkey in vkeys if vkey.split("+")[1] in ids]
