"""What doors are given: the open ledger and everything that reads from it.

Made once by the composition root (`api.app`), closed with the server.
"""

from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends, Request
from projections.catalogue import Views
from projections.issuing import Issuer

from api.security.tokens import Tokens
from api.settings import Settings
from ledger.application import Ledger
from ledger.errors import LedgerError, Unavailable
from ledger.publisher import Publisher


@dataclass(slots=True)
class House:
    """One ledger with its publisher, views, documents and tokens.

    `fault` is set when the anchor and the database do not agree: reads go on, writes stop.
    """

    ledger: Ledger
    publisher: Publisher
    views: Views
    issuer: Issuer
    tokens: Tokens
    settings: Settings
    demo: bool = False
    fault: LedgerError | None = None
    personas: list[dict[str, str]] = field(default_factory=list)

    def check_writable(self) -> None:
        """Raise what stops writing: a rollback, or two histories."""
        if self.fault is not None:
            raise Unavailable(f"writing has stopped: {self.fault}", code=self.fault.code)

    def catch_up(self) -> None:
        """Publish what is stored and fold it into the views, now."""
        self.publisher.publish()
        self.views.catch_up()


def house(request: Request) -> House:
    """Return the house that serves a request."""
    found: House = request.app.state.house
    return found


HouseDep = Annotated[House, Depends(house)]
