"""Style, typeface, mark and the verifier's modules: read once, named by their content, cached for ever.

`style.css` is served as `/static/style.1b2c3d4e.css`. A changed file has another name, so nobody is
shown an old one, and what a style sheet's `url(…)` or a module's `from './…'` asks for is named the
same way.
"""

import re
from hashlib import sha256
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from api.web.negotiation import answer

FOLDER = Path(__file__).parent / "static"
FOR_EVER = "public, max-age=31536000, immutable"
MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".woff2": "font/woff2",
}
_HASH_CHARACTERS = 12
_URL = re.compile(rb"url\(([a-z0-9./-]+)\)")
_FROM = re.compile(rb"from '\./([a-z0-9-]+\.js)'")


class StaticFiles:
    """The files of a folder, by the names they are served under."""

    def __init__(self, folder: Path = FOLDER) -> None:
        self._folder = folder
        self._names: dict[str, str] = {}
        self._served: dict[str, tuple[bytes, str]] = {}
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                self._take(path.relative_to(folder).as_posix())

    def url(self, name: str) -> str:
        """Return the address of a file, such as `style.css`; KeyError when there is none."""
        return f"/static/{self._names[name]}"

    def serve(self, request: Request) -> Response:
        """Return a file by the name it is served under, HTTPException (404) for any other name."""
        found = self._served.get(request.path_params["name"])
        if found is None:
            raise HTTPException(404)
        content, media_type = found
        return answer(request, content, media_type, cache_control=FOR_EVER, vary=False)

    def _take(self, name: str) -> None:
        if name in self._names:
            return
        path = self._folder / name
        content = path.read_bytes()
        if path.suffix == ".css":
            content = _URL.sub(lambda match: b"url(%b)" % self._renamed(match[1].decode()), content)
        elif path.suffix == ".js":
            content = _FROM.sub(lambda match: b"from './%b'" % self._beside(name, match[1].decode()), content)
        stem = name.removesuffix(path.suffix)
        served = f"{stem}.{sha256(content).hexdigest()[:_HASH_CHARACTERS]}{path.suffix}"
        self._names[name] = served
        self._served[served] = content, MEDIA_TYPES[path.suffix]

    def _renamed(self, name: str) -> bytes:
        # Style sheets lie at the top, so what they name is relative to the folder.
        self._take(name)
        return self._names[name].encode()

    def _beside(self, name: str, module: str) -> bytes:
        # A module asks for those in its own folder, by a name that is relative to it.
        folder, _, _ = name.rpartition("/")
        return self._renamed(f"{folder}/{module}" if folder else module).rpartition(b"/")[2]
