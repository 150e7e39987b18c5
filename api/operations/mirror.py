"""A copy of somebody's log over HTTP: a static C2SP log, as far as its checkpoint goes.

Source: C2SP tlog-tiles.
"""

from pathlib import Path

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from api.problems import RETRY_AFTER_S
from ledger.errors import Absent, LedgerError
from ledger.monitor.mirroring import served

_FOR_EVER = "public, max-age=31536000, immutable"
_A_MOMENT = "public, max-age=1, must-revalidate"


def mirror_app(place: Path) -> Starlette:
    """Return the application that serves the copy in a folder; it only reads."""

    async def get(request: Request) -> Response:
        try:
            data, fixed = await run_in_threadpool(served, place, request.path_params["path"])
        except Absent:
            return PlainTextResponse("not found\n", 404)
        except LedgerError:
            return PlainTextResponse(
                "this copy cannot be read now\n", 503, {"Retry-After": str(RETRY_AFTER_S)}
            )
        return Response(
            data,
            media_type="application/octet-stream" if fixed else "text/plain; charset=utf-8",
            headers={
                "Cache-Control": _FOR_EVER if fixed else _A_MOMENT,
                "X-Content-Type-Options": "nosniff",
                "Access-Control-Allow-Origin": "*",
            },
        )

    async def get_health(_request: Request) -> Response:
        return JSONResponse({"status": "ok"})

    return Starlette(
        routes=[
            Route("/healthz", get_health, methods=["GET", "HEAD"]),
            Route("/{path:path}", get, methods=["GET", "HEAD"]),
        ]
    )
