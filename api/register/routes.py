"""The register over HTTP: a page for people and JSON for programs, at the same address.

Source: INTERFACES.md 2 and 5; SPEC.md 6.
"""

import json
from collections.abc import Callable
from datetime import date
from typing import Any

from fastapi import APIRouter, Request
from starlette.exceptions import HTTPException
from starlette.responses import Response

from api.dependencies import House, HouseDep, NumberPath
from api.register import facts
from api.register.asked import STATUSES, day_of, first_address, next_address, search_of
from api.web.negotiation import HTML, JSON, answer, chosen
from api.web.pages import A_MOMENT, page
from ledger.clock import civil_date
from ledger.errors import Absent
from ledger.policy.framework import LEVELS, level_sentence
from projections.directory import CREDENTIAL, Organisation
from projections.public_register import Found, Listing, PublicRegisterView, Search

router = APIRouter()

_FORMATS = {"json": JSON, "html": HTML}
_DEVELOPED_MAX = 200
_FILTERS = ("provider", "level", "field", "status", "credits_min", "credits_max", "at")


@router.get("/register")
def get_register(request: Request, house: HouseDep) -> Response:
    """Search the register: `q provider level field status credits_min credits_max at`, by pages (`after`)."""
    wanted = _form(request)
    search = search_of(request.query_params, _today(house))
    found = house.views.public_register.search(search)
    following = None if found.after is None else next_address("/register", request.query_params, found.after)
    if wanted == JSON:
        body = {"as_on": search.on.isoformat(), **found.as_json(), "next": following}
        made = _json(request, body)
    else:
        made = page(
            request,
            "register.html",
            asked={name: request.query_params.get(name, "").strip() for name in ("q", *_FILTERS)},
            filtered=any(request.query_params.get(name, "").strip() for name in _FILTERS),
            search=search,
            found=found,
            following=following,
            first=first_address("/register", request.query_params),
            organisations=house.views.public_register.organisations(),
            levels=LEVELS,
            known_statuses=STATUSES,
            today=_today(house),
        )
    if following is not None:
        made.headers["Link"] = f'<{following}>; rel="next"'
    return made


@router.get("/register/{code}")
def get_microcredential(request: Request, code: str, house: HouseDep) -> Response:
    """Return the newest version of a micro-credential."""
    listing = _listing(house, code)
    made = _microcredential(request, house, listing)
    made.headers["Link"] = f'<{_address(listing)}>; rel="canonical"'
    return made


@router.get("/register/{code}/v{version:int}")
def get_version(request: Request, code: str, version: NumberPath, house: HouseDep) -> Response:
    """Return one version, which never changes, with how it stands today or on the day `at`."""
    return _microcredential(request, house, _listing(house, code, version))


@router.get("/register/{code}/v{version:int}/approval")
def get_approval(request: Request, code: str, version: NumberPath, house: HouseDep) -> Response:
    """Return what was approved about a version, today or on the day `at`."""
    wanted, listing = _form(request), _listing(house, code, version)
    on = day_of(request.query_params, _today(house))
    register = house.views.public_register
    body = facts.approval(listing, register.regulator_name(), on)
    support = body["support"]
    return _either(
        request,
        wanted,
        body,
        lambda: page(
            request,
            "approval.html",
            approval=body,
            on=on,
            today=_today(house),
            supporter=register.organisation_name(support["body"]) if support else None,
        ),
    )


@router.get("/providers/{number:int}")
def get_provider(request: Request, number: int, house: HouseDep) -> Response:
    """Return who a provider is, today or on the day `at`, and what it may deliver."""
    wanted, member = _form(request), _member(house, number)
    on = day_of(request.query_params, _today(house))
    register = house.views.public_register
    body = facts.provider(member, house.issuer.host, on)
    body |= {"accreditations": facts.accreditation(member, register, on)["accreditations"]}
    return _either(
        request,
        wanted,
        body,
        lambda: page(
            request,
            "provider.html",
            provider=body,
            has_keys=bool(member.keys_for(CREDENTIAL)),
            on=on,
            today=_today(house),
            developed=_developed(register, number, on),
        ),
    )


@router.get("/providers/{number:int}/accreditation")
def get_accreditation(request: Request, number: int, house: HouseDep) -> Response:
    """Return what a provider may deliver, today or on the day `at`."""
    wanted, member = _form(request), _member(house, number)
    on = day_of(request.query_params, _today(house))
    register = house.views.public_register
    body = facts.accreditation(member, register, on)
    return _either(
        request,
        wanted,
        body,
        lambda: page(
            request,
            "accreditation.html",
            held=body,
            ever=facts.accreditation(member, register, on, ever=True)["accreditations"],
            on=on,
            today=_today(house),
        ),
    )


def _microcredential(request: Request, house: House, listing: Listing) -> Response:
    wanted = _form(request)
    on = day_of(request.query_params, _today(house))
    return _either(
        request,
        wanted,
        listing.as_json(on),
        lambda: page(
            request,
            "microcredential.html",
            listing=listing,
            on=on,
            today=_today(house),
            level_means=level_sentence(listing.level),
            developer=house.views.public_register.organisation(listing.developer),
            regulator=house.views.public_register.regulator_name(),
            history=facts.history(listing),
        ),
    )


def _form(request: Request) -> str:
    """Return which form is asked for: by `format`, else by `Accept`."""
    asked = request.query_params.get("format")
    if asked is None:
        return chosen(request, [HTML, JSON])
    if asked not in _FORMATS:
        raise HTTPException(406)
    return _FORMATS[asked]


def _either(
    request: Request, wanted: str, body: dict[str, Any], made_page: Callable[[], Response]
) -> Response:
    return _json(request, body) if wanted == JSON else made_page()


def _json(request: Request, body: dict[str, Any]) -> Response:
    return answer(request, json.dumps(body, ensure_ascii=False).encode(), JSON, cache_control=A_MOMENT)


def _today(house: House) -> date:
    return civil_date(house.ledger.clock.now_us())


def _listing(house: House, code: str, version: int | None = None) -> Listing:
    found = house.views.public_register.listing(code, version)
    if found is None:
        raise Absent("the register has no such micro-credential, or no such version of it")
    return found


def _member(house: House, number: int) -> Organisation:
    found = house.views.directory.organisation(number)
    if found is None:
        raise Absent("no organisation of that number is registered here")
    return found


def _developed(register: PublicRegisterView, number: int, on: date) -> list[Found]:
    found = register.search(Search(on=on, organisation=str(number)), limit=_DEVELOPED_MAX).found
    return [one for one in found if one.developer == str(number)]


def _address(listing: Listing) -> str:
    return f"/register/{listing.code}/v{listing.version}"
