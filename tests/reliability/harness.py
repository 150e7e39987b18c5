"""What a campaign is: something that goes wrong many times by a seed, and a promise that has to hold.

A campaign is run over a number of trials. In `power`, `simulator`, and the two servers and the clock of
`histories` each trial has a seed of its own and begins anew, so that one that failed is repeated alone:
`python -m tests.reliability power --seed 17 --trials 1`. In `kills`, `faults`, `store`, `tampering` and
`awards` all trials share what they are made on, and one seed draws for all: there the whole campaign is
repeated, with that seed and as many trials. A seed draws what is done; what threads and processes do at
once comes out in another order each time.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from ledger.errors import LedgerError
from tests.support.documents import Row, markdown, spaced, write_rows

FAILURES_SHOWN = 10
MARKS = "reliability"  # in a document, around the table
_HEAD = ("campaign", "what goes wrong", "promise", "times", "seen", "")
_FIGURES = (3,)


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the table: what was done how often, what had to be seen, and what was.

    failures: trials in which it did not hold, each with its seed; empty where everything held.
    """

    what: str
    times: int
    seen: str
    ok: bool
    failures: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Setting:
    """How a campaign is run: how many trials, the first of them with `seed`, in a folder of their own."""

    trials: int
    seed: int
    folder: Path


@dataclass(frozen=True, slots=True)
class Campaign:
    """One campaign.

    name: as the command line names it.
    promise: of LEDGER.md 9, for people to read.
    run: plays it and says what was seen.
    trials: in `make reliability`; tests play a few.
    """

    name: str
    promise: str
    run: Callable[[Setting], Sequence[Line]]
    trials: int


@dataclass(slots=True)
class Trials:
    """What came of the trials of one line so far; `failed` keeps what to say of each that did not hold."""

    campaign: str
    failed: list[str] = field(default_factory=list)
    tried: int = 0

    def add(self, seed: int, wrong: Iterable[str]) -> None:
        """Note one trial and what was wrong after it, nothing being best."""
        self.tried += 1
        found = "; ".join(wrong)
        if found:
            self.failed.append(f"{self.campaign} --seed {seed}: {found}")

    def line(self, what: str, seen: str) -> Line:
        """Return the line of a campaign in which every trial had to hold, and at least one was made."""
        if self.failed:
            seen = f"{len(self.failed)} of {self.tried} did not hold; {seen}"
        return Line(what, self.tried, seen, self.tried > 0 and not self.failed, tuple(self.failed))


Played = Sequence[tuple[Campaign, Sequence[Line]]]


def table(played: Played) -> str:
    """Return what was seen as a Markdown table."""
    return markdown(_HEAD, _rows(played), _FIGURES)


def _rows(played: Played) -> list[Row]:
    return [
        (
            _first_cell(campaign.name),
            line.what,
            campaign.promise,
            spaced(line.times),
            line.seen,
            "holds" if line.ok else "**does not hold**",
        )
        for campaign, seen in played
        for line in seen
    ]


def _first_cell(name: str) -> str:
    return f"`{name}`"


def as_json(played: Played) -> str:
    """Return what was seen as one JSON object."""
    ok = all(line.ok for _, seen in played for line in seen)
    found = {campaign.name: [asdict(line) for line in seen] for campaign, seen in played}
    return json.dumps({"ok": ok, "campaigns": found}, indent=2)


def write_into(path: Path, played: Played, order: Sequence[str]) -> None:
    """Put what was seen between the marks of a document that has them; lines of other campaigns stay.

    Args:
        path: the document.
        played: what was played.
        order: names of all campaigns, as the table has them.
    """
    write_rows(path, MARKS, _HEAD, _rows(played), list(map(_first_cell, order)), _FIGURES)


def refusal_of(attempt: Callable[[], object]) -> LedgerError | None:
    """Return with what an attempt is refused, None where it is not."""
    try:
        attempt()
    except LedgerError as error:
        return error
    return None
