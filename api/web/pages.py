"""Pages: templates filled in, served with what every page has in common.

Pages work without script, and there is none. The doors give plain values; the templates put words
to them (`api.web.words`), and escape whatever comes from outside.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from api.house import House
from api.web import words
from api.web.negotiation import HTML, answer, prefers_html
from api.web.static_files import StaticFiles

TEMPLATES = Path(__file__).parent / "templates"
A_MOMENT = "public, max-age=0, must-revalidate"
NOT_KEPT = "no-store"
static_files = StaticFiles()


@dataclass(frozen=True, slots=True)
class Site:
    """What pages say about the ledger they belong to.

    demo: everything in it is invented, and every page says so.
    contact: whom to ask.
    """

    demo: bool
    contact: str


def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(words.FILTERS)
    made.globals.update(words.TABLES, said=words.said, te_reo=words.te_reo, asset=static_files.url)
    return made


environment = _environment()


def text_of(request: Request, template: str, **values: Any) -> str:
    """Return a filled-in template; a name that it asks for and is not given is an error."""
    site: Site = request.app.state.site
    return environment.get_template(template).render(site=site, path=request.url.path, **values)


def page(request: Request, template: str, *, cache_control: str = A_MOMENT, **values: Any) -> Response:
    """Return a page that anyone may see, with an ETag."""
    return answer(
        request,
        text_of(request, template, **values).encode(),
        f"{HTML}; charset=utf-8",
        cache_control=cache_control,
    )


def private_page(request: Request, template: str, *, status: int = 200, **values: Any) -> Response:
    """Return a page about one person, or one posted file: nobody on the way keeps a copy."""
    return HTMLResponse(
        text_of(request, template, **values),
        status_code=status,
        headers={"Cache-Control": NOT_KEPT, "Vary": "Accept, Cookie"},
    )


def problem_page(request: Request, problem: Mapping[str, Any], headers: Mapping[str, str]) -> Response | None:
    """Return a problem as a page where a person asks; None where JSON is the better answer."""
    if not prefers_html(request) or request.url.path.startswith("/v1/"):
        return None
    return HTMLResponse(
        text_of(request, "problem.html", problem=problem),
        status_code=problem["status"],
        headers={**headers, "Cache-Control": NOT_KEPT, "Vary": "Accept"},
    )


def add_static(app: FastAPI) -> None:
    """Serve style and typeface, and answer people's errors with pages."""
    house: House = app.state.house
    app.state.site = Site(house.demo, house.settings.statement_of_contact)
    app.state.problem_page = problem_page
    app.router.routes.append(Route("/static/{name:path}", static_files.serve, methods=["GET"]))
