"""Log lines read back as values."""

import io
import json
from typing import Any


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
