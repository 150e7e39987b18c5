"""How the ledger stands, for people and for whoever watches over it.

Nothing here is about anybody: positions, sizes, instants, and codes in words.
"""

import json

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from api.dependencies import HouseDep
from api.operations.status import LedgerStatus, LostTails, status_of
from api.operations.troubles import trouble_of
from api.problems import RETRY_AFTER_S
from api.web.negotiation import HTML, JSON, answer, chosen
from api.web.pages import A_MOMENT, page

router = APIRouter(tags=["operations"])


@router.get("/readyz")
def get_ready(house: HouseDep) -> Response:
    """Say whether the ledger takes submissions and publishes: 200, or 503 with a code and a sentence."""
    found = trouble_of(house)
    headers = {"Cache-Control": "no-store"}
    if found is None:
        return JSONResponse({"status": "ready"}, headers=headers)
    body = {"status": "not ready", **found.as_json()}
    return JSONResponse(body, status_code=503, headers={**headers, "Retry-After": str(RETRY_AFTER_S)})


@router.get("/status")
def get_status(request: Request, house: HouseDep) -> Response:
    """Return how the ledger stands: what it holds, what is published, who has seen it, what was lost."""
    wanted = chosen(request, [HTML, JSON])
    found = status_of(house, _tails(request, house))
    if wanted == HTML:
        return page(request, "status.html", ledger=found, waiting=_waiting(found))
    body = json.dumps(found.as_json(), ensure_ascii=False).encode()
    return answer(request, body, JSON, cache_control=A_MOMENT)


def _tails(request: Request, house: HouseDep) -> LostTails:
    """Return what was found of lost tails so far, which the application keeps."""
    state = request.app.state
    if not hasattr(state, "lost_tails"):
        state.lost_tails = LostTails(house.ledger)
    found: LostTails = state.lost_tails
    return found


def _waiting(found: LedgerStatus) -> int:
    return found.size - (found.checkpoint.size if found.checkpoint else 0)
