"""Who has read one's record: the list as a page, and as data with everything needed to check it.

To look at the list opens what is sealed, so that is in the list too.

Source: LEDGER.md 5 (the learner sees row and path); docs/formats/access-log.md.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from typing import Annotated, Any
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Query, Request
from starlette.responses import JSONResponse, Response

from api.dependencies import House, HouseDep
from api.learners.personas import LearnerDep
from api.problems import Problem
from api.web.negotiation import HTML, JSON, chosen
from api.web.pages import private_page
from ledger.access import KEEP_YEARS, Listed, Place, Shown
from ledger.access.rows import ACCESS_LOG, OWN
from ledger.clock import civil_date
from ledger.encoding.strict_json import b64url

router = APIRouter()

FORMAT_VERSION = 1
_HEADERS = {"Cache-Control": "no-store", "Vary": "Accept, Cookie"}
_CURSOR = re.compile(r"(\d{4}-\d{2}-\d{2})\.(\d{1,15})", re.ASCII)
_FORMATS = {HTML: "page", JSON: "json"}
EVERYBODY, OTHERS = "everybody", "others"

WantedQuery = Annotated[str | None, Query(alias="format", pattern="^(page|json)$")]
ByQuery = Annotated[str, Query(pattern=f"^({EVERYBODY}|{OTHERS})$")]
BeforeQuery = Annotated[str | None, Query(max_length=30)]


@dataclass(frozen=True, slots=True)
class Read:
    """One line of the list.

    day: in whose tree it stands. number, name: of the organisation that read, None where none did.
    """

    day: date
    at_us: int
    who: str
    what: str
    why: str
    number: int | None
    name: str | None
    place: Place | None

    @property
    def is_late(self) -> bool:
        """Whether it stands in a later day, because its own was closed already."""
        return civil_date(self.at_us) != self.day


@router.get("/me/access")
def get_accesses(
    request: Request,
    house: HouseDep,
    learner: LearnerDep,
    wanted: WantedQuery = None,
    by: ByQuery = EVERYBODY,
    before: BeforeQuery = None,
) -> Response:
    """Return who has read the record of whoever asks, newest first, fifty at a time."""
    form = wanted or _FORMATS[chosen(request, list(_FORMATS))]
    place = None if before is None else _place(before)
    house.issuer.accesses.write(OWN, {learner: ACCESS_LOG})
    listed = house.issuer.accesses.of(learner, with_own=by == EVERYBODY, before=place)
    following = _following(listed, by, wanted)
    if form == "json":
        return JSONResponse(as_json(house, learner, listed, following), headers=_HEADERS)
    return private_page(
        request,
        "accesses.html",
        days=_by_day(_read(house, one) for one in listed.rows),
        by=by,
        first=before is None,
        following=following,
        data=_address(by, "json", before),
        years=KEEP_YEARS,
    )


def as_json(house: House, learner: UUID, listed: Listed, following: str | None) -> dict[str, Any]:
    """Return the list as data: each row as its exact text, and where its leaf stands in a public root."""
    return {
        "v": FORMAT_VERSION,
        "log": house.ledger.founding.origin,
        "learner": str(learner),
        "rows": [_row(one) for one in listed.rows],
        "next": following,
    }


def _row(one: Shown) -> dict[str, Any]:
    return {
        "day": one.day.isoformat(),
        "row": one.opened.row.decode(),
        "salt": b64url(one.opened.salt),
        "closed": None if one.place is None else _closed(one.place),
    }


def _closed(place: Place) -> dict[str, Any]:
    return {
        "index": place.number,
        "size": place.closed.rows,
        "path": [b64url(one) for one in place.path],
        "root": b64url(place.closed.root),
        "position": place.closed.position,
    }


def _read(house: House, one: Shown) -> Read:
    access = one.opened.access
    reader = access.reader
    organisation = None if reader.by is None else house.ledger.register().organisation(reader.by)
    return Read(
        one.day,
        access.at_us,
        reader.who,
        access.what,
        reader.why,
        None if organisation is None else organisation.number,
        None if organisation is None else organisation.name_en,
        one.place,
    )


def _by_day(reads: Iterable[Read]) -> list[tuple[str, list[Read]]]:
    return [(day.isoformat(), list(group)) for day, group in groupby(reads, key=lambda one: one.day)]


def _following(listed: Listed, by: str, wanted: str | None) -> str | None:
    if listed.more is None:
        return None
    day, number = listed.more
    return _address(by, wanted, f"{day.isoformat()}.{number}")


def _address(by: str, wanted: str | None, before: str | None) -> str:
    parts = {"by": by, "format": wanted, "before": before}
    return f"/me/access?{urlencode({name: value for name, value in parts.items() if value is not None})}"


def _place(cursor: str) -> tuple[date, int]:
    found = _CURSOR.fullmatch(cursor)
    try:
        if found is not None:
            return date.fromisoformat(found[1]), int(found[2])
    except ValueError:
        pass
    raise Problem(
        400, "cursor", "The cursor of a page is not one of ours. Begin again at /me/access.", _HEADERS
    )
