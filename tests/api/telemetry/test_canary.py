"""A made-up person goes through every door, and nothing that an operator collects knows of them.

Name, NSN, date of birth, enrolment reference and e-mail address are put into paths, queries, headers,
cookies and bodies of every route, good and bad, and into exceptions; then log lines, figures, traces,
the error stream, and every error that was answered are searched for them. A route that is not in ROUTES
fails the first test: whoever adds one says here how a person could come into it.
"""

import asyncio
import json
import threading
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import quote
from uuid import UUID

import pytest
from fastapi import FastAPI
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from starlette.testclient import TestClient

from api.app import create_app
from api.dependencies import house as house_dependency
from api.employers.checkers import _serve
from api.house import furnish
from api.learners.personas import COOKIE
from api.operations.background import Background
from api.settings import Settings
from api.telemetry.traces import Tracing
from api.telemetry.watching import Telemetry
from ledger.errors import Corrupt, Unavailable
from ledger.privacy.vault import Vault
from tests.api.cli.shell import roa
from tests.api.door import Door, a_door, enrolment_line, enrolments_file, results_csv
from tests.support.ledgers import PASSPHRASE
from tests.support.world import PROVIDER, Human, reference, synthetic_nsn

EMAIL = "zebulon@canary.example"
PERSON = Human(synthetic_nsn(76543), "Zebulon", "Wīkiriwhi", date(1987, 6, 5))
REFERENCE = reference(PERSON)
CANARIES = (
    PERSON.nsn,
    PERSON.given,
    PERSON.family,
    "1987-06-05",
    REFERENCE,
    EMAIL,
    "kiriwhi",
    "canary.example",
)
TOKEN = "a token for figures"
SAID = f"{PERSON.given} {PERSON.family} {PERSON.nsn} 1987-06-05 {REFERENCE} {EMAIL}"
_IN_PATH = quote(SAID, safe="")
_UUID = "018f1f52-7a4b-7c3d-9e1f-0a1b2c3d4e5f"

