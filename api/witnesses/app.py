"""A witness over HTTP: one address that writes, and what it has seen for everybody to read.

The statuses and bodies of add-checkpoint are those of the specification; whatever else goes wrong
is a problem document, as at every other door.

Source: C2SP tlog-witness.
"""

import re
from typing import Any

from fastapi import APIRouter, FastAPI, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response

from api.admission import Admission, Admitting
from api.problems import Problem, add_handlers
from api.security.headers import HeadAsGet, SafeHeaders
from api.telemetry.requests import Requests
from api.telemetry.watching import Telemetry
from ledger.encoding.strict_json import b64
from ledger.errors import Absent
from ledger.log.add_checkpoint import BODY_MAX_BYTES, PATH
from ledger.witness import Witness
from ledger.witness.service import TEXT

A_MOMENT = "public, max-age=1, must-revalidate"
_DIGEST = re.compile(r"[0-9a-f]{64}", re.ASCII)


def create_witness_app(witness: Witness, *, prefix: str = "") -> FastAPI:
    """Return the application that serves a witness.

    Args:
        witness: open; whoever made it closes it.
        prefix: path before `add-checkpoint`, such as `/w1`; the submission prefix ends with it.
    """
    app = FastAPI(
        title=f"Witness {witness.name}",
        # The framework's own would carry addresses as they were asked for, and what was sent.
        telemetry={"tracing": False, "metrics": False, "logs": False},
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
    )
    add_handlers(app)
    app.add_middleware(Admitting, admission=Admission())
    app.add_middleware(SafeHeaders)
    app.add_middleware(HeadAsGet)
    app.add_middleware(Requests, telemetry=Telemetry())
    app.include_router(_router(witness, prefix.rstrip("/")))
    return app


def _router(witness: Witness, prefix: str) -> APIRouter:
    router = APIRouter()

    @router.post(f"{prefix}/{PATH}")
    async def add_checkpoint(request: Request) -> Response:
        body = await _body(request)
        answer = await run_in_threadpool(witness.add_checkpoint, body)
        # Written out whole: a parameter that the framework adds would make it another media type.
        return Response(answer.body, answer.status, headers={"Content-Type": answer.content_type})

    @router.get("/{digest}/checkpoint")
    def get_checkpoint(digest: str) -> Response:
        if not _DIGEST.fullmatch(digest):
            raise Absent("a log is asked for by the SHA-256 of its origin, in hexadecimal")
        note = witness.checkpoint(bytes.fromhex(digest))
        return Response(note, headers={"Content-Type": TEXT, "Cache-Control": A_MOMENT})

    @router.get("/")
    def get_identity() -> Response:
        return JSONResponse(identity_json(witness), headers={"Cache-Control": A_MOMENT})

    @router.get("/healthz")
    def get_health() -> Response:
        return JSONResponse({"status": "ok"})

    return router


async def _body(request: Request) -> bytes:
    """Return the body, 413 as soon as it is larger than any request."""
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > BODY_MAX_BYTES:
            raise Problem(413, "too-large", f"A request to a witness has at most {BODY_MAX_BYTES} bytes.")
        parts.append(part)
    return b"".join(parts)


def identity_json(witness: Witness) -> dict[str, Any]:
    """Return who a witness is and what it has seen, as JSON values."""
    return {
        "name": witness.name,
        "vkeys": list(witness.vkeys),
        "logs": [
            {
                "origin": one.origin,
                "vkeys": list(one.vkeys),
                "size": one.seen.size,
                "root": b64(one.seen.root),
                "timestamp_s": one.seen.timestamp_s or None,
                "evidence": len(witness.evidence(one.origin)),
            }
            for one in witness.logs()
        ],
    }
