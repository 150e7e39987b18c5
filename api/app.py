"""The composition root: opens a ledger with everything around it, and puts the doors together.

The only place where things are wired to each other.
"""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI
from projections.catalogue import Views
from projections.issuing import Issuer

from api import employers, learners, register
from api.dependencies import House
from api.operations.background import Background
from api.problems import add_handlers
from api.providers.posting import Desk
from api.providers.routes import router as providers
from api.security.headers import SafeHeaders
from api.security.tokens import Tokens
from api.settings import DEMO_MARK, Settings
from api.transparency.routes import router as transparency
from api.web.pages import add_static
from ledger.application import Ledger
from ledger.errors import Absent, Rollback, Split, Unauthorised
from ledger.files import LedgerFiles
from ledger.founding import CHECKPOINT
from ledger.publisher import Publisher
from ledger.store.anchor import Anchor

VERSION = "0.1.0"


def files_of(data: Path, settings: Settings) -> LedgerFiles:
    """Return where the ledger in `data` keeps its files."""
    return LedgerFiles(data, settings.anchor)


def passphrase_of(files: LedgerFiles, settings: Settings) -> bytes:
    """Return the passphrase that opens keys and epoch file; Unauthorised when its file is not there."""
    path = settings.passphrase_file or files.passphrase
    try:
        return path.read_bytes().strip()
    except FileNotFoundError as error:
        raise Unauthorised(
            f"the passphrase file {path.name} is not there: set ROA_PASSPHRASE_FILE"
        ) from error


def open_house(data: Path, settings: Settings | None = None) -> House:
    """Open the ledger in a folder, compare it with its anchor, and open its views.

    Raises:
        Absent: there is no ledger in the folder.
        Unauthorised: the passphrase is missing or wrong.
    """
    settings = settings or Settings()
    files = files_of(data, settings)
    if not files.exists:
        raise Absent(f"there is no ledger in {data}: make one with `roa init` or `roa demo`")
    return furnish(Ledger(files, passphrase_of(files, settings)), settings)


def furnish(ledger: Ledger, settings: Settings) -> House:
    """Put publisher, views, documents and tokens around an open ledger."""
    origin = ledger.founding.origin
    publisher = Publisher(
        ledger.store,
        Anchor(ledger.files.anchor, origin),
        ledger.keystore.get(CHECKPOINT),
        origin,
        ledger.clock,
    )
    views = Views(ledger)
    house = House(
        ledger=ledger,
        publisher=publisher,
        views=views,
        issuer=Issuer(ledger, publisher, views),
        tokens=Tokens(ledger.jobs),
        settings=settings,
    )
    mark = ledger.files.folder / DEMO_MARK
    if mark.exists():
        house.demo, house.personas = True, json.loads(mark.read_text())["personas"]
    try:
        publisher.check()
    except (Rollback, Split) as error:
        house.fault = error
    return house


def close_house(house: House) -> None:
    """Close every file."""
    house.views.close()
    house.ledger.close()


def create_app(house: House) -> FastAPI:
    """Return the application that serves a house."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        background = Background(house)
        background.start()
        app.state.desk.start()
        yield
        app.state.desk.stop()
        background.stop()

    app = FastAPI(
        title="Achievement Ledger",
        version=VERSION,
        lifespan=lifespan,
        # Validation logs would carry learners' data.
        telemetry={"logs": False},
        docs_url=None,
        redoc_url=None,
    )
    app.state.house = house
    app.state.desk = Desk(house)
    add_handlers(app)
    app.add_middleware(SafeHeaders)
    for router in (providers, transparency, register.router, employers.router, learners.router):
        app.include_router(router)
    if house.demo:
        app.include_router(learners.demo_router)
    add_static(app)
    return app