# Each route with a path that leads to it and one whose parts are about the person.
ROUTES: dict[str, tuple[str, ...]] = {
    "/": ("/",),
    "/.well-known/did.json": ("/.well-known/did.json",),
    "/bodies/{segment}/did.json": ("/bodies/operator/did.json", f"/bodies/{_IN_PATH}/did.json"),
    "/demo/persona": ("/demo/persona",),
    "/framework/levels": ("/framework/levels",),
    "/healthz": ("/healthz",),
    "/log/checkpoint": ("/log/checkpoint",),
    "/log/policy": ("/log/policy",),
    "/log/tile/{path:path}": ("/log/tile/0/000.p/1", f"/log/tile/{_IN_PATH}/x"),
    "/me": ("/me",),
    "/me/access": ("/me/access", f"/me/access?before={PERSON.nsn}&by={_IN_PATH}"),
    "/me/awards/{award}": (f"/me/awards/{_UUID}", f"/me/awards/{_IN_PATH}"),
    "/metrics": ("/metrics",),
    "/openapi.json": ("/openapi.json",),
    "/problems": ("/problems",),
    "/providers/{number:int}": ("/providers/95001", f"/providers/{PERSON.nsn}"),
    "/providers/{number:int}/accreditation": (
        "/providers/95001/accreditation",
        f"/providers/{PERSON.nsn}/accreditation",
    ),
    "/providers/{segment}/did.json": ("/providers/95001/did.json", f"/providers/{_IN_PATH}/did.json"),
    "/readyz": ("/readyz",),
    "/register": ("/register",),
    "/register/{code}": ("/register/6022", f"/register/{_IN_PATH}"),
    "/register/{code}/v{version:int}": ("/register/6022/v1", f"/register/{_IN_PATH}/v1"),
    "/register/{code}/v{version:int}/approval": (
        "/register/6022/v1/approval",
        f"/register/{_IN_PATH}/v1/approval",
    ),
    "/static/{name:path}": ("/static/style.css", f"/static/{_IN_PATH}"),
    "/status": ("/status",),
    "/status/{number}/{status_list}": ("/status/95001/1", f"/status/{PERSON.nsn}/1", f"/status/{_IN_PATH}/1"),
    "/trust.json": ("/trust.json",),
    "/trust.json.jws": ("/trust.json.jws",),
    "/v1/receipts/{position}": ("/v1/receipts/3", f"/v1/receipts/{PERSON.nsn}", f"/v1/receipts/{_IN_PATH}"),
    "/v1/statistics": ("/v1/statistics",),
    "/v1/submissions": ("/v1/submissions",),
    "/v1/submissions/{jti}": (f"/v1/submissions/{_UUID}", f"/v1/submissions/{_IN_PATH}"),
    "/v1/submissions/{jti}/rows": (f"/v1/submissions/{_UUID}/rows", f"/v1/submissions/{_IN_PATH}/rows"),
    "/v1/verify": ("/v1/verify",),
    "/verify": ("/verify",),
}
TAKE_BODIES = ("/v1/submissions", "/v1/verify", "/verify", "/demo/persona")
NOWHERE = (f"/{_IN_PATH}", f"/me/{PERSON.nsn}/", f"/v1/{REFERENCE}", f"/readyz/?{_IN_PATH}")
QUERIES = (
    "",
    f"?q={_IN_PATH}&name={_IN_PATH}&at=1987-06-05&cursor={_IN_PATH}&format={PERSON.given[:8]}&after={PERSON.nsn}",
    f"?kind={PERSON.given}&status={PERSON.given}&level={PERSON.nsn}&page={EMAIL}&at={EMAIL}&since={PERSON.nsn}",
)
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "BREW")
HEADERS = {
    "Request-Id": f"00000000-0000-0000-0000-00{PERSON.nsn}",
    "X-Request-Id": SAID.encode(),
    "User-Agent": SAID.encode(),
    "Referer": f"https://{EMAIL}/{PERSON.nsn}",
    "traceparent": f"00-{PERSON.nsn:0>32}-{PERSON.nsn:0>16}-01",
    "tracestate": f"name={PERSON.given}",
    "baggage": f"name={PERSON.given},email={EMAIL}",
    "If-None-Match": f'"{PERSON.given}"',
    "Idempotency-Key": REFERENCE,
    "X-Forwarded-For": EMAIL,
    "Origin": f"https://{EMAIL}",
    "Cookie": f"{COOKIE}={PERSON.given}; name={PERSON.nsn}",
}
_ACCEPTS = ("application/json", "text/html", f"{PERSON.given}/*;q={PERSON.nsn}")
_ROWS = enrolments_file(
    [
        enrolment_line(1, PERSON),
        enrolment_line(2, PERSON, nsn="12345", enrolment_ref=EMAIL),
        enrolment_line(3, PERSON, date_of_birth="05/06/1987", mc_code=PERSON.given),
        enrolment_line(4, PERSON, name_id=SAID, start_on="yesterday"),
    ]
)
_CREDENTIAL = json.dumps({"type": ["VerifiableCredential"], "credentialSubject": {"name": SAID}})
BODIES: tuple[tuple[str, bytes], ...] = (
    ("text/csv", _ROWS),
    ("text/csv", _ROWS + f'"{SAID}'.encode()),
    ("text/csv", SAID.encode("utf-16")),
    ("application/jsonl", SAID.encode()),
    ("application/jsonl", json.dumps({"submission": SAID}).encode() + b"\n" + _CREDENTIAL.encode()),
    ("application/json", _CREDENTIAL.encode()),
    ("application/json", _CREDENTIAL.encode()[:-9]),
    ("application/x-www-form-urlencoded", f"learner={_IN_PATH}&text={_IN_PATH}".encode()),
    ("multipart/form-data; boundary=b", b'--b\r\nContent-Disposition: form-data; name="file"; filename="'
     + SAID.encode() + b'"\r\n\r\n' + SAID.encode() + b"\r\n"),
    (SAID.encode().decode("latin-1"), SAID.encode()),
)  # fmt: skip


