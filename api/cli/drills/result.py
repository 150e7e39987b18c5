"""What a drill did, step by step: what was done, who had to find it, and whether they did."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that had to happen: `seen` is what happened, in a word or a code."""

    what: str
    seen: str
    ok: bool

    def as_json(self) -> dict[str, Any]:
        """Return the step as commands print it."""
        return {"what": self.what, "seen": self.seen, "ok": self.ok}


@dataclass(slots=True)
class Drill:
    """One drill and its steps so far; `numbers` are what it has counted."""

    name: str
    steps: list[Step] = field(default_factory=list)
    numbers: dict[str, int] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Whether every step came out as it had to; a drill without steps did not."""
        return bool(self.steps) and all(step.ok for step in self.steps)

    def expect(self, what: str, seen: object, wanted: object) -> None:
        """Note a step: what was seen has to be what was wanted."""
        self.steps.append(Step(what, _words(seen), seen == wanted))

    def expect_in(self, what: str, seen: set[str], wanted: str) -> None:
        """Note a step: among what was seen has to be what was wanted."""
        self.steps.append(Step(what, _words(seen), wanted in seen))

    def as_json(self) -> dict[str, Any]:
        """Return the drill as `roa drill --json` prints it."""
        steps = [step.as_json() for step in self.steps]
        return {"ok": self.ok, "drill": self.name, **self.numbers, "steps": steps}


def _words(seen: object) -> str:
    if isinstance(seen, bool):
        return "yes" if seen else "no"
    if isinstance(seen, set | frozenset | list | tuple):
        return ", ".join(sorted(map(str, seen))) or "nothing"
    return "nothing" if seen is None else str(seen)
