"""Who asks: on a demonstration ledger one of a few made-up learners, chosen from a list.

The choice is kept in a cookie that scripts cannot read and other sites cannot send along with a
post. The routes that set it exist only on a demonstration ledger (SPEC.md 6); sign-in comes later.
"""

from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Request

from api.dependencies import House, HouseDep
from api.problems import Problem
from ledger.access.rows import ON_DEMONSTRATION

COOKIE = "roa_persona"
CHALLENGE = f'Cookie realm="demonstration", form-action="/demo/persona", cookie-name={COOKIE}'


class NobodySignedIn(Problem):
    """A record was asked for, and nobody said whose."""

    def __init__(self, *, demo: bool) -> None:
        detail = "This shows one person’s own record, and nobody is signed in. "
        detail += (
            "Choose one of the invented learners first (POST /demo/persona)."
            if demo
            else "This ledger has no sign-in for learners yet; ask your provider for your record."
        )
        super().__init__(401, "sign-in", detail, {"WWW-Authenticate": CHALLENGE, "Cache-Control": "no-store"})


@dataclass(frozen=True, slots=True)
class Persona:
    """An invented learner to look through the eyes of; `story` says what is to be seen there."""

    learner: UUID
    name: str
    story: str


def personas(house: House) -> list[Persona]:
    """Return the invented learners there are to choose from, by name as their records have it."""
    if not house.demo:
        return []
    stories = {UUID(one["learner"]): one["story"] for one in house.personas}
    names = house.issuer.names(stories, ON_DEMONSTRATION)
    return [
        Persona(learner, names[learner] or "Name no longer kept", story) for learner, story in stories.items()
    ]


def is_persona(house: House, learner: str) -> bool:
    """Return whether a text is the id of somebody on the list."""
    return house.demo and any(one["learner"] == learner for one in house.personas)


def signed_in(request: Request, house: HouseDep) -> UUID:
    """Return the learner who asks; NobodySignedIn when there is none."""
    learner = request.cookies.get(COOKIE, "")
    if not is_persona(house, learner):
        raise NobodySignedIn(demo=house.demo)
    return UUID(learner)


LearnerDep = Annotated[UUID, Depends(signed_in)]
