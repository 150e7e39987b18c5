"""A vector: what is given to a verifier, and what it must answer."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ledger.encoding.strict_json import b64

Given = dict[str, Any]


@dataclass(frozen=True)
class Case:
    """One vector; `code` None is one that is accepted, and then `gives` says what comes of it."""

    kind: str
    given: Given
    code: str | None
    says: str
    gives: Mapping[str, Any] = field(default_factory=dict)

    def as_text(self) -> str:
        """Return the JSON text of its file."""
        answer = {"gives": self.gives} if self.code is None else {"code": self.code}
        content = {"says": self.says, "kind": self.kind, "given": self.given, "expected": answer}
        return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


class Folder:
    """Collects the cases of one folder; each says in which members it differs from the good one."""

    def __init__(self, name: str, kind: str, good: Given) -> None:
        self.name, self.kind, self.good = name, kind, good
        self.cases: dict[str, Case] = {}

    def accepted(self, name: str, says: str, gives: Mapping[str, Any], **changed: Any) -> None:
        """Add one that is accepted, and what comes of it."""
        self._add(name, Case(self.kind, {**self.good, **changed}, None, says, gives))

    def refused(self, name: str, code: str, says: str, **changed: Any) -> None:
        """Add one that is refused with a code."""
        self._add(name, Case(self.kind, {**self.good, **changed}, code, says))

    def _add(self, name: str, case: Case) -> None:
        path = f"{self.name}/{name}.json"
        assert path not in self.cases, path
        # A mutation that changes nothing would prove nothing.
        assert case.code is None or case.given != self.good, path
        self.cases[path] = case


def text_file(name: str) -> dict[str, str]:
    """Return what stands for the text of an example in a vector."""
    return {"text_of": f"examples/{name}"}


def json_file(name: str) -> dict[str, str]:
    """Return what stands for the content of a JSON example in a vector."""
    return {"json_of": f"examples/{name}"}


def coded(data: bytes) -> str | dict[str, str]:
    """Return bytes as text where they are UTF-8, else as base64."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return {"base64": b64(data)}


def flipped(text: str, blob: str) -> str:
    """Return a text with one sign of a base64 in it changed."""
    return text.replace(blob, blob[:40] + ("A" if blob[40] != "A" else "B") + blob[41:])
