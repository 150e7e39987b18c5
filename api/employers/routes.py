"""The employers' door for programs: post a credential, get a verdict.

Source: SPEC.md 6; INTERFACES.md 4.
"""

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response

from api.dependencies import HouseDep
from api.employers.checking import check
from api.employers.reading import read_posted

router = APIRouter()


@router.post("/v1/verify")
async def post_verify(request: Request, house: HouseDep) -> Response:
    """Check a credential, a record or a bundle: the body itself, or a form with `file` or `text`.

    Answers 200 whatever the verdict is. Nothing posted is kept.
    """
    posted = await read_posted(request)
    verdict = await run_in_threadpool(check, house, posted.data, request.app.state.checkers)
    return JSONResponse(verdict.as_json(), headers={"Cache-Control": "no-store"})