class Watched:
    """A ledger with the person in it, behind its doors, and all that an operator collects of it."""

    def __init__(self, folder: Path, secret: Path) -> None:
        self.door: Door = a_door(folder, PERSON)
        ledger = self.door.ledger.ledger
        secret.write_text(f"{TOKEN}\n")
        self.house = self.door.house = furnish(ledger, Settings(metrics_token_file=secret))
        (learner,) = ledger.vault.people([PERSON.nsn]).values()
        self.house.demo = True
        self.house.personas = [{"learner": str(learner.learner_id), "name": "", "story": "a learner"}]
        self.learner: UUID = learner.learner_id
        self.house.catch_up()
        self.spans = InMemorySpanExporter()
        provider = TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(self.spans))
        self.telemetry = Telemetry(Tracing(provider))
        self.app: FastAPI = create_app(self.house, telemetry=self.telemetry)
        self.client = TestClient(self.app, follow_redirects=False, raise_server_exceptions=False)
        self.door.__dict__["client"] = self.client
        self.errors: list[str] = []

    def send(self, method: str, path: str, **options: object) -> int:
        """Send a request, and keep the answer where it is an error."""
        answer = self.client.request(method, path, **options)  # type: ignore[arg-type]
        if answer.status_code >= 400:
            self.errors.append(f"{answer.text} {answer.headers.get('Request-Id')}")
        return answer.status_code

    def collected(self) -> str:
        """Return the figures and the traces as text."""
        figures = self.client.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
        assert figures.status_code == 200
        spans = " ".join(one.to_json() for one in self.spans.get_finished_spans())
        return figures.text + spans


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    """One ledger for all of them: nothing that is sent here becomes part of it but a few rows."""
    folder = tmp_path_factory.mktemp("canary")
    made = Watched(folder / "ledger", folder / "token")
    yield made
    made.door.close()


def routes_of(routes) -> Iterator[str]:
    """Yield the template of every route, those of routers that were taken in too."""
    for one in routes:
        inner = getattr(one, "original_router", None)
        if inner is None:
            yield one.path
        else:
            yield from routes_of(inner.routes)


def found_in(text: str) -> list[str]:
    """Return which parts of the person stand in a text, as they are or as a URL or JSON would write them."""
    forms = {form for one in CANARIES for form in (one, quote(one, safe=""), json.dumps(one)[1:-1])}
    return sorted(form for form in forms if form.lower() in text.lower())


def test_every_route_is_tried(watched):
    """A new route is added to ROUTES, with a path whose parts are about a person."""
    assert set(routes_of(watched.app.routes)) == ROUTES.keys()


def test_the_search_would_find_the_person(watched):
    """The person is in this ledger, and what is looked for is what is sent."""
    cookie = f"{COOKIE}={watched.learner}"
    answer = watched.client.get("/me", headers={"Accept": "text/html", "Cookie": cookie})

    assert len(found_in(answer.text)) > 1
    assert set(found_in(SAID + _IN_PATH)) >= set(CANARIES)


@pytest.mark.parametrize("route", sorted(ROUTES))
def test_no_route_tells_of_a_person(watched, lines, capfd, route):
    """Every method, query, header and body at one route; nobody who collects anything hears of it."""
    watched.errors.clear()
    watched.spans.clear()
    token = {"Authorization": f"Bearer {watched.door.token(PROVIDER)}"}
    sent = 0
    for path in ROUTES[route]:
        for method in METHODS:
            watched.send(method, path, headers=HEADERS)
            sent += 1
        for number, query in enumerate(QUERIES):
            cookie = {"Cookie": f"{COOKIE}={watched.learner}"}
            watched.send("GET", path + query, headers={**HEADERS, **cookie, "Accept": _ACCEPTS[number]})
            watched.send("GET", path + query, headers={"Authorization": f"Bearer roa_{PERSON.nsn}"})
            watched.send("GET", path + query, headers=token)
            sent += 3
        for media_type, body in BODIES if route in TAKE_BODIES else BODIES[:2]:
            kind = media_type.encode("latin-1")
            watched.send("POST", path, content=body, headers={"Content-Type": kind, **token})
            watched.send("POST", path + QUERIES[2], content=body, headers={**HEADERS, "Content-Type": kind})
            sent += 2

    told = lines.of("request")
    err = capfd.readouterr()
    assert len(told) == sent
    assert {one["route"] for one in told} >= {route} - {"/v1/submissions"}
    assert found_in(lines.text) == []
    assert found_in(watched.collected()) == []
    assert found_in(err.out + err.err) == []
    assert [one for one in watched.errors if found_in(one)] == []


