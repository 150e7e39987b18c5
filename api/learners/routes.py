"""A learner's own record: the page, the data and the signed documents, at one address each.

Only ever the record of whoever asks: an award of somebody else is not there, the same as one that
never was. Nothing of it is kept on the way.

Source: SPEC.md 6; INTERFACES.md 3; DOMAIN.md 6.2, 6.3.
"""

from collections.abc import Iterable
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from api.dependencies import HouseDep
from api.learners.pages import choice_page, record_page
from api.learners.personas import CHALLENGE, LearnerDep, NobodySignedIn, signed_in
from api.problems import Problem
from api.web.negotiation import HTML, JSON, chosen, prefers_html
from ledger.access.rows import OWN, RECORD_JSON
from projections.issuing import Made

router = APIRouter()

CREDENTIAL, ZIP = "application/vc", "application/zip"
_RECORD_FORMATS = {HTML: "page", JSON: "json", CREDENTIAL: "clr", ZIP: "bundle"}
_AWARD_FORMATS = {CREDENTIAL: "ob3", ZIP: "bundle"}
_HEADERS = {"Cache-Control": "no-store", "Vary": "Accept, Cookie"}

FormatQuery = Annotated[str | None, Query(alias="format", max_length=20)]


@router.get("/me")
def get_record(request: Request, house: HouseDep, wanted: FormatQuery = None) -> Response:
    """Return the record of whoever asks: page, JSON, CLR 2.0 (`clr`), or a bundle for offline checking."""
    try:
        learner = signed_in(request, house)
    except NobodySignedIn as error:
        if house.demo and prefers_html(request):
            asked = choice_page(request, house, status=error.status)
            asked.headers["WWW-Authenticate"] = CHALLENGE
            return asked
        raise
    form = wanted or _RECORD_FORMATS[chosen(request, list(_RECORD_FORMATS))]
    if form not in _RECORD_FORMATS.values():
        raise _unknown_format(_RECORD_FORMATS.values())
    if form == "page":
        return record_page(request, house, house.issuer.record(learner, OWN))
    if form == "json" and wanted is None:
        record = house.issuer.record(learner, OWN, RECORD_JSON)
        return JSONResponse(record.as_json(), headers=_HEADERS)
    if form != "json" and not house.issuer.awards_in_force(learner):
        raise Problem(
            404,
            "no-awards",
            "A signed record holds at least one award in force, and this record has none yet. "
            "format=json shows what is in progress.",
            _HEADERS,
        )
    return _download(house.issuer.export(learner, form, reader=OWN))


@router.get("/me/awards/{award}")
def get_award(
    request: Request, award: UUID, house: HouseDep, learner: LearnerDep, wanted: FormatQuery = None
) -> Response:
    """Return one award of whoever asks: Open Badges 3.0 (`ob3`), or a bundle for offline checking."""
    if wanted is None and prefers_html(request):
        # A person is shown the award where it stands in the record.
        return RedirectResponse(f"/me#award-{award}", status_code=303, headers=_HEADERS)
    form = wanted or _AWARD_FORMATS.get(chosen(request, [CREDENTIAL, JSON, ZIP]), "ob3")
    if form not in _AWARD_FORMATS.values():
        raise _unknown_format(_AWARD_FORMATS.values())
    return _download(house.issuer.export(learner, form, award, reader=OWN))


def _download(made: Made) -> Response:
    headers = {**_HEADERS, "Content-Disposition": f'attachment; filename="{made.name}"'}
    return Response(made.data, media_type=made.media_type, headers=headers)


def _unknown_format(known: Iterable[str]) -> Problem:
    names = ", ".join(one for one in known if one != "page")
    return Problem(406, "format", f"format is one of: {names}.", _HEADERS)
