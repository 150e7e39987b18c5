"""The composition root: puts the doors together around an open ledger.

The only place where things are wired to each other.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from api import employers, learners, register
from api.admission import Admission, Admitting
from api.employers.checkers import Checkers
from api.house import House
from api.operations.background import Background
from api.operations.gauges import Gauges
from api.operations.metrics import router as metrics
from api.operations.routes import router as operations
from api.problems import add_handlers
from api.providers.posting import Desk
from api.providers.routes import router as providers
from api.security.headers import HeadAsGet, SafeHeaders
from api.telemetry.requests import Requests
from api.telemetry.watching import Telemetry
from api.transparency.routes import router as transparency
from api.web.pages import add_static

VERSION = "0.1.0"


def create_app(
    house: House, *, checkers: Checkers | None = None, telemetry: Telemetry | None = None
) -> FastAPI:
    """Return the application that serves a house.

    Args:
        house: what is served.
        checkers: check credentials; its own threads do without them.
        telemetry: counts and traces; it only counts where left out.
    """
    telemetry = telemetry or Telemetry()
    admission = Admission()

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
        telemetry.close()

    app = FastAPI(
        title="Achievement Ledger",
        version=VERSION,
        lifespan=lifespan,
        # The framework's own would carry addresses as they were asked for, and what was sent.
        telemetry={"tracing": False, "metrics": False, "logs": False},
        docs_url=None,
        redoc_url=None,
    )
    app.state.house = house
    app.state.desk = Desk(house)
    app.state.checkers = checkers
    add_handlers(app)
    app.add_middleware(Admitting, admission=admission)
    app.add_middleware(SafeHeaders)
    app.add_middleware(HeadAsGet)
    app.add_middleware(Requests, telemetry=telemetry)
    house.ledger.watch = telemetry
    queues = {
        "requests": admission.queue,
        "submissions": app.state.desk.queue,
        "writes": house.ledger.store.database.sharing.queue,
        **({} if checkers is None else {"checks": checkers.queue}),
    }
    telemetry.measures.registry.register(Gauges(house, queues, VERSION))
    if house.settings.metrics_token_file is not None:
        app.state.measures = telemetry.measures
        app.include_router(metrics)
    for router in (providers, transparency, operations, register.router, employers.router, learners.router):
        app.include_router(router)
    if house.demo:
        app.include_router(learners.demo_router)
    add_static(app)
    return app
