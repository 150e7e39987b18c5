"""The providers' door over HTTP: post a submission, read what became of it, fetch a receipt.

Source: SPEC.md 6, INTERFACES.md 1 and 2.
"""

from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Annotated, Any
from uuid import UUID

from anyio.to_thread import run_sync
from fastapi import APIRouter, Depends, Header, Query, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse

from api.admission import SMALL_BYTES
from api.client.answers import answer_csv
from api.dependencies import House, HouseDep, NumberPath
from api.problems import Problem, problem
from api.providers.bodies import read_body
from api.providers.messages import Answer, Take, as_json_lines
from api.providers.posting import Desk, UnreadableFile
from api.security.tokens import Bearer
from ledger.access.rows import ORGANISATION, OWN_STATEMENT, RECEIPT, Reader
from ledger.domain.base import LEARNER, PUBLIC
from ledger.domain.registry import EVENTS
from ledger.receipts import Proven, prove, provider_receipt, public_receipt

router = APIRouter(tags=["providers"])

CSV_MAX_BYTES = 50_000_000
JSON_LINES_MAX_BYTES = 150_000_000
JSON_LINES = ("application/jsonl", "application/x-ndjson", "application/jsonlines")
PROOF_TYPE = "text/x.tlog-proof"


def desk(request: Request) -> Desk:
    """Return the desk of the house."""
    found: Desk = request.app.state.desk
    return found


DeskDep = Annotated[Desk, Depends(desk)]


async def large(desk: DeskDep) -> AsyncIterator[Take]:
    """Yield what asks for a place for a large answer, which is given back when it is sent or dropped."""
    with desk.large.turn() as take:
        yield take


TakeDep = Annotated[Take, Depends(large)]


def bearer(house: HouseDep, authorization: Annotated[str | None, Header()] = None) -> Bearer:
    """Return who the request's token speaks for; 401 when it has none that is ours."""
    found = _bearer(house, authorization)
    if found is None:
        raise Problem(
            401,
            "token",
            "This needs the token of your organisation: Authorization: Bearer roa_…",
            {"WWW-Authenticate": "Bearer"},
        )
    return found


def _bearer(house: House, authorization: str | None) -> Bearer | None:
    scheme, _, token = (authorization or "").partition(" ")
    return house.tokens.bearer(token.strip()) if scheme.lower() == "bearer" else None


BearerDep = Annotated[Bearer, Depends(bearer)]


