"""What doors are given: the open ledger and everything that reads from it.

Made once by whoever starts the process (`api.house`), closed with the server.
"""

from typing import Annotated

from fastapi import Depends, Path, Request

from api.house import House

__all__ = ["House", "HouseDep", "NumberPath", "house"]

# A number in an address, as far as the store can hold one: beyond it there is nothing to be had.
NumberPath = Annotated[int, Path(ge=0, le=2**63 - 1)]


def house(request: Request) -> House:
    """Return the house that serves a request."""
    found: House = request.app.state.house
    return found


HouseDep = Annotated[House, Depends(house)]
