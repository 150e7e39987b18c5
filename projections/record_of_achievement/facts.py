"""What a record asks of others when it is made: the words of the register, and what is sealed.

Views do not know each other: whoever makes a record hands these in.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from typing import Any, Protocol
from uuid import UUID

# (subject, positions) to position to sealed fields; nothing for a subject who was forgotten.
Unseal = Callable[[UUID, Iterable[int]], Mapping[int, Mapping[str, Any]]]


class Outcome(Protocol):
    """A learning outcome as the register words it."""

    @property
    def id(self) -> str:
        """Such as `LO1`."""
        ...

    @property
    def text(self) -> str:
        """What the learner can do."""
        ...

    @property
    def standards(self) -> Sequence[tuple[int, int]]:
        """Number and version of the standards it rests on."""
        ...


class Listing(Protocol):
    """A version of a micro-credential as the register shows it."""

    @property
    def title(self) -> str:
        """Its name."""
        ...

    @property
    def level(self) -> int:
        """1 to 10."""
        ...

    @property
    def credits(self) -> int:
        """Ten hours of learning each."""
        ...

    @property
    def outcomes(self) -> Sequence[Outcome]:
        """In listed order."""
        ...

    @property
    def developer_name(self) -> str:
        """Whose micro-credential it is."""
        ...

    @property
    def qa_approach(self) -> str:
        """`standard` or `thotk`."""
        ...

    @property
    def pathways(self) -> str | None:
        """Where it may lead."""
        ...

    def status_on(self, day: date) -> str | None:
        """Return current, expiring or discontinued as on that day."""
        ...


class RegisterFacts(Protocol):
    """What a record needs to know from the register; the view of the register answers it."""

    def listing(self, code: str, version: int) -> Listing | None:
        """Return a listed version."""
        ...

    def organisation_name(self, reference: int | str) -> str:
        """Return the name of an organisation by its number or body code."""
        ...

    def regulator_name(self) -> str:
        """Return the name of the body that assures quality."""
        ...
