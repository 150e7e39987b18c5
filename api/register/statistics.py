"""Statistics for everybody: rounded, and small numbers left out.

Source: docs/decisions/0018 (what is for everybody).
"""

import json

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.dependencies import HouseDep
from api.web.negotiation import JSON, answer
from api.web.pages import A_MOMENT
from projections.statistics import ROUNDED_TO, SUPPRESSED_BELOW, released

router = APIRouter()


@router.get("/v1/statistics")
def get_statistics(request: Request, house: HouseDep) -> Response:
    """Return how much was recorded, by year, and by provider, micro-credential and grade.

    Numbers are rounded to the nearest 5. One below 6 is null, and so is another part of a total of which
    it alone would be missing.
    """
    with house.views.snapshot():
        position, counts = house.views.position(), house.views.statistics.counts()
    release = released(counts)
    body = {
        "position": position,
        "rounded_to": ROUNDED_TO,
        "suppressed_below": SUPPRESSED_BELOW,
        "totals": [one.as_json() for one in release.totals],
        "parts": [one.as_json() for one in release.parts],
    }
    made = json.dumps(body, ensure_ascii=False).encode()
    return answer(request, made, JSON, cache_control=A_MOMENT)
