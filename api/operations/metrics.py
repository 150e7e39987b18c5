"""GET /metrics: figures for whoever holds the token of the operator's file, and for nobody else.

The figures say how busy the ledger is, which is not for everybody; a proxy on the same machine makes
every request come from the loopback, so an address is no proof of anything. Without the setting the
address is not there.

Source: docs/metrics.md; docs/decisions/0022.
"""

import hmac
from typing import Annotated

from fastapi import APIRouter, Header, Request
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from starlette.responses import Response

from api.dependencies import HouseDep
from api.problems import Problem
from api.telemetry.measures import Measures

router = APIRouter(tags=["operations"])


@router.get("/metrics", include_in_schema=False)
def get_metrics(
    request: Request, house: HouseDep, authorization: Annotated[str | None, Header()] = None
) -> Response:
    """Return every figure in the text format of Prometheus."""
    scheme, _, token = (authorization or "").partition(" ")
    if scheme.lower() != "bearer" or not _is_token(house.settings.metrics_token, token.strip()):
        raise Problem(
            401,
            "token",
            "This needs the operator’s token for figures: Authorization: Bearer …",
            {"WWW-Authenticate": "Bearer", "Cache-Control": "no-store"},
        )
    measures: Measures = request.app.state.measures
    return Response(
        generate_latest(measures.registry),
        headers={"Content-Type": CONTENT_TYPE_LATEST, "Cache-Control": "no-store"},
    )


def _is_token(wanted: bytes, given: str) -> bool:
    return bool(wanted) and hmac.compare_digest(wanted, given.encode())
