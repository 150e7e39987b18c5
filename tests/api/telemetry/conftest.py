"""What the tests of this room share: log lines read back as values."""

import io
import json
from collections.abc import Iterator
from typing import Any

import pytest

from api.telemetry.logs import configure
from tests.support.process_settings import put_back


class Lines:
    """What was logged, as text and as values."""

    def __init__(self) -> None:
        self.stream = io.StringIO()

    @property
    def text(self) -> str:
        """All of it."""
        return self.stream.getvalue()

    @property
    def said(self) -> list[dict[str, Any]]:
        """One value for each line; one that is no JSON fails the test."""
        return [json.loads(line) for line in self.text.splitlines()]

    def of(self, event: str) -> list[dict[str, Any]]:
        """Return the lines of an event, without their time."""
        return [
            {name: value for name, value in one.items() if name != "at"}
            for one in self.said
            if one["event"] == event
        ]


@pytest.fixture
def lines() -> Iterator[Lines]:
    """Log lines as a served ledger writes them; everything is as it was afterwards."""
    with put_back():
        written = Lines()
        configure(written.stream)
        yield written
