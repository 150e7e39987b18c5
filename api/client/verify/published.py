"""Whether the log that one trusts has published a record, and who has confirmed (witnessed) its checkpoint.

The log signs every checkpoint with all of its keys. Witnesses confirm that it has shown them one
history only; how many of which must have done so is the policy of the trust file. What too few of
them have seen is published, and not yet witnessed: a log could still show others something else.

Source: LEDGER.md 5 (checkpoints, witnesses); C2SP tlog-policy.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from ..errors import Refused
from .keys import LogKeyUse
from .opened import Kind, Receipt
from .plain import CLOCK_SKEW, instant_of_us, long_date, new_zealand_day
from .tlog import Checkpoint
from .trust import Trust
from .verdict import NO_TRUST, Answer, failed, not_checked

_MICRO = 1_000_000


@dataclass(frozen=True, slots=True)
class Witnessed:
    """Who has confirmed a checkpoint.

    count: witnesses. of: how many the policy knows. first_at: the earliest time that one gives, or None.
    """

    count: int
    of: int
    first_at: datetime | None

    @property
    def words(self) -> str:
        """`witnessed by 2 of 3, first on 12 November 2026`."""
        when = "" if self.first_at is None else f", first on {long_date(new_zealand_day(self.first_at))}"
        return f"witnessed by {self.count} of {self.of}{when}"


def publication(receipt: Receipt, kind: Kind, trust: Trust | None, now_us: int) -> Answer | Witnessed:
    """Answer why a receipt does not prove that the log holds its entry, or who has witnessed that it does.

    Args:
        receipt: read and recomputed.
        kind: what it is a receipt of; its codes begin with that.
        trust: whose log keys and witnesses count; None: everything but signatures is checked.
        now_us: microseconds since 1970; a confirmation from the future is none.
    """
    if not receipt.is_included():
        return failed(
            f"{kind.code}-inclusion",
            f"The public ledger does not hold this as shown: {_small(kind.it)} leads elsewhere.",
        )
    if trust is None:
        return not_checked(
            NO_TRUST,
            f"Every detail agrees with {_small(kind.it)}, but without a trust file nobody can say who signed "
            "that.",
        )
    objection = next(_log_objections(receipt.checkpoint, kind, trust), None)
    return objection or _witnessed(receipt.checkpoint, kind, trust, now_us)


def _log_objections(checkpoint: Checkpoint, kind: Kind, trust: Trust) -> Iterator[Answer]:
    """Check that every log key that must have signed this checkpoint did."""
    if checkpoint.origin != trust.origin:
        yield failed(f"{kind.code}-other-log", f"{kind.it} is from another ledger than the one you trust.")
    needed = trust.log_keys_at(checkpoint.size)
    if not all(use.checkable for use in needed):
        yield not_checked(
            f"{kind.code}-signature-kind",
            "The public ledger signs in a way that this program cannot check: use a newer one.",
        )
    if not needed or not all(_signed_by(use, checkpoint) for use in needed):
        yield failed(
            f"{kind.code}-signature", f"{kind.it} is not signed by the public ledger that you trust."
        )


def _signed_by(use: LogKeyUse, checkpoint: Checkpoint) -> bool:
    try:
        return use.checkable and use.key.signed(checkpoint)
    except Refused:
        return False


def _witnessed(checkpoint: Checkpoint, kind: Kind, trust: Trust, now_us: int) -> Answer | Witnessed:
    confirmed = trust.policy.confirmed(checkpoint)
    latest_s = (instant_of_us(now_us) + CLOCK_SKEW).timestamp()
    times = {name: time_s for name, time_s in confirmed.items() if time_s <= latest_s}
    first_s = min(filter(None, times.values()), default=None)
    of = len(trust.policy.witnesses)
    if not trust.policy.enough(times):
        return not_checked(
            f"{kind.code}-not-witnessed",
            f"{kind.it} shows that it is published, not yet witnessed: {len(times)} of {of} witnesses have "
            "confirmed it so far, too few for your trust file. Ask for a newer file.",
        )
    return Witnessed(len(times), of, None if first_s is None else instant_of_us(first_s * _MICRO))


def _small(it: str) -> str:
    return it[:1].lower() + it[1:]
