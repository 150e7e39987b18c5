"""Watching a log from outside, over HTTP: what the commands say, write, and leave with."""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient

from api.app import create_app
from api.house import House
from api.operations import asking
from api.operations.asking import Site, is_address, log_at, site
from api.operations.mirror import mirror_app
from api.operations.served import served_pages, status_list
from ledger.application import Consequence
from ledger.domain.status_list import StatusListChanged
from ledger.errors import Absent, LedgerError, Malformed, Unavailable
from ledger.ids import public_id
from projections.exports.status_list import StatusBits
from tests.api.cli.conftest import Stage
from tests.api.cli.shell import roa
from tests.ledger.monitor.forging import write_log
from tests.support.world import PROVIDER


@pytest.fixture
def trust(served: House, tmp_path: Path) -> Path:
    """The trust file, brought over another way, with its signature beside it."""
    for name in ("trust.json", "trust.json.jws"):
        shutil.copy(served.ledger.files.folder / name, tmp_path / name)
    return tmp_path / "trust.json"


@pytest.fixture
def copy(served: House, tmp_path: Path) -> Path:
    """A copy of the log's files."""
    return Path(shutil.copytree(served.ledger.files.anchor, tmp_path / "copy"))


def size_of(house: House) -> int:
    """Return how many records a ledger has."""
    return house.ledger.store.head().size


# ------------------------------------------------------------------ fsck


def test_fsck_finds_a_served_log_clean(served: House, url: str, trust: Path) -> None:
    """By the ledger's address or the log's own, with the trust file, a policy, keys, or its own founding."""
    vkeys = [word for vkey in served.ledger.founding.log_keys for word in ("--vkey", vkey)]
    policy = trust.with_name("policy")
    policy.write_bytes(httpx2.get(f"{url}/log/policy").content)

    ran = [
        roa("fsck", url, "--trust", trust, "--json"),
        roa("fsck", f"{url}/log/", "--policy", policy, "--json"),
        roa("fsck", f"{url}/log", *vkeys, "--json"),
        roa("fsck", url, "--json"),
    ]

    assert [one.code for one in ran] == [0, 0, 0, 0], [one.err for one in ran]
    assert [one.json["keys"] for one in ran] == ["given", "given", "given", "own"]
    assert {one.json["size"] for one in ran} == {size_of(served)}


def test_fsck_names_what_is_at_fault(copy: Path, trust: Path) -> None:
    """A flipped bit in a folder: the file, the code, exit 1; in words and as JSON."""
    (bundle,) = (copy / "tile" / "entries").rglob("[0-9]*[0-9]")
    name = str(bundle.relative_to(copy))
    data = bytearray(bundle.read_bytes())
    data[9] ^= 1  # of the first entry's instant
    bundle.write_bytes(data)

    words, found = roa("fsck", copy, "--trust", trust), roa("fsck", copy, "--trust", trust, "--json")

    assert (words.code, found.code) == (1, 1)
    assert f"bundle           {name}: does not hold the entries of its tile" in words.out
    assert [(one["code"], one["where"]) for one in found.json["findings"]] == [("bundle", name)]


def test_another_logs_keys_are_not_enough(copy: Path, trust: Path) -> None:
    """A trust file of another log makes nothing of this one's signatures."""
    content = json.loads(trust.read_bytes())
    content["origin"] = "other.example/log"
    trust.with_name("trust.json.jws").unlink()
    other = trust.with_name("other.json")
    other.write_text(json.dumps(content))

    assert roa("fsck", copy, "--trust", other, "--json").code in (1, 2)


