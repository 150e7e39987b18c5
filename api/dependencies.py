"""What doors are given: the open ledger and everything that reads from it.

Made once by whoever starts the process (`api.house`), closed with the server.
"""

from typing import Annotated

from fastapi import Depends, Request

from api.house import House

__all__ = ["House", "HouseDep", "house"]


def house(request: Request) -> House:
    """Return the house that serves a request."""
    found: House = request.app.state.house
    return found


HouseDep = Annotated[House, Depends(house)]
