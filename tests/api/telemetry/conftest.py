"""What the tests of this room share: a ledger behind its doors, and log lines read back as values."""

import io
import json
import logging
import sys
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from api.telemetry.logs import configure
from tests.api.door import Door, copy_of, made_once


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of a ledger in which Ana and Ben study."""
    return made_once(tmp_path_factory.mktemp("made") / "ledger")


@pytest.fixture
def door(made: Path, tmp_path: Path) -> Iterator[Door]:
    """That ledger behind its doors, for one test."""
    opened = copy_of(made, tmp_path / "ledger")
    yield opened
    opened.close()


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
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    hooks = warnings.showwarning, threading.excepthook, sys.unraisablehook
    written = Lines()
    configure(written.stream)
    yield written
    root.handlers = handlers
    root.setLevel(level)
    warnings.showwarning, threading.excepthook, sys.unraisablehook = hooks
