"""The log's own keys, rotated: the next ones made, told of, then registered while those before retire.

Made is not registered: the next keys are durable in the keystore first and sign nothing, so witnesses
and monitors can be told of them before a checkpoint carries their signatures. A stop between the one
and the other costs nothing: the next attempt registers the same keys.

Source: LEDGER.md 2 (separate keys per purpose, keys count by position), 5; docs/key-ceremonies.md.
"""

from dataclasses import dataclass

from api.operations.custody import registration, retirement
from api.operations.registrar import say_or_fail
from ledger.application import Ledger
from ledger.domain.founding import OPERATOR_BODY
from ledger.errors import Absent
from ledger.founding import CHECKPOINT, CHECKPOINT_MLDSA
from ledger.keys.keyring import RegisteredKey
from ledger.keys.mldsa import MldsaSigner
from ledger.keys.pkcs11 import Pkcs11Signer
from ledger.keys.signer import ED25519, Signer
from ledger.log.signing import LogSigner
from ledger.log_keys import log_keys_of
from ledger.statements import ATOMIC


@dataclass(frozen=True, slots=True)
class LogRotated:
    """The keys that sign checkpoints from a size on, by their thumbprints, and those that ended there.

    vkeys: the new ones as verifiers are told them, in the order of `registered`.
    first_size: the size of the first checkpoint that the new ones sign alone.
    """

    registered: tuple[str, ...]
    vkeys: tuple[str, ...]
    first_size: int
    retired: tuple[str, ...]


def next_log_vkeys(ledger: Ledger, *, token: str | None = None) -> tuple[str, ...]:
    """Return the verifier keys of the next keys for checkpoints, which are made where none wait.

    Args:
        ledger: the ledger.
        token: the token of the hardware module in which to make the Ed25519 key; a file where None. The
            ML-DSA-44 key is always a file.
    """
    return LogSigner(ledger.founding.origin, *_next_keys(ledger, token)).vkeys


def rotate_log(ledger: Ledger, *, token: str | None = None) -> LogRotated:
    """Register the next keys for checkpoints and retire all before them, in one submission.

    All or nothing: a checkpoint between the one and the other would need the signatures of both.

    Args:
        ledger: the ledger, with the registrar's key in custody.
        token: as for `next_log_vkeys`.

    Raises:
        Absent: the operator is not on the register.
        Refusal: the register refuses.
    """
    operator = ledger.register().organisation(OPERATOR_BODY)
    if operator is None:
        raise Absent(f"{OPERATOR_BODY} is not on the register")
    made, ending = _next_keys(ledger, token), _in_force(ledger)
    outcomes = say_or_fail(
        ledger,
        [
            *(registration(ledger, one, OPERATOR_BODY, (CHECKPOINT,), "own") for one in made),
            *(retirement(ledger, operator, key) for key in ending),
        ],
        mode=ATOMIC,
    )
    return LogRotated(
        registered=tuple(one.thumbprint for one in made),
        vkeys=LogSigner(ledger.founding.origin, *made).vkeys,
        first_size=outcomes[-1].position or 0,
        retired=tuple(key.kid for key in ending),
    )


def _next_keys(ledger: Ledger, token: str | None) -> tuple[Signer, MldsaSigner]:
    """Return the keys that wait to be registered; they are made where there are none."""
    keystore, keyring = ledger.keystore, ledger.keyring()
    ed25519 = (
        one
        for one in keystore.newest_first(CHECKPOINT)
        if keyring.get(one.thumbprint) is None and _will_do(one, token)
    )
    mldsa = (
        one for one in keystore.mldsa_newest_first(CHECKPOINT_MLDSA) if keyring.get(one.thumbprint) is None
    )
    return (
        next(ed25519, None) or keystore.create_next(CHECKPOINT, token=token),
        next(mldsa, None) or keystore.create_next_mldsa(CHECKPOINT_MLDSA),
    )


def _will_do(signer: Signer, token: str | None) -> bool:
    """Whether a key can be the log's, and lies in the token, where one is asked for."""
    if token is not None and not (isinstance(signer, Pkcs11Signer) and signer.pointer.token == token):
        return False
    return signer.alg == ED25519


def _in_force(ledger: Ledger) -> list[RegisteredKey]:
    """Return the keys that sign checkpoints now."""
    keyring = ledger.keyring()
    live = (keyring.get(one.kid) for one in log_keys_of(ledger.register()) if one.end is None)
    return [key for key in live if key is not None]