def test_no_address_that_leads_nowhere_tells_of_a_person(watched, lines, capfd):
    """404, 405 and redirects: the route of all of them is `unmatched`."""
    watched.errors.clear()
    for path in NOWHERE:
        for method in METHODS:
            watched.send(method, path, headers=HEADERS)

    err = capfd.readouterr()
    assert {one["route"] for one in lines.of("request")} == {"unmatched"}
    assert found_in(lines.text + watched.collected() + err.out + err.err) == []
    assert [one for one in watched.errors if found_in(one)] == []


@pytest.mark.parametrize(
    "error",
    [
        KeyError(SAID),
        ValueError(SAID),
        Corrupt(SAID, code="sealed"),
        UnicodeDecodeError("utf-8", SAID.encode(), 0, 1, SAID),
    ],
    ids=lambda error: type(error).__name__,
)
def test_no_exception_tells_of_a_person(watched, lines, capfd, error):
    """One that nobody foresaw, in any handler, and one of ours, whose sentence should say nothing."""

    def failing():
        raise error

    watched.errors.clear()
    watched.spans.clear()
    watched.app.dependency_overrides[house_dependency] = failing
    statuses = {
        watched.send(method, path, headers=HEADERS)
        for paths in ROUTES.values()
        for path in paths
        for method in ("GET", "POST")
    }
    watched.app.dependency_overrides.clear()

    err = capfd.readouterr()
    assert 500 in statuses
    assert len(watched.spans.get_finished_spans()) > 50
    assert found_in(lines.text + watched.collected() + err.out + err.err) == []
    assert [one for one in watched.errors if found_in(one)] == []


def test_no_submission_tells_of_a_person(watched, lines, capfd, monkeypatch):
    """Rows that are accepted, refused, and unforeseen; small ones at once, large ones in the background."""
    watched.spans.clear()
    ledger = watched.house.ledger
    good = watched.door.post_csv(results_csv([(PERSON, "LO1", "A")]), idempotency_key=REFERENCE)
    again = watched.door.post_csv(results_csv([(PERSON, "LO2", "A")]), idempotency_key=REFERENCE)
    bad = watched.door.post_csv(_ROWS)
    with monkeypatch.context() as patched:
        patched.setattr("api.providers.posting.AT_ONCE_ROWS_MAX", 0)
        patched.setattr(ledger, "submit_in_parts", lambda *_a, **_k: (_ for _ in ()).throw(KeyError(SAID)))
        watched.door.hold_background()
        watched.door.post_csv(results_csv([(PERSON, "LO2", "M")]))
        watched.door.work()

    err = capfd.readouterr()
    assert (good.status_code, again.status_code, bad.status_code) == (200, 409, 200)
    assert {one["error"] for one in lines.of("submission-waits")} == {"KeyError"}
    assert {"decide", "save", "read"} <= {one.name for one in watched.spans.get_finished_spans()}
    assert found_in(lines.text + watched.collected() + err.out + err.err) == []
    assert found_in(again.text) == []


@pytest.mark.parametrize("error", [KeyError(SAID), Unavailable(SAID, code="storage"), Corrupt(SAID)])
def test_nothing_that_fails_in_the_background_tells_of_a_person(watched, lines, capfd, monkeypatch, error):
    """Publishing, folding, destroying what is old, waiting for records, and a thread that dies."""

    def failing(*_: object) -> None:
        raise error

    background = Background(watched.house)
    background._stopping.set()
    with monkeypatch.context() as patched:
        patched.setattr(watched.house.views, "catch_up", failing)
        background._turn()
        patched.setattr(watched.house.publisher, "publish", failing)
        background._turn()
        patched.setattr(watched.house.ledger.jobs, "destroy_old", failing)
        background._destroy_old()
        background._wait(SimpleNamespace(wait=failing))
        patched.setattr(watched.house.ledger.store, "head", failing)
        figures = watched.collected()
    dying = threading.Thread(target=failing, name=SAID)
    dying.start()
    dying.join()
    watched.house.publishing.went_well()

    err = capfd.readouterr()
    events = {one["event"] for one in lines.said}
    assert {"publishing-failed", "destroying-failed", "background-failed", "metrics-incomplete"} <= events
    assert "thread-died" in events
    assert "roa_metrics_incomplete 1" in figures
    assert found_in(figures + lines.text + watched.collected() + err.out + err.err) == []


