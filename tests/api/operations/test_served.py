"""What a ledger serves about itself is read within bounds."""

import httpx2
import pytest

from api.operations.asking import Site
from api.operations.served import served_pages
from ledger.errors import Malformed


def test_pages_have_a_bound_all_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages that are small one by one fill no memory: their sum is bounded too."""
    monkeypatch.setattr("api.operations.served._PAGES_MAX_BYTES", 1000)
    asked: list[str] = []

    def page(request: httpx2.Request) -> httpx2.Response:
        asked.append(str(request.url))
        shown = {"as_on": "2026-11-22", "found": [{"title": "x" * 300}], "after": "next"}
        return httpx2.Response(200, json=shown)

    client = httpx2.Client(transport=httpx2.MockTransport(page))
    with client, pytest.raises(Malformed) as refused:
        served_pages(Site("http://ledger.example", client))

    assert refused.value.code == "too-large"
    assert len(asked) == 3
