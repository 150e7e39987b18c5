"""Searching files for somebody: every number, name, salt, statement and key, in every way it is written."""

import json
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import UUID

from ledger.application import Ledger
from ledger.mapper import LedgerNotification, private_state, unseal
from ledger.privacy.commitments import tag
from ledger.privacy.sealing import SubjectKey, keyed

PART_BYTES = 1 << 20
_DERIVED = ("seal", "org", "row")  # what is derived from a data key, see `SubjectKey`


class Search:
    """Looks for secrets in every file below a folder."""

    def __init__(self, folder: Path, secrets: Mapping[str, bytes], *, leave_out: Iterable[Path]) -> None:
        """Look for `secrets`, by what each is; what the learner has taken along is left out."""
        self._folder, self._leave_out = folder, tuple(leave_out)
        self._forms = {(what, form) for what, secret in secrets.items() for form in forms_of(secret)}
        self._longest = max(len(form) for _, form in self._forms)

    def files(self) -> list[Path]:
        """Return every file there is."""
        found = sorted(path for path in self._folder.rglob("*") if path.is_file())
        return [path for path in found if not any(path.is_relative_to(out) for out in self._leave_out)]

    def places(self) -> int:
        """Return how many files are searched."""
        return len(self.files())

    def found_in(self) -> list[str]:
        """Return where something is found, as `file: what`."""
        return [
            f"{path.relative_to(self._folder)}: {what}" for path in self.files() for what in self._in(path)
        ]

    def hits(self) -> int:
        """Return how many secrets are found, counted once for each file."""
        return len(self.found_in())

    def _in(self, path: Path) -> list[str]:
        found: set[str] = set()
        with path.open("rb") as file:
            before = b""
            while part := file.read(PART_BYTES):
                held = before + part
                found.update(what for what, form in self._forms if form in held)
                before = held[-self._longest :]
        return sorted(found)


def forms_of(secret: bytes) -> Iterator[bytes]:
    """Yield the ways in which bytes are written into files."""
    yield secret
    try:
        text = secret.decode()
    except UnicodeDecodeError:
        text = ""
    if text.isprintable() and text:
        yield json.dumps(text)[1:-1].encode()
        yield quote(text).encode()
        yield text.encode("utf-16-le")
        return
    yield secret.hex().encode()
    yield secret.hex().upper().encode()
    # In base64 a neighbour changes the first and the last signs: what is certain of them is searched for.
    for encode in (b64encode, urlsafe_b64encode):
        for shift in range(3):
            yield encode(bytes(shift) + secret)[4 if shift else 0 :].rstrip(b"=")[:-1]


def secrets_of(ledger: Ledger, learner: UUID, person: Mapping[str, Any]) -> dict[str, bytes]:
    """Return what the learner's key opens, that key and what derives from it, and the epoch's keys.

    Args:
        ledger: open, and it knows the learner.
        learner: the id.
        person: NSN, name and date of birth, as they were registered.
    """
    key = ledger.vault.keys([learner])[learner]
    found = {f"the person's {name}": text.encode() for name, text in _texts(person)}
    found["the data key"] = key.data_key
    found |= {f"the {name} key": keyed(key.data_key, tag(name)) for name in _DERIVED}
    _, epoch, _ = ledger.vault.opening
    found |= {"the epoch key": epoch.epoch_key, "the index key": epoch.index_key}
    for record in records_of(ledger, learner):
        found |= {f"{what} of record {record.id}": secret for what, secret in _sealed(record, key)}
    return found


def records_of(ledger: Ledger, learner: UUID) -> list[LedgerNotification]:
    """Return the records that are sealed under a learner's key, in order of position."""
    found = []
    for record in ledger.store.select_notifications(1, ledger.store.head().size):
        event = ledger.mapper.to_domain_event(record)
        if getattr(event, "subject", None) == learner:
            found.append(record)
    return found  # type: ignore[return-value]


def _sealed(record: LedgerNotification, key: SubjectKey) -> Iterator[tuple[str, bytes]]:
    opened = unseal(record, key, private_state(record.state))
    yield "the content salt", opened.content_salt
    yield "what is sealed", opened.plaintext[len(opened.content_salt) :]
    said = opened.said
    if said is not None:
        yield "the statement", said.statement
        yield "the statement's salt", said.salt
        if said.who is not None and said.who_salt is not None:
            yield "who it is about", said.who
            yield "the salt of who", said.who_salt


def _texts(person: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in person.items():
        if isinstance(value, Mapping):
            yield from _texts(value)
        else:
            yield name, str(value)
