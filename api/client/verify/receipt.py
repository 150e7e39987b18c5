"""Check 7: the receipt in an award shows that the public log holds it, with every detail.

Each claim that the receipt opens must be what the credential itself says, the learner's name
included, so a receipt cannot be moved to another person's award.

Source: LEDGER.md 3 (award receipt), 5; CREDENTIALS.md 6.
"""

from collections.abc import Callable
from typing import Any

from ..errors import Malformed
from .facts import Award
from .opened import Kind, Receipt, open_receipt
from .plain import shown
from .published import Witnessed, publication
from .trust import Trust
from .verdict import Answer, failed, not_checked, passed

# What an award record of version 1 shows, in its order, and where the credential says the same.
CLAIMS: dict[str, tuple[str, Callable[[Award], str | None]]] = {
    "micro_credential": ("the micro-credential", lambda award: award.code),
    "version": ("the version", lambda award: award.version),
    "level": ("the level", lambda award: award.level),
    "credits": ("the credits", lambda award: None if award.credits is None else str(award.credits)),
    "completed_on": ("the day of completion", lambda award: _iso(award.completed_on)),
    "conferred_on": ("the day of award", lambda award: _iso(award.awarded_on)),
    "awarded_by": ("the awarding provider", lambda award: award.issuer_number),
    "language": ("the language", lambda award: award.language),
    "name": ("the learner's name", lambda award: award.name),
}
AWARDED = Kind("microcredential.awarded", frozenset(CLAIMS), "receipt", "Its receipt of the public ledger")


def read_receipt(text: str) -> Receipt:
    """Return an award receipt with its entry recomputed.

    Raises:
        Malformed: not the receipt of an award.
    """
    return open_receipt(text, AWARDED)


def check(
    receipt: Receipt | Malformed | None,
    award: Award,
    product_number: str | None,
    trust: Trust | None,
    now_us: int,
) -> Answer:
    """Answer check 7 for one award.

    Args:
        receipt: the one it carries; why it cannot be read; None where it carries none.
        award: what it says.
        product_number: the second place where an award names its micro-credential; None where it does not.
        trust: whose log keys and witnesses count; None: everything but signatures is checked.
        now_us: microseconds since 1970.
    """
    if receipt is None:
        return not_checked(
            "receipt-missing",
            "It carries no receipt of the public ledger: it was made before the award was published there.",
        )
    if isinstance(receipt, Malformed):
        return failed("receipt-unreadable", "Its receipt of the public ledger cannot be read.")
    differing = _differing(receipt, award, product_number)
    if differing is not None:
        return differing
    found = publication(receipt, AWARDED, trust, now_us)
    return _in_the_log(found) if isinstance(found, Witnessed) else found


def _in_the_log(witnessed: Witnessed) -> Answer:
    sentence = (
        "The award is in the public ledger, and every detail agrees with it, the learner's name included"
    )
    return passed("receipt", f"{sentence}; {witnessed.words}." if witnessed.count else f"{sentence}.")


def _differing(receipt: Receipt, award: Award, product_number: str | None) -> Answer | None:
    """Compare every claim with the credential. Values are the learner's own: the name is never repeated."""
    if not receipt.shows_all(AWARDED):
        return failed(
            "receipt-incomplete", "Its receipt of the public ledger does not show all that it should."
        )
    for name, (words, said) in CLAIMS.items():
        recorded, shown_there = receipt.claims[name], said(award)
        if recorded != shown_there:
            if name == "name":
                return failed(
                    "receipt-name", "The public ledger records this award for somebody with another name."
                )
            return failed(
                f"receipt-{name.replace('_', '-')}",
                f"It differs from the public ledger in {words}: the ledger says “{shown(recorded, 60)}”.",
            )
    if product_number is not None and product_number != award.code:
        return failed("receipt-micro-credential", "The credential names its micro-credential by two numbers.")
    return None


def _iso(day: Any) -> str | None:
    return None if day is None else str(day.isoformat())
