"""The front page, and the pages that explain: problem codes, levels and credits."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.dependencies import House, HouseDep
from api.register.problem_codes import groups
from api.web.negotiation import HTML, chosen
from api.web.pages import page
from ledger.clock import civil_date
from ledger.log.note import parse_note
from ledger.policy.framework import HOURS_PER_CREDIT, LEVELS, level_sentence
from ledger.store.cosignatures import ServedCheckpoint
from projections.public_register import Search

router = APIRouter(include_in_schema=False)


@router.get("/")
def get_front(request: Request, house: HouseDep) -> Response:
    """Return what this is, for three kinds of people, on one screen."""
    chosen(request, [HTML])
    published = house.publisher.served()
    note = None if published is None else parse_note(published.note.encode())
    today = civil_date(house.ledger.clock.now_us())
    return page(
        request,
        "front.html",
        size=house.ledger.store.head().size,
        published=published,
        text="" if note is None else note.text,
        signatures=0 if note is None else len(note.signatures),
        covered_until_us=None if published is None else _recorded_at_us(house, published),
        listed=house.views.public_register.search(Search(on=today), limit=1).total,
    )


@router.get("/problems")
def get_problems(request: Request) -> Response:
    """Return the table of codes that problem `type` addresses lead to."""
    chosen(request, [HTML])
    return page(request, "problems.html", groups=groups())


@router.get("/framework/levels")
def get_levels(request: Request) -> Response:
    """Return what levels and credits mean."""
    chosen(request, [HTML])
    return page(
        request,
        "levels.html",
        levels=[(level, level_sentence(level)) for level in LEVELS],
        hours_per_credit=HOURS_PER_CREDIT,
    )


def _recorded_at_us(house: House, published: ServedCheckpoint) -> int:
    """Return when the newest record of a checkpoint was recorded; checkpoints themselves carry no time."""
    _, recorded_at_us = house.ledger.store.leaves_at([published.size])[published.size]
    return recorded_at_us