@router.post("/v1/submissions", status_code=200, responses={202: {"description": "Kept, and being decided"}})
async def post_submission(
    request: Request,
    house: HouseDep,
    desk: DeskDep,
    take: TakeDep,
    kind: Annotated[str | None, Query(pattern="^(results|enrolments|awards)$")] = None,
    idempotency_key: Annotated[str | None, Header(max_length=200)] = None,
    authorization: Annotated[str | None, Header()] = None,
) -> Response:
    """Take in a submission: signed JSON Lines, or a CSV file under the organisation's token."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type in JSON_LINES:
        body = await read_body(request, JSON_LINES_MAX_BYTES)
        answer = await _at_the_desk(desk, body.size, partial(desk.post_signed, body, take=take))
    elif media_type == "text/csv":
        who = bearer(house, authorization)
        data = (await read_body(request, CSV_MAX_BYTES)).whole()
        try:
            answer = await _at_the_desk(
                desk,
                len(data),
                partial(desk.post_file, who, data, kind=kind, idempotency_key=idempotency_key, take=take),
            )
        except UnreadableFile as error:
            return problem(error.status, error.code, error.detail, findings=error.findings)
        if _wants_csv(request) and answer.done:
            return _csv(answer_csv(data, answer.body["rows"]))
    else:
        raise Problem(415, "media-type", "Post application/jsonl (signed) or text/csv (with your token).")
    return _answer(answer)


def _answer(answer: Answer) -> Response:
    if answer.done:
        return _json(answer)
    location = f"/v1/submissions/{answer.head['submission']}"
    return _json(answer, status_code=202, headers={"Location": location, "Retry-After": "1"})


def _json(answer: Answer, **options: Any) -> Response:
    """Return an answer as JSON; one with many rows in parts, each made when the one before is on its way."""
    if answer.is_small:
        return JSONResponse(answer.body, **options)
    return StreamingResponse(answer.as_json(), media_type="application/json", **options)


def _wants_csv(request: Request) -> bool:
    return request.headers.get("accept", "").startswith("text/csv")


def _csv(data: bytes) -> Response:
    return Response(data, media_type="text/csv; charset=utf-8")


async def _at_the_desk(desk: Desk, size: int, take_in: Callable[[], Answer]) -> Answer:
    """Take a body of that many bytes in; small ones have threads of their own, so no file is waited for.

    They are few: each post goes through Python's lock a hundred times, and more of them at once spend as
    much on handing it over as on the work.
    """
    return await run_sync(take_in, limiter=desk.threads if size <= SMALL_BYTES else None)


@router.get("/v1/submissions/{jti}")
def get_submission(jti: UUID, desk: DeskDep, who: BearerDep, take: TakeDep) -> Response:
    """Return what became of a submission, as far as it is decided."""
    answer = desk.look(who, jti, take=take)
    # What is asked for is here: 200, and `status` says whether it is still being decided.
    return _json(answer, headers={} if answer.done else {"Retry-After": "1"})


@router.get("/v1/submissions/{jti}/rows")
def get_rows(
    request: Request,
    jti: UUID,
    desk: DeskDep,
    who: BearerDep,
    take: TakeDep,
    status: Annotated[str | None, Query(max_length=40)] = None,
    format: Annotated[str, Query(pattern="^(jsonl|csv)$")] = "jsonl",  # noqa: A002 - the query's name
) -> Response:
    """Return the outcomes of a submission row by row, in input order: JSON Lines, or the file answered."""
    answer = desk.look(who, jti, take=take)
    if format == "csv" or _wants_csv(request):
        data = desk.file_of(who, jti)
        if data is None:
            raise Problem(
                406, "not-a-file", "This submission came signed, not as a file: ask for format=jsonl."
            )
        return _csv(answer_csv(data, list(answer.rows())))
    wanted = (row for row in answer.rows() if status is None or row["status"] == status)
    return StreamingResponse(as_json_lines(wanted), media_type="application/jsonl")


@router.get("/v1/receipts/{position}")
def get_receipt(
    request: Request,
    position: NumberPath,
    house: HouseDep,
    authorization: Annotated[str | None, Header()] = None,
) -> Response:
    """Return a record's entry and its proof to anyone; what opens it, to the organisation that said it."""
    proven = prove(house.ledger.store, house.publisher.tree, position, house.publisher.policy)
    opened = _opened(house, proven, _bearer(house, authorization))
    if request.headers.get("accept", "").startswith(PROOF_TYPE):
        return PlainTextResponse(opened or proven.proof(), media_type=f"{PROOF_TYPE}; charset=utf-8")
    body = public_receipt(proven)
    return JSONResponse(body if opened is None else {**body, "receipt": opened})


def _opened(house: House, proven: Proven, who: Bearer | None) -> str | None:
    """Return the receipt that opens a private record, for its owner."""
    record, ledger = proven.record, house.ledger
    if who is None or record.gone is not None or EVENTS[record.topic].PRIVACY is PUBLIC:
        return None
    if ledger.store.organisation_of(record.submission) != who.organisation:
        return None
    event = ledger.mapper.to_domain_event(record.event)
    if event.SUBJECT == LEARNER:
        # Nothing personal stands in a receipt, but what is sealed about somebody is opened to make it.
        reader = Reader(ORGANISATION, OWN_STATEMENT, who.organisation)
        house.issuer.accesses.write(reader, {event.subject: RECEIPT})
    key = ledger.vault.keys([event.subject]).get(event.subject)
    return None if key is None else provider_receipt(proven, key)
