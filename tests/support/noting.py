"""A signer of checkpoints that tells what it signs: no two roots may ever be signed for one size."""

from collections.abc import Callable

from ledger.log.checkpoint import Checkpoint
from ledger.log.signing import SignsCheckpoints
from ledger.publisher import Publisher


class NotingSigner:
    """Signs as another does, and notes what it is about to sign before anybody gets the signature."""

    def __init__(self, signer: SignsCheckpoints, note: Callable[[Checkpoint], object]) -> None:
        self._signer, self._note = signer, note

    @property
    def origin(self) -> str:
        """Name of the log."""
        return self._signer.origin

    @property
    def vkeys(self) -> tuple[str, ...]:
        """The keys that sign now."""
        return self._signer.vkeys

    def sign(self, checkpoint: Checkpoint, now_s: int) -> str:
        """Return the signed note of a checkpoint that was noted."""
        self._note(checkpoint)
        return self._signer.sign(checkpoint, now_s)


def noting(publisher: Publisher, note: Callable[[Checkpoint], object]) -> Publisher:
    """Return the same publisher, which notes from now on what it is about to sign."""
    publisher._signer = NotingSigner(publisher._signer, note)
    return publisher


def by_size(signed: dict[int, set[bytes]]) -> Callable[[Checkpoint], None]:
    """Return what notes each root under the size that it was signed for."""

    def note(checkpoint: Checkpoint) -> None:
        signed.setdefault(checkpoint.size, set()).add(checkpoint.root)

    return note
