"""The composition root: puts the doors together around an open ledger.

The only place where things are wired to each other.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from api import employers, learners, register
from api.employers.checkers import Checkers
from api.house import House
from api.operations.background import Background
from api.operations.routes import router as operations
from api.problems import add_handlers
from api.providers.posting import Desk
from api.providers.routes import router as providers
from api.security.headers import HeadAsGet, SafeHeaders
from api.transparency.routes import router as transparency
from api.web.pages import add_static

VERSION = "0.1.0"


def create_app(house: House, *, checkers: Checkers | None = None) -> FastAPI:
    """Return the application that serves a house; `checkers` check credentials, its threads without them."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        background = Background(house)
        background.start()
        app.state.desk.start()
        yield
        app.state.desk.stop()
        background.stop()
        if checkers is not None:
            checkers.close()

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
    app.state.checkers = checkers
    add_handlers(app)
    app.add_middleware(SafeHeaders)
    app.add_middleware(HeadAsGet)
    for router in (providers, transparency, operations, register.router, employers.router, learners.router):
        app.include_router(router)
    if house.demo:
        app.include_router(learners.demo_router)
    add_static(app)
    return app
