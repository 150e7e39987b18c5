"""Who signs a checkpoint: the keys in custody here that the register has in force at its size.

The register says which keys have to, the keystore has them by their thumbprints; a key made and not
registered yet signs nothing, nor does one that ended. Where one of those in force is not here, nothing
is signed: a checkpoint without one of them would be nobody's word.

Source: LEDGER.md 2 (keys count by log position), 5 (all log keys must verify).
"""

from collections.abc import Callable, Iterator
from itertools import chain

from ledger.domain.register import Register
from ledger.errors import Unavailable
from ledger.founding import CHECKPOINT, CHECKPOINT_MLDSA
from ledger.keys.keystore import KeyStore
from ledger.keys.mldsa import MldsaSigner
from ledger.keys.signer import Signer
from ledger.log.checkpoint import Checkpoint
from ledger.log.signing import LogSigner
from ledger.log_keys import LogKeys, log_keys_of


class CheckpointSigner:
    """Signs the checkpoints of one log, with all of its keys that count at their sizes."""

    def __init__(self, origin: str, keystore: KeyStore, register: Callable[[], Register]) -> None:
        """Sign nothing yet.

        Args:
            origin: name of the log.
            keystore: its private keys; generations may come while this is used.
            register: returns the register as it stands.
        """
        self._origin, self._keystore, self._register = origin, keystore, register
        self._known: tuple[Register | None, LogKeys] = (None, LogKeys())

    @property
    def origin(self) -> str:
        """Name of the log."""
        return self._origin

    @property
    def vkeys(self) -> tuple[str, ...]:
        """The keys in force now, as verifiers are told them."""
        register = self._register()
        return tuple(one.vkey for one in self._keys(register).in_force(register.position))

    def sign(self, checkpoint: Checkpoint, now_s: int) -> str:
        """Return the signed note of a checkpoint of this log; `now_s` is in seconds since 1970.

        Raises:
            Unavailable: (code `custody`) one of the keys that have to sign is not in custody here.
        """
        # Read after whoever asks has read the size, so all that counts at it is on this register.
        wanted = self._keys(self._register()).in_force(checkpoint.size)
        held = {one.thumbprint: one for one in self._held({key.kid for key in wanted})}
        missing = [key.kid or key.vkey for key in wanted if key.kid not in held]
        if missing or not wanted:
            raise Unavailable(
                f"no checkpoint is signed without all keys of the log, and of those at size {checkpoint.size}"
                f" these are not in custody here: {', '.join(missing) or 'any'}",
                code="custody",
            )
        return LogSigner(self._origin, *(held[key.kid] for key in wanted)).sign(checkpoint, now_s)

    def _keys(self, register: Register) -> LogKeys:
        if self._known[0] is not register:
            self._known = (register, log_keys_of(register))
        return self._known[1]

    def _held(self, kids: set[str]) -> Iterator[Signer | MldsaSigner]:
        """Yield the keys in custody, newest first, until all that are wanted have come."""
        left = set(kids)
        held: Iterator[Signer | MldsaSigner] = chain[Signer | MldsaSigner](
            self._keystore.newest_first(CHECKPOINT), self._keystore.mldsa_newest_first(CHECKPOINT_MLDSA)
        )
        for one in held:
            yield one
            left.discard(one.thumbprint)
            if not left:
                return
