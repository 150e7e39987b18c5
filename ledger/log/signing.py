"""How the log signs its own checkpoints: Ed25519 for every reader there is, ML-DSA-44 for the decades.

Source: LEDGER.md 5; C2SP tlog-checkpoint, signed-note, tlog-cosignature.
"""

from typing import Protocol

from ledger.keys.mldsa import MldsaSigner
from ledger.keys.signer import Signer
from ledger.log.checkpoint import Checkpoint, format_checkpoint
from ledger.log.cosignature import MldsaCosigner
from ledger.log.note import Note, Signature, VerifierKey, format_note, note_signature, vkey_of_signer


class SignsCheckpoints(Protocol):
    """Whatever signs the checkpoints of one log, with all keys that have to."""

    @property
    def origin(self) -> str:
        """Name of the log."""
        ...

    @property
    def vkeys(self) -> tuple[str, ...]:
        """The keys that sign now, as verifiers are told them."""
        ...

    def sign(self, checkpoint: Checkpoint, now_s: int) -> str:
        """Return the signed note of a checkpoint; `now_s` is in seconds since 1970."""
        ...


class LogSigner:
    """Keys of one log that all sign a checkpoint, in this order."""

    def __init__(self, origin: str, *signers: Signer | MldsaSigner | None) -> None:
        """Sign for `origin` with these keys; None stands for one that a log does not have."""
        self._origin = origin
        self._signers = tuple(one for one in signers if one is not None)

    @property
    def origin(self) -> str:
        """Name of the log."""
        return self._origin

    @property
    def vkeys(self) -> tuple[str, ...]:
        """The keys as verifiers are told them: all of them must have signed."""
        return tuple(str(self._vkey(one)) for one in self._signers)

    def sign(self, checkpoint: Checkpoint, now_s: int) -> str:
        """Return the signed note of a checkpoint.

        Args:
            checkpoint: of this log.
            now_s: seconds since 1970, which the ML-DSA-44 signature carries.
        """
        assert checkpoint.origin == self.origin, "a log signs its own checkpoints"
        text = format_checkpoint(checkpoint)
        signatures = tuple(self._signature(text, one, now_s) for one in self._signers)
        return format_note(Note(text.decode(), signatures)).decode()

    def _vkey(self, signer: Signer | MldsaSigner) -> VerifierKey:
        if isinstance(signer, MldsaSigner):
            return MldsaCosigner(self.origin, signer).vkey
        return vkey_of_signer(self.origin, signer)

    def _signature(self, text: bytes, signer: Signer | MldsaSigner, now_s: int) -> Signature:
        if isinstance(signer, MldsaSigner):
            return MldsaCosigner(self.origin, signer).cosign(text, now_s)
        return note_signature(text.decode(), self.origin, signer)
