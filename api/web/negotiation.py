"""Who gets what: a page for people, JSON for programs, at the same address.

Source: INTERFACES.md 2; RFC 9110 §12.5.1.
"""

from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import NamedTuple

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

HTML, JSON = "text/html", "application/json"
_QUALITY_MAX = 1.0


class _Range(NamedTuple):
    """One media range of an Accept header, and how welcome it is: 0 (not at all) to 1."""

    media_type: str
    quality: float

    def covers(self, media_type: str) -> int:
        """Return 0 where it does not cover a type, and more the more particular it is."""
        if self.media_type == media_type:
            return 3
        kind, _, rest = self.media_type.partition("/")
        if rest == "*":
            return 2 if kind == media_type.partition("/")[0] else int(kind == "*")
        return 0


def prefers_html(request: Request) -> bool:
    """Return whether whoever asks wants a page: browsers name `text/html`, programs rarely do."""
    ranges = _ranges(request)
    named = any(one.media_type in (HTML, "text/*") and one.quality > 0 for one in ranges)
    return named and _quality(HTML, ranges) >= _quality(JSON, ranges)


def chosen(request: Request, offers: Sequence[str]) -> str:
    """Return the media type to answer with.

    Args:
        request: its `Accept` decides; every answer that depends on it says `Vary: Accept`.
        offers: what there is. Of equally welcome ones the first wins, but a page goes only to those
            who name it.

    Raises:
        HTTPException: (406) nothing of what there is would be accepted.
    """
    ranges = _ranges(request)
    if HTML in offers and prefers_html(request):
        return HTML
    best = max(offers, key=lambda offer: (_quality(offer, ranges), offer != HTML))
    if _quality(best, ranges) == 0:
        raise HTTPException(406)
    return best


def answer(
    request: Request, body: bytes, media_type: str, *, cache_control: str, vary: bool = True
) -> Response:
    """Return an answer with an ETag of its content, or 304 where the asker has it already."""
    etag = f'"{sha256(body).hexdigest()[:32]}"'
    headers = {"ETag": etag, "Cache-Control": cache_control}
    if vary:
        headers["Vary"] = "Accept"
    if _matches(request.headers.get("if-none-match", ""), etag):
        return Response(status_code=304, headers=headers)
    return Response(body, media_type=media_type, headers=headers)


def is_foreign(request: Request) -> bool:
    """Return whether a browser says that another site made it send this request."""
    return request.headers.get("sec-fetch-site", "none") not in ("same-origin", "none")


def _matches(header: str, etag: str) -> bool:
    known = {one.strip().removeprefix("W/") for one in header.split(",")}
    return etag in known or "*" in known


def _quality(media_type: str, ranges: Iterable[_Range]) -> float:
    covering = [(one.covers(media_type), one.quality) for one in ranges]
    particular, quality = max(covering, default=(0, 0.0))
    return quality if particular else 0.0


def _ranges(request: Request) -> list[_Range]:
    header = ",".join(request.headers.getlist("accept"))
    return [_range(part) for part in header.split(",") if part.strip()] or [_Range("*/*", _QUALITY_MAX)]


def _range(part: str) -> _Range:
    media_type, *parameters = (piece.strip() for piece in part.split(";"))
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "q":
            return _Range(media_type.lower(), _number(value))
    return _Range(media_type.lower(), _QUALITY_MAX)


def _number(text: str) -> float:
    try:
        quality = float(text)
    except ValueError:
        return 0.0
    return quality if 0 <= quality <= _QUALITY_MAX else 0.0