def test_no_process_that_checks_credentials_tells_of_a_person(lines, capfd, monkeypatch):
    """Python would print the exception that ends it, with its text."""
    monkeypatch.setattr("api.employers.checkers.configure", lambda: None)

    def failing():
        raise KeyError(SAID)

    _serve(SimpleNamespace(recv=failing))

    err = capfd.readouterr()
    assert [one["error"] for one in lines.of("unforeseen")] == ["KeyError"]
    assert found_in(lines.text + err.out + err.err) == []


@pytest.mark.parametrize("path", ["/v1/submissions", "/v1/verify", "/verify"])
def test_no_client_that_goes_away_tells_of_a_person(watched, lines, capfd, path):
    """In the middle of its body: one line without a status, and no fault of ours."""

    async def gone() -> None:
        parts = iter(
            [
                {"type": "http.request", "body": SAID.encode(), "more_body": True},
                {"type": "http.disconnect"},
            ]
        )

        async def receive():
            return next(parts, {"type": "http.disconnect"})

        async def send(_message):
            pytest.fail("nobody is there to be answered")

        scope = {
            "type": "http",
            "method": "POST",
            "path": path,
            "raw_path": path.encode(),
            "query_string": SAID.encode(),
            "headers": [(b"content-type", b"application/jsonl"), (b"cookie", SAID.encode())],
            "scheme": "http",
            "http_version": "1.1",
            "server": ("127.0.0.1", 80),
            "client": (EMAIL, 1),
            "root_path": "",
        }
        await watched.app(scope, receive, send)

    asyncio.run(gone())

    (said,) = lines.of("request")
    err = capfd.readouterr()
    assert said["error"] == "ClientDisconnect"
    assert "status" not in said
    assert lines.of("unforeseen") == []
    assert found_in(lines.text + watched.collected() + err.out + err.err) == []


@pytest.mark.parametrize(
    "words",
    [
        ["export", PERSON.nsn],
        ["export", SAID],
        ["export", _UUID, "--format", "ob3", "--award", SAID],
        ["publish"],
        ["rebuild"],
        ["rebuild", PERSON.given],
        ["keys", "list"],
    ],
    ids=lambda words: words[0],
)
def test_no_command_that_fails_tells_of_a_person(made, monkeypatch, lines, words):
    """The error stream has a kind and places; what was typed is not repeated by what went wrong inside."""

    def failing(*_: object, **__: object) -> None:
        raise KeyError(SAID)

    (made / "keys" / "passphrase").write_bytes(PASSPHRASE + b"\n")
    monkeypatch.setattr(Vault, "people", failing)
    monkeypatch.setattr("projections.issuing.Issuer.record", failing)
    monkeypatch.setattr("api.cli.console.open_house", failing)

    ran = roa(*words, "--data", made)

    assert ran.code in (2, 70)
    assert found_in(ran.err + lines.text) == []


def test_no_file_that_cannot_be_posted_or_read_tells_of_a_person(tmp_path, lines):
    """`roa post` and `roa verify` of something that is about a person and is no file of that kind."""
    file = tmp_path / "file.csv"
    file.write_text(SAID)

    posted = roa("post", file, "--organisation", "95001", "--url", "http://127.0.0.1:9", "--token", "roa_x")
    verified = roa("verify", file, "--json")

    assert (posted.code != 0, verified.code != 0) == (True, True)
    assert found_in(posted.err + verified.err + lines.text) == []
