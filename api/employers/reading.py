"""What was posted to be checked: read into memory within limits, and kept nowhere.

Source: INTERFACES.md 4 and 9; SPEC.md 6.
"""

from collections.abc import AsyncGenerator
from typing import NamedTuple

from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from api.problems import Problem

# The largest bundle that is checked has 4 MiB; the rest is the frame of a form.
BODY_MAX_BYTES = 5 * 1024 * 1024
TEXT_MAX_BYTES = 2 * 1024 * 1024
_FORM = "multipart/form-data"
_FIELDS_MAX = 4


class Posted(NamedTuple):
    """What somebody wants checked; `name` is the file's, None where it came without one."""

    data: bytes
    name: str | None = None


async def read_posted(request: Request) -> Posted:
    """Return the body of a request, or what a form in it carries: a file, else pasted text.

    Raises:
        Problem: (413) larger than anything that is checked; (400) nothing there, or not a form.
    """
    body = await _body(request)
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    posted = await _form(request, body) if kind == _FORM else Posted(body)
    if not posted.data.strip():
        raise Problem(400, "empty", "Nothing was sent: choose a file, or paste the text of a credential.")
    return posted


async def _body(request: Request) -> bytes:
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > BODY_MAX_BYTES:
            raise Problem(413, "too-large", "At most 4 MB are checked at once: a credential, or a bundle.")
        parts.append(part)
    return b"".join(parts)


async def _form(request: Request, body: bytes) -> Posted:
    async def stream() -> AsyncGenerator[bytes, None]:
        yield body

    parser = MultiPartParser(
        request.headers, stream(), max_files=1, max_fields=_FIELDS_MAX, max_part_size=TEXT_MAX_BYTES
    )
    # Files stay in memory: nothing that is posted here touches a disk.
    parser.spool_max_size = BODY_MAX_BYTES + 1
    try:
        form = await parser.parse()
    except (MultiPartException, KeyError, ValueError) as error:
        raise Problem(400, "malformed", "The form cannot be read: send the file by itself.") from error
    try:
        file, text = form.get("file"), form.get("text")
        if isinstance(file, UploadFile) and (data := await file.read()):
            return Posted(data, file.filename or None)
        return Posted(text.encode() if isinstance(text, str) else b"")
    finally:
        await form.close()