@pytest.mark.parametrize(
    "words",
    [
        ("fsck", "nowhere"),
        ("fsck", "ftp://127.0.0.1/log"),
        ("fsck", "http://"),
        ("fsck", "http://user@127.0.0.1:1/log"),
        ("fsck", "http://127.0.0.1:1/log?query=1"),
        ("fsck", ".", "--entries", "other"),
        ("fsck", ".", "--vkey", "nonsense"),
        ("fsck", ".", "--policy", "no-such-file"),
        ("fsck", ".", "--trust", "no-such-file"),
        ("mirror", "serve", "."),
    ],
)
def test_wrong_use_is_told(words: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be asked for ends with exit 2 and a sentence, before anybody is contacted."""
    monkeypatch.chdir(tmp_path)

    ran = roa(*words)

    assert ran.code == 2
    assert ran.err.strip()


NOBODY = "http://127.0.0.1:1/log"


def _looks_at(where: object, copied: Path) -> list[tuple[object, ...]]:
    """Return every command that looks at a log, as words; what they write lies beside the copy."""
    state, other = copied.with_name("state.json"), copied.with_name("other.json")
    return [
        ("fsck", where),
        ("monitor", where, "--state", state),
        ("monitor", copied, "--state", other, "--compare", where),
        ("mirror", "pull", where, copied.with_name("pulled")),
        ("register", "rebuild", where),
        ("register", "rebuild", where, "--compare", where),
        ("register", "rebuild", copied, "--compare", where),
    ]


def test_nobody_there_is_no_finding(copy: Path) -> None:
    """Where nobody answers: exit 5, which address it was, in words and in the JSON of every other day."""
    for words in _looks_at(NOBODY, copy):
        told, as_json = roa(*words), roa(*words, "--json")

        assert (told.code, as_json.code, as_json.err) == (5, 5, ""), words
        assert told.lines[-1].endswith(": no answer: try again; nothing was found")
        assert as_json.json["error"] == "no-answer"
        assert as_json.json["sentence"] == f"{NOBODY} gives no answer to checkpoint"
        assert {one["code"] for one in as_json.json["findings"]} == {"no-answer"}


def test_a_server_in_trouble_is_no_finding_and_a_wrong_answer_is_one(stage: Stage, copy: Path) -> None:
    """HTTP 503 ends with exit 5; an answer of the wrong form, or of a wrong size, with exit 1."""
    codes = []
    for answer in (Response(status_code=503), Response(b"no note"), Response(b"x" * 1_000_001)):
        stage.app = answer
        codes.append([roa(*words, "--json").code for words in _looks_at(stage.url, copy)])
    stage.app = None

    assert codes == [[5] * 7, [1] * 7, [1] * 7]


def test_a_tile_that_is_not_served_now_is_no_finding(served: House, url: str, stage: Stage) -> None:
    """A log whose tiles and entries are answered 503: exit 5, and no word about its root; 404 is exit 1."""
    log, codes = create_app(served), []
    for status in (503, 404):

        async def partly(scope: Any, receive: Any, send: Any, status: int = status) -> None:
            refused = "/tile/" in scope["path"]
            await (Response(status_code=status) if refused else log)(scope, receive, send)

        stage.app = partly
        ran = roa("fsck", f"{url}/log", "--json")
        codes.append((ran.code, {one["code"] for one in ran.json["findings"]}, ran.json.get("error")))

    assert codes[0] == (5, {"no-answer"}, "no-answer")
    assert codes[1] == (1, {"missing", "root"}, None)


# ------------------------------------------------------------------ monitor


@pytest.mark.parametrize("content", [b"# A document\n", b"{}", b""])
def test_a_file_that_is_no_state_is_wrong_use(copy: Path, content: bytes) -> None:
    """A file that is something else is named, and left as it is: exit 2, before anybody is contacted."""
    state = copy.with_name("README.md")
    state.write_bytes(content)

    ran = roa("monitor", NOBODY, "--state", state, "--json")

    assert (ran.code, ran.out, state.read_bytes()) == (2, "", content)
    assert f"{state} is not what a monitor of this kind wrote" in ran.err


def test_a_monitor_follows_a_ledger_and_tells_its_news(
    served: House, url: str, trust: Path, tmp_path: Path
) -> None:
    """First everything about 95001, with position and speaker; then only what is new; exit 0."""
    state = tmp_path / "state.json"
    first = roa("monitor", url, "--org", PROVIDER, "--state", state, "--trust", trust, "--json")
    second = roa("monitor", url, "--org", PROVIDER, "--state", state, "--trust", trust, "--json")
    words = roa("monitor", url, "--org", PROVIDER, "--state", tmp_path / "other.json")

    assert (first.code, second.code, words.code) == (0, 0, 0), first.out
    assert {one["type"] for one in first.json["news"]} == {
        "organisation.registered",
        "organisation.role_granted",
        "key.registered",
        "accreditation.granted",
    }
    assert (second.json["news"], second.json["size_before"]) == ([], size_of(served))
    assert "key.registered 95001, said by 95000: kid " in words.out
    assert "purposes submission, custody own" in words.out
    assert "transitional no" in words.out
    assert not any(word in words.out for word in ("['", "[1", "True", "False"))


def test_an_organisation_that_the_log_does_not_know_is_named(copy: Path, tmp_path: Path) -> None:
    """Once each, on standard error, whenever it is asked for; the look itself comes to what it comes to."""
    words = ("monitor", copy, "--state", tmp_path / "state.json", "--org", "95000", "--org", PROVIDER)

    ran = [roa(*words, "--org", "99999", "--org", "99999", *more) for more in ((), ("--json",))]
    known = roa(*words)

    warning = "roa: no organisation 99999 is in this log's register so far: nothing will be told of it"
    assert [(one.code, one.err.splitlines()) for one in ran] == [(0, [warning])] * 2
    assert ran[1].json["ok"]
    assert (known.code, known.err) == (0, "")


def test_a_fork_made_with_the_real_key_is_found_between_two_addresses(
    served: House, url: str, trust: Path, tmp_path: Path
) -> None:
    """Exit 4 and both signed notes, by comparing two addresses, or by remembering the first."""
    state, fork = tmp_path / "state.json", tmp_path / "fork"
    note = write_log(fork, [b"\x01" + bytes([number]) * 32 for number in range(5)], served.ledger.files)
    options = ("--trust", trust, "--json")

    compared = roa("monitor", url, "--state", state, "--compare", fork, *options)
    longer = [b"\x01" + bytes([number % 251]) * 32 for number in range(size_of(served) + 1)]
    note_longer = write_log(fork, longer, served.ledger.files)
    remembered = roa("monitor", fork, "--state", state, *options)

    assert (compared.code, remembered.code) == (4, 4)
    for ran, signed in ((compared, note), (remembered, note_longer)):
        (found,) = ran.json["findings"]
        assert found["code"] == "split"
        assert found["evidence"][1] == signed


def test_notes_are_printed_in_full_where_they_are_proof(
    served: House, url: str, trust: Path, tmp_path: Path
) -> None:
    """Two histories: both whole notes, since nobody may serve them again; elsewhere only --json has them."""
    state, fork, other = tmp_path / "state.json", tmp_path / "fork", tmp_path / "other"
    note = write_log(fork, [b"\x01" + bytes([number]) * 32 for number in range(5)], served.ledger.files)
    roa("init", "--data", other, "--origin", "other.example/log")

    proof = roa("monitor", url, "--state", state, "--compare", fork, "--trust", trust)
    stranger = [roa("monitor", other / "anchor", "--state", state, *more) for more in ((), ("--json",))]

    assert "".join(f"    | {line}\n" for line in note.splitlines()) in proof.out
    assert (proof.code, [one.code for one in stranger]) == (4, [1, 1])
    assert all(len(line) < 150 for line in stranger[0].lines)
    assert "    In full: the same command with --json" in stranger[0].lines
    assert (other / "anchor" / "checkpoint").read_text() in stranger[1].json["findings"][0]["evidence"]


def test_a_step_back_is_found(served: House, url: str, trust: Path, tmp_path: Path) -> None:
    """Exit 3."""
    state, old = tmp_path / "state.json", tmp_path / "old"
    roa("monitor", url, "--state", state)
    write_log(old, [b"\x01" + bytes(32)], served.ledger.files)

    assert roa("monitor", old, "--state", state, "--trust", trust).code == 3


def _with_list(house: House, bits: StatusBits) -> None:
    """Record a status list's digest, and publish it."""
    fields = {"issuer": PROVIDER, "status_list": 1, "bits_sha256": bits.digest(), "as_at": size_of(house)}
    house.ledger.note([Consequence(public_id("status_list", PROVIDER, 1), StatusListChanged, fields)])
    house.publisher.publish()


def _bits_of(house: House) -> StatusBits:
    document = house.issuer.status_list(PROVIDER, 1)
    assert document is not None
    return StatusBits.decoded(json.loads(document)["credentialSubject"]["encodedList"])


def test_an_old_status_list_is_found(
    served: House, stage: Stage, url: str, trust: Path, tmp_path: Path
) -> None:
    """A list whose bits were in force once, well signed, served after the log says others: a finding."""
    state, options = tmp_path / "state.json", ("--trust", trust, "--json")
    _with_list(served, _bits_of(served))
    old = json.loads(served.issuer.status_list(PROVIDER, 1) or b"")
    clean = roa("monitor", url, "--state", state, *options)
    _with_list(served, StatusBits([7]))
    stage.app = Lying(served, {f"/status/{PROVIDER}/1": lambda _served: old})
    lying = roa("monitor", url, "--state", state, *options)

    assert clean.json["findings"] == []
    assert [one["code"] for one in lying.json["findings"]] == ["status-bits"]
    assert lying.code == 1


def _altered(house: House, change: Callable[[dict[str, Any]], Any]) -> Starlette:
    """Serve a status list as somebody else would: with something changed in it."""

    async def get(_request: Request) -> Response:
        document = json.loads(house.issuer.status_list(PROVIDER, 1) or b"{}")
        return JSONResponse(change(document))

    return Starlette(routes=[Route("/status/{number}/{list}", get)])


@pytest.mark.parametrize(
    "change",
    [
        lambda document: {**document, "validFrom": "2020-01-01T00:00:00Z"},
        lambda document: {**document, "id": "https://ledger.example/status/95001/2"},
        lambda document: {name: value for name, value in document.items() if name != "proof"},
        lambda document: [document],
        lambda _document: {"id": 7},
    ],
)
def test_a_status_list_that_is_not_its_own_is_refused(
    served: House, stage: Stage, url: str, change: Callable[[dict[str, Any]], Any]
) -> None:
    """Changed, unsigned, another list's, or no list at all: refused before its bits are looked at."""
    with site(url) as place:
        assert status_list(place, (PROVIDER, 1), None).digest == _bits_of(served).digest()
        stage.app = _altered(served, change)

        with pytest.raises(Malformed) as refused:
            status_list(place, (PROVIDER, 1), None)
    assert refused.value.code == "status-form"


# ------------------------------------------------------------------ mirror


def test_a_copy_is_pulled_served_and_checked(url: str, stage: Stage, trust: Path, tmp_path: Path) -> None:
    """What was pulled is served as a static log that fsck and a second pull accept."""
    place = tmp_path / "pulled"
    pulled = roa("mirror", "pull", url, place, "--trust", trust, "--json")
    stage.app = mirror_app(place)
    checkpoint, missing = httpx2.get(f"{stage.url}/checkpoint"), httpx2.get(f"{stage.url}/tile/0/001")
    tile = httpx2.head(f"{stage.url}/tile/0/000.p/1")

    assert pulled.code == 0, pulled.out
    assert checkpoint.content == (place / "checkpoint").read_bytes()
    assert checkpoint.headers["content-type"] == "text/plain; charset=utf-8"
    assert (tile.status_code, tile.headers["content-type"]) == (200, "application/octet-stream")
    assert "immutable" in tile.headers["cache-control"]
    assert missing.status_code == 404
    assert roa("fsck", stage.url, "--trust", trust).code == 0
    assert roa("mirror", "pull", stage.url, tmp_path / "second").code == 0


def test_a_copy_that_cannot_be_read_says_when_to_come_back(tmp_path: Path) -> None:
    """A file that is larger than it can be is 503 with Retry-After, as at every other door."""
    (tmp_path / "checkpoint").write_bytes(bytes(1 << 24))

    answer = TestClient(mirror_app(tmp_path)).get("/checkpoint")

    assert answer.status_code == 503
    assert answer.headers["retry-after"].isdigit()


def test_a_copy_never_goes_back(served: House, url: str, trust: Path, tmp_path: Path) -> None:
    """Exit 3 for an older log, 4 for another history; the copy stays."""
    place = tmp_path / "pulled"
    roa("mirror", "pull", url, place)
    before = (place / "checkpoint").read_bytes()
    size = size_of(served)
    write_log(tmp_path / "old", [b"\x01" + bytes(32)] * 3, served.ledger.files)
    write_log(tmp_path / "fork", [b"\x01" + bytes(32)] * (size + 1), served.ledger.files)

    codes = [roa("mirror", "pull", tmp_path / name, place, "--trust", trust).code for name in ("old", "fork")]

    assert codes == [3, 4]
    assert (place / "checkpoint").read_bytes() == before


# ------------------------------------------------------------------ register rebuild


def test_the_register_is_rebuilt_and_is_what_is_served(
    served: House, url: str, trust: Path, tmp_path: Path
) -> None:
    """Over HTTP with trust file and pages, from a folder with the ledger's own files: no difference."""
    written = tmp_path / "register.json"
    folder = served.ledger.files.folder

    over_http = roa(
        "register", "rebuild", url, "--compare", url, "--trust", trust, "--out", written, "--json"
    )
    from_files = roa("register", "rebuild", folder / "anchor", "--compare", folder, "--json")

    assert (over_http.code, from_files.code) == (0, 0), over_http.out + from_files.out
    assert over_http.json["microcredentials"] == 1
    assert "1 micro-credentials, " in roa("register", "rebuild", folder / "anchor").out
    assert json.loads(written.read_bytes())["microcredentials"]["6022/1"]["level"] == 4


class Lying:
    """A ledger's answers, some of them changed on their way."""

    def __init__(self, house: House, changes: dict[str, Callable[[Any], Any]]) -> None:
        self._app, self._changes = create_app(house), changes

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Pass a request on, and change the answer."""
        change = self._changes.get(scope.get("path", ""))
        if change is None:
            await self._app(scope, receive, send)
            return
        parts: list[bytes] = []

        async def keep(message: Any) -> None:
            parts.append(message.get("body", b""))

        await self._app(scope, receive, keep)
        body = json.dumps(change(json.loads(b"".join(parts)))).encode()
        await Response(body, media_type="application/json")(scope, receive, send)


def _level(found: Any) -> Any:
    found["found"][0]["level"] = 9
    return found


def _nothing(found: Any) -> Any:
    return {**found, "found": []}


def _more(found: Any) -> Any:
    found["found"].append({**found["found"][0], "code": "6023"})
    return found


def _accreditation(trust: Any) -> Any:
    trust["issuers"][0]["accreditations"].clear()
    return trust


def _key(trust: Any) -> Any:
    trust["issuers"][0]["keys"][0]["from"] = 2
    return trust


def _credits(trust: Any) -> Any:
    trust["microcredentials"][0]["credits"] = 40
    return trust


@pytest.mark.parametrize(
    ("path", "change", "code", "where"),
    [
        ("/register", _level, "pages", "/register 6022 level"),
        ("/register", _nothing, "pages", "/register 6022"),
        ("/register", _more, "pages", "/register 6023"),
        ("/trust.json", _accreditation, "trust", "trust.json issuers."),
        ("/trust.json", _key, "trust", "trust.json issuers."),
        ("/trust.json", _credits, "trust", "trust.json microcredentials.6022/1.credits"),
    ],
)
def test_what_is_served_otherwise_is_found(
    served: House, stage: Stage, url: str, path: str, change: Callable[[Any], Any], code: str, where: str
) -> None:
    """A level, a listing, an accreditation, a key, credits: any difference from the log is a finding."""
    stage.app = Lying(served, {path: change})

    ran = roa("register", "rebuild", url, "--compare", url, "--json")

    assert ran.code == 1
    assert {one["code"] for one in ran.json["findings"]} == {code}
    assert all(one["where"].startswith(where) for one in ran.json["findings"])


def test_a_ledger_that_is_behind_its_log_is_found(served: House, trust: Path, tmp_path: Path) -> None:
    """Files with fewer records than the log has are not compared as if they were whole."""
    write_log(tmp_path / "log", [b"\x01" + bytes(32)] * 500, served.ledger.files)

    ran = roa(
        "register",
        "rebuild",
        tmp_path / "log",
        "--trust",
        trust,
        "--compare",
        served.ledger.files.folder,
        "--json",
    )

    assert ran.code == 1
    assert "register" in {one["code"] for one in ran.json["findings"]}


# ------------------------------------------------------------------ asking an address


@pytest.fixture
def place() -> Iterator[Callable[[Callable[[httpx2.Request], httpx2.Response]], Site]]:
    """Asks an address whose answers the test makes."""
    clients = []

    def made(answer: Callable[[httpx2.Request], httpx2.Response]) -> Site:
        client = httpx2.Client(transport=httpx2.MockTransport(answer), follow_redirects=False)
        clients.append(client)
        return Site("http://ledger.example", client)

    yield made
    for one in clients:
        one.close()


@pytest.mark.parametrize(
    ("answer", "error", "code"),
    [
        (httpx2.Response(404), Absent, "missing"),
        (httpx2.Response(410), Absent, "missing"),
        (httpx2.Response(500), Unavailable, "no-answer"),
        (httpx2.Response(301, headers={"Location": "http://elsewhere.example/"}), Unavailable, "no-answer"),
        (httpx2.Response(200, content=bytes(11)), Malformed, "too-large"),
    ],
)
def test_an_answer_is_the_thing_asked_for_or_refused(
    place: Any, answer: httpx2.Response, error: type[LedgerError], code: str
) -> None:
    """No redirect is followed, nothing larger than the thing is taken, and each refusal has its code."""
    asked = []

    def once(request: httpx2.Request) -> httpx2.Response:
        asked.append(str(request.url))
        return answer

    with pytest.raises(error) as refused:
        place(once).get("checkpoint", 10)
    assert refused.value.code == code
    assert asked == ["http://ledger.example/checkpoint"]


def test_an_answer_that_does_not_end_is_given_up(place: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A byte now and then keeps nobody waiting for ever."""
    moments = iter((0.0, 1.0, asking.TOTAL_S + 1))
    monkeypatch.setattr(asking.time, "monotonic", lambda: next(moments))

    def drip() -> Iterator[bytes]:
        while True:
            yield b"."

    with pytest.raises(Unavailable, match="does not end"):
        place(lambda _request: httpx2.Response(200, content=drip())).get("checkpoint", 1000)


def test_pages_that_do_not_end_are_given_up(place: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A register whose next page is always another one is refused, and only its own address is asked."""
    monkeypatch.setattr("api.operations.served._PAGES_MAX", 3)
    asked = []

    def another(request: httpx2.Request) -> httpx2.Response:
        asked.append(request.url.host)
        return httpx2.Response(
            200, json={"as_on": "2026-11-22", "found": [], "after": "http://elsewhere.example/"}
        )

    with pytest.raises(Malformed, match="do not end"):
        served_pages(place(another))
    assert asked == ["ledger.example"] * 3


def test_a_ledgers_address_leads_to_its_log_and_back(place: Any) -> None:
    """Either address names both: the log's own, and the ledger's above it."""

    def either(request: httpx2.Request) -> httpx2.Response:
        found = request.url.path == "/log/checkpoint"
        return httpx2.Response(200 if found else 404, content=b"note" if found else b"")

    asked = place(either)

    above, below = log_at(asked), log_at(asked.at("http://ledger.example/log"))

    assert above[0].name == below[0].name == "http://ledger.example/log"
    assert above[1].url == below[1].url == "http://ledger.example"


def test_a_folder_is_no_address() -> None:
    """What begins like neither is a folder; half an address is refused."""
    assert not is_address("log/of/somebody")
    assert is_address("https://ledger.example/log")
    with pytest.raises(Malformed):
        is_address("https://ledger.example/log#part")


def test_a_redirecting_log_is_not_followed(stage: Stage, tmp_path: Path) -> None:
    """A log that points elsewhere is not read from there."""

    async def away(_request: Request) -> Response:
        return RedirectResponse("http://127.0.0.1:1/checkpoint")

    stage.app = Starlette(routes=[Route("/{path:path}", away)])
    try:
        ran = roa("mirror", "pull", stage.url, tmp_path / "copy", "--json")
    finally:
        stage.app = None

    assert ran.code == 5
    assert not (tmp_path / "copy" / "checkpoint").exists()
