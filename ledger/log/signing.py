"""How the log signs its own checkpoints: Ed25519 for every reader there is, ML-DSA-44 for the decades.

Source: LEDGER.md 5; C2SP tlog-checkpoint, signed-note, tlog-cosignature.
"""

from ledger.keys.mldsa import MldsaSigner
from ledger.keys.signer import Signer
from ledger.log.checkpoint import Checkpoint, format_checkpoint
from ledger.log.cosignature import MldsaCosigner
from ledger.log.note import Note, format_note, note_signature, vkey_of_signer


class LogSigner:
    """The keys of one log, of which all sign every checkpoint."""

    def __init__(self, origin: str, ed25519: Signer, mldsa: MldsaSigner | None = None) -> None:
        self.origin = origin
        self._ed25519 = ed25519
        self._mldsa = None if mldsa is None else MldsaCosigner(origin, mldsa)

    @property
    def vkeys(self) -> tuple[str, ...]:
        """The keys as verifiers are told them: all of them must have signed."""
        first = str(vkey_of_signer(self.origin, self._ed25519))
        return (first,) if self._mldsa is None else (first, str(self._mldsa.vkey))

    def sign(self, checkpoint: Checkpoint, now_s: int) -> str:
        """Return the signed note of a checkpoint.

        Args:
            checkpoint: of this log.
            now_s: seconds since 1970, which the ML-DSA-44 signature carries.
        """
        assert checkpoint.origin == self.origin, "a log signs its own checkpoints"
        text = format_checkpoint(checkpoint)
        signatures = [note_signature(text.decode(), self.origin, self._ed25519)]
        if self._mldsa is not None:
            signatures.append(self._mldsa.cosign(text, now_s))
        return format_note(Note(text.decode(), tuple(signatures))).decode()
