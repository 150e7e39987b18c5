"""A small ledger behind its doors, asked as browsers and programs ask: `site.get("/register")`.

Four invented learners: ANA holds an award, BEN's was revoked, CARA is in the middle of it, DAN has
only been registered. 25 further micro-credentials fill more than one page of the register.
"""

from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any
from uuid import UUID

from httpx2 import Response
from starlette.testclient import TestClient

from api.app import create_app
from api.house import House, furnish
from api.learners.personas import COOKIE
from api.settings import Settings
from ledger.founding import REGISTRAR
from tests.support import ledgers
from tests.support.ledgers import PROVIDER_KEY, a_study_ledger, statement
from tests.support.world import ANA, BEN, PROVIDER, Human, a_result, synthetic_nsn

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"
CARA = Human(synthetic_nsn(3), "Ānahera <i>", "Hōhepa & Tūī")
DAN = Human(synthetic_nsn(4), "Dan", "Empty")
EVIL_TITLE = 'Tools & <script>alert("1")</script> Ōtautahi (Micro-credential)'
FILLING = [f"{number}" for number in range(7001, 7026)]


@dataclass
class Site:
    """A ledger, its house, and a way to ask it. `learners`: NSN to learner id, `awards`: NSN to award id."""

    ledger: ledgers.House
    house: House
    learners: dict[str, UUID] = field(default_factory=dict)
    awards: dict[str, UUID] = field(default_factory=dict)

    @cached_property
    def client(self) -> TestClient:
        """A client that follows nothing and keeps no cookies."""
        app = create_app(self.house)
        return TestClient(app, follow_redirects=False, raise_server_exceptions=False)

    def get(
        self, path: str, accept: str | None = BROWSER, who: Human | None = None, **headers: str
    ) -> Response:
        """Ask for something, as a browser does unless `accept` says otherwise."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if accept is not None:
            sent["Accept"] = accept
        if who is not None:
            sent["Cookie"] = f"{COOKIE}={self.learners[who.nsn]}"
        return self.client.get(path, headers=sent)

    def json(self, path: str, who: Human | None = None) -> Any:
        """Ask for JSON, insist on getting it, and return it."""
        response = self.get(path, "application/json", who)
        assert response.status_code == 200, response.text
        assert response.headers["content-type"] == "application/json"
        return response.json()

    def post(self, path: str, **options: Any) -> Response:
        """Post something."""
        return self.client.post(path, **options)

    def close(self) -> None:
        """Close every file."""
        self.house.views.close()
        self.ledger.close()


def an_empty_site(folder: Path, *, demo: bool = True) -> Site:
    """Return a site on a ledger in which nothing is published, with nobody to be."""
    ledger = a_study_ledger(folder)
    house = furnish(ledger.ledger, Settings())
    house.demo = demo
    return Site(ledger, house)


def a_site(folder: Path, *, demo: bool = True) -> Site:
    """Return a site with something on every page."""
    site = an_empty_site(folder, demo=demo)
    _fill_register(site.ledger)
    _fill_records(site)
    site.house.catch_up()
    if demo:
        site.house.personas = [
            {"learner": str(learner), "name": "", "story": "one of four"}
            for learner in site.learners.values()
        ]
    return site


def _fill_register(ledger: ledgers.House) -> None:
    ledger.organisation(95002, "provider", "developer", kind="wananga")
    ledger.listing(
        "6023", title=EVIL_TITLE, level=6, credits=5, purpose="To be <b>careful</b>.", nzsced="020199"
    )
    ledger.listing(
        "6024", title="Waning (Micro-credential)", pathways="Leads on to 6022.", languages=["en", "mi"]
    )
    ledger.listing("6025", title="Gone (Micro-credential)", qa_approach="thotk")
    for number, code in enumerate(FILLING):
        ledger.listing(code, title=f"Filling {number:02} (Micro-credential)", level=2, credits=10)
    for code in ("6023", "6024", "6025"):
        ledger.accredited(PROVIDER, code)
    status = {"version": 1, "cause": "no_longer_needed"}
    ended = {"provider": PROVIDER, "code": "6024", "ended_on": "2026-06-30", "reason": "surrendered"}
    reviewed = {"reviewed_on": "2024-02-20", "outcome": "continue", "next_due": "2027-03-01"}
    ledger.must(
        REGISTRAR,
        [
            _status("6024", "expiring", "2026-01-01", **status),
            _status("6025", "expiring", "2024-01-01", **status),
            _status("6025", "discontinued", "2026-10-01", **{**status, "cause": "expiry_ended"}),
            statement("accreditation.ended", **ended),
            statement("microcredential.reviewed", code="6022", version=1, **reviewed),
        ],
    )


def _status(code: str, status: str, from_: str, **members: Any) -> Any:
    return statement("microcredential.status_set", code=code, status=status, **{"from": from_}, **members)


def _fill_records(site: Site) -> None:
    ledger = site.ledger
    ledger.key("95001.credential", PROVIDER, "credential")
    humans = (ANA, BEN, CARA, DAN)
    registered = ledger.register(*humans)
    ledger.enrol(ANA, BEN, CARA)
    ledger.passed(ANA, BEN)
    missed = a_result(CARA, "LO2", grade="N")
    ledger.must(
        PROVIDER_KEY,
        [
            statement("assessment.passed", **a_result(CARA, "LO1", grade="M", method="rpl")),
            statement("assessment.not_achieved", **missed),
        ],
    )
    for human, outcome in zip((ANA, BEN), ledger.award(ANA, BEN), strict=True):
        assert outcome.award is not None
        site.awards[human.nsn] = outcome.award
    revoked = {
        "award": str(site.awards[BEN.nsn]),
        "reason": "issued_in_error",
        "effective_on": date(2026, 11, 20),
    }
    ledger.must(PROVIDER_KEY, [statement("award.revoked", **revoked)])
    for human, outcome in zip(humans, registered, strict=True):
        assert outcome.position is not None
        (record,) = ledger.ledger.store.select_notifications(outcome.position, 1)
        site.learners[human.nsn] = record.originator_id
