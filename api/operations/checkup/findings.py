"""What one look comes to: well, to be minded, or a problem; what it means, and what to do."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from ledger.errors import LedgerError

OK, WARNING, PROBLEM = "ok", "warning", "problem"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at.

    name: of the thing, for ever. state: OK, WARNING or PROBLEM. seen: what was there, without a name or
    number of anybody. means, do: why it matters, and what to do; empty where all is well.
    """

    name: str
    state: str
    seen: str
    means: str = ""
    do: str = ""

    def as_json(self) -> dict[str, Any]:
        """Return it as `roa doctor --json` prints it."""
        return {"name": self.name, "state": self.state, "seen": self.seen, "means": self.means, "do": self.do}


def ok(name: str, seen: str) -> Check:
    """Return that something is well."""
    return Check(name, OK, seen)


def warning(name: str, seen: str, means: str, do: str) -> Check:
    """Return that something should be minded."""
    return Check(name, WARNING, seen, means, do)


def problem(name: str, seen: str, means: str, do: str) -> Check:
    """Return that something has to be put right."""
    return Check(name, PROBLEM, seen, means, do)


def guarded(name: str, look: Callable[[], Iterable[Check]]) -> Iterator[Check]:
    """Yield what a look finds; one that fails is a problem itself, and does not stop the others."""
    try:
        yield from look()
    except LedgerError as error:
        yield problem(name, str(error), "This could not be looked at.", "Put that right, then look again.")
    except OSError as error:
        yield problem(
            name, f"{error.strerror}", "This could not be looked at.", "Put that right, then look again."
        )
