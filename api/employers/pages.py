"""The employers' door for people: a form, and the verdict in plain words.

Source: INTERFACES.md 4; CREDENTIALS.md 6.
"""

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from api.dependencies import HouseDep
from api.employers.checking import MEANINGS, believed, check
from api.employers.reading import read_posted
from api.problems import Problem
from api.web.negotiation import HTML, chosen
from api.web.pages import page, private_page

router = APIRouter(include_in_schema=False)

_NAME_CHARACTERS_MAX = 80


@router.get("/verify")
def get_verify(request: Request, house: HouseDep) -> Response:
    """Return the page that takes a credential."""
    chosen(request, [HTML])
    return page(request, "verify.html", verdict=None, complaint=None, trust=believed(house))


@router.post("/verify")
async def post_verify_page(request: Request, house: HouseDep) -> Response:
    """Return the page with the verdict on what was sent; nothing of it is kept."""
    trust = await run_in_threadpool(believed, house)
    try:
        posted = await read_posted(request)
    except Problem as error:
        return private_page(
            request, "verify.html", status=error.status, verdict=None, complaint=error.detail, trust=trust
        )
    verdict = await run_in_threadpool(check, house, posted.data, request.app.state.checkers)
    return private_page(
        request,
        "verify.html",
        verdict=verdict,
        complaint=None,
        trust=trust,
        meaning=MEANINGS[verdict.title],
        checked_at=house.ledger.clock.now_us(),
        file_name=(posted.name or "")[:_NAME_CHARACTERS_MAX],
    )
