"""Status lists held to the log: which bits were in force, and whether two lists claim one moment.

Source: LEDGER.md 5 (status digests); Bitstring Status List v1.0 §2.1 (validFrom).
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import NamedTuple

from ledger.errors import Malformed
from ledger.monitor.findings import Findings
from ledger.monitor.state import Memory

StatusList = tuple[int, int]  # issuer's number, list's number


class Served(NamedTuple):
    """A status list as it was served.

    moment: `validFrom` as it stands in the document; digest: SHA-256 of the bits, not compressed.
    """

    moment: str
    digest: bytes


def name_of(one: StatusList) -> str:
    """Return how a list is called: `95001/1`."""
    return f"{one[0]}/{one[1]}"


def moment_of(text: str) -> str:
    """Return an instant in the one spelling that sorts by time: UTC, microseconds.

    Raises:
        Malformed: `status-form`: it is no instant with an offset.
    """
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            raise Malformed("its validFrom says no offset", code="status-form")
        return moment.astimezone(UTC).isoformat(timespec="microseconds")
    except (ValueError, OverflowError) as error:
        raise Malformed("its validFrom is no instant", code="status-form") from error


def in_force(
    before: Mapping[StatusList, bytes], changes: Iterable[tuple[StatusList, bytes]]
) -> dict[StatusList, set[bytes]]:
    """Return which digests each list may have had while it was fetched.

    Args:
        before: digests in force at the checkpoint that was read before.
        changes: those recorded up to the checkpoint that was read after.
    """
    allowed = {one: {digest} for one, digest in before.items()}
    for one, digest in changes:
        allowed.setdefault(one, set()).add(digest)
    return allowed


def judge(
    one: StatusList, served: Served, allowed: set[bytes] | None, memory: Memory, findings: Findings
) -> None:
    """Hold one served list to the log, and to what was served for the same moment before.

    Findings: `status-bits`, bits that were not in force; `status-moment`, two lists for one moment,
    however it is spelled; `status-form`, a moment that is none.
    """
    name, where = name_of(one), f"status list {name_of(one)}"
    if allowed is not None and served.digest not in allowed:
        findings.add(
            "status-bits", where, f"the bits served are not those in force in the log: {served.digest.hex()}"
        )
    with findings.at(where):
        moment = moment_of(served.moment)
        other = memory.remember_moment(name, moment, served.digest.hex())
        if other is not None:
            findings.add("status-moment", where, f"two lists for {moment}: {other} and {served.digest.hex()}")
