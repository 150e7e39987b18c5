"""The record as a page, and on a demonstration ledger the page that asks whose.

Source: DOMAIN.md 6.2, 6.3; INTERFACES.md 3.
"""

import json
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Form, Request
from starlette.responses import RedirectResponse, Response

from api.dependencies import House, HouseDep
from api.learners.personas import COOKIE, is_persona, personas
from api.problems import Problem
from api.web.negotiation import HTML, chosen, is_foreign
from api.web.pages import private_page
from projections.record_of_achievement import RecordOfAchievement

demo_router = APIRouter(include_in_schema=False)

# What a signed document comes to, so that a page can say it without signing one: measured, and held
# to the real ones by a test.
_BADGE_BYTES, _OUTCOME_BYTES = 9_000, 550  # the log signs twice, and one signature is 3 300 signs long
_RECORD_BYTES = 1_400
_PAPERS_BYTES, _RECEIPT_BYTES = 12_000, 10_000  # of a bundle, beside credential and trust file


@dataclass(frozen=True, slots=True)
class Sizes:
    """About how many bytes each download has. awards: by award id as text, (Open Badge, bundle)."""

    data: int
    record: int
    bundle: int
    awards: dict[str, tuple[int, int]]


def record_page(request: Request, house: House, record: RecordOfAchievement) -> Response:
    """Return the record as a page."""
    return private_page(
        request,
        "record.html",
        record=record,
        total=sum(credit_value for _, credit_value in record.summary.credits_by_level),
        sizes=sizes_of(house, record),
        choosable=house.demo,
    )


def choice_page(request: Request, house: House, *, status: int = 200) -> Response:
    """Return the page that asks whose record to show."""
    return private_page(request, "personas.html", status=status, personas=personas(house))


def sizes_of(house: House, record: RecordOfAchievement) -> Sizes:
    """Return about how large the downloads of a record are."""
    in_force = [award for award in record.awards if award.held.revocation is None]
    badges = {
        str(award.held.award_id): _BADGE_BYTES + _OUTCOME_BYTES * len(award.outcomes) for award in in_force
    }
    papers = _PAPERS_BYTES + (len(house.issuer.trust_file()[0]) if in_force else 0)
    whole = _RECORD_BYTES + sum(badges.values())
    return Sizes(
        data=len(json.dumps(record.as_json(), ensure_ascii=False, indent=1).encode()),
        record=whole,
        bundle=whole + papers + _RECEIPT_BYTES * len(badges),
        awards={name: (size, size + papers + _RECEIPT_BYTES) for name, size in badges.items()},
    )


@demo_router.get("/demo/persona")
def get_personas(request: Request, house: HouseDep) -> Response:
    """Return the page on which an invented learner is chosen."""
    chosen(request, [HTML])
    return choice_page(request, house)


@demo_router.post("/demo/persona")
def post_persona(
    request: Request, house: HouseDep, learner: Annotated[str, Form(max_length=36)] = ""
) -> Response:
    """Be one of the invented learners from now on; nobody, when none is named."""
    if is_foreign(request):
        raise Problem(403, "foreign", "Another site sent this. Choose on the page /demo/persona.")
    if not learner:
        gone = RedirectResponse("/demo/persona", status_code=303)
        gone.delete_cookie(COOKIE, httponly=True, samesite="lax")
        return gone
    if not is_persona(house, learner):
        raise Problem(404, "persona", "Nobody on the list of invented learners has that id.")
    answer = RedirectResponse("/me", status_code=303)
    answer.set_cookie(COOKIE, learner, httponly=True, samesite="lax")
    return answer
