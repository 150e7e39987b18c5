"""However a look ends, what it found is told in the end: to whoever asks next, if not now."""

from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route

from api.app import create_app
from api.cli import watchers
from api.house import House
from tests.api.cli.conftest import Stage
from tests.api.cli.shell import roa
from tests.support.world import PROVIDER


@pytest.mark.parametrize("as_json", [(), ("--json",)])
def test_a_look_that_was_cut_off_before_it_told_is_told_by_the_next(
    served: House, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, as_json: tuple[str, ...]
) -> None:
    """The checkpoint is kept, nobody is told: the next look tells the same news, and the one after none."""
    words = ("monitor", url, "--org", PROVIDER, "--state", tmp_path / "state.json", "--json")
    whole = roa("monitor", url, "--org", PROVIDER, "--state", tmp_path / "other.json", "--json")

    def broken(*_args: Any, **_more: Any) -> None:
        raise BrokenPipeError

    with monkeypatch.context() as patch:
        patch.setattr(watchers, "_tell", broken)
        cut = roa(*words[:-1], *as_json)
    second, third = roa(*words), roa(*words)

    assert cut.code != 0
    assert whole.json["news"]
    assert second.json["news"] == whole.json["news"]
    assert third.json["news"] == []
    assert served.ledger.store.head().size == third.json["size"]


@pytest.mark.parametrize(
    "document",
    [
        {"id": "http://[x", "issuer": "did:web:x"},
        {"id": f"https://ledger.example/status/{PROVIDER}/1", "issuer": "did:web:x", "proof": [[[]]]},
        [],
        None,
    ],
)
def test_a_status_list_that_breaks_its_reader_is_a_finding(
    served: House, stage: Stage, url: str, tmp_path: Path, document: Any
) -> None:
    """Whatever is served as a status list ends no look: what else was found is told with it."""

    async def odd(_request: Request) -> Response:
        return JSONResponse(document)

    stage.app = Starlette(routes=[Route("/status/{number}/{list}", odd), Mount("/", app=create_app(served))])

    look = roa("monitor", url, "--org", PROVIDER, "--state", tmp_path / "state.json", "--json")

    assert (look.code, look.err) == (1, "")
    assert {one["code"] for one in look.json["findings"]} == {"status-form"}
    assert look.json["news"]
