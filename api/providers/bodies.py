"""The body of a posted submission: taken in part by part, packed as it comes.

So a server's memory is not what people post into it.
"""

from starlette.requests import Request

from api.problems import Problem
from ledger.encoding.packed import Packed


async def read_body(request: Request, size_max_bytes: int) -> Packed:
    """Return the body of a request, 413 as soon as it is larger than allowed."""
    body = Packed()
    async for part in request.stream():
        body.add(part)
        if body.size > size_max_bytes:
            raise Problem(
                413, "too-large", f"At most {size_max_bytes // 1_000_000} MB in one submission: split it."
            )
    return body
