"""Who asks. On a demonstration ledger: one of a few made-up learners, chosen from a list.

The choice is kept in a cookie that scripts cannot read and other sites cannot send along with a
post. The routes that set it exist only on a demonstration ledger (SPEC.md 6); sign-in comes later.
"""

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Request

from api.dependencies import House, HouseDep
from api.problems import Problem

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


def persona(house: House, learner: str) -> dict[str, str] | None:
    """Return the persona with that learner id, None for anybody who is not on the list."""
    if not house.demo:
        return None
    return next((one for one in house.personas if one["learner"] == learner), None)


def signed_in(request: Request, house: HouseDep) -> UUID:
    """Return the learner who asks; NobodySignedIn when there is none."""
    found = persona(house, request.cookies.get(COOKIE, ""))
    if found is None:
        raise NobodySignedIn(demo=house.demo)
    return UUID(found["learner"])


LearnerDep = Annotated[UUID, Depends(signed_in)]
