"""What a monitor remembers of a log between two looks: the checkpoint, the public records, status lists.

With a newer checkpoint goes what was found on the way to it, until somebody has been told: whoever is
cut off in between has forgotten nothing.

The state is one small JSON file, replaced in one step. The public records lie beside it, in a file
that only grows and is flushed first: of it counts as much as the state says, so a run that was cut
off is simply done again.

Source: LEDGER.md 5; C2SP tlog-checkpoint.
"""

import fcntl
import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any

from ledger.encoding.strict_json import parse
from ledger.errors import Corrupt, Malformed, Unavailable
from ledger.files import flush_folder, replace_file
from ledger.log.checkpoint import Checkpoint, parse_checkpoint
from ledger.log.note import parse_note
from ledger.monitor.findings import Finding
from ledger.monitor.news import News

FORMAT = "achievement-ledger/monitor/v1"
MOMENTS_MAX = 100  # of each status list, the newest
_STATE_MAX_BYTES = 64 * 1024 * 1024
_HEAD_BYTES = 12  # position and length of a record
_COPY_BYTES = 1 << 20
_SECONDS_MAX = 2**40  # more than any calendar here
_UNTOLD_MAX_BYTES = 16 * 1024 * 1024  # of findings and news; what is beyond is counted
_NAMES = ("note", "records_bytes", "records_sha256", "moments", "witnessed_s")
_MEMBERS = {"format", *_NAMES, "untold"}


@dataclass(slots=True)
class Untold:
    """What was found and not told yet.

    more: how many findings there are beside those that are kept.
    """

    findings: list[Finding] = field(default_factory=list)
    more: int = 0
    news: list[News] = field(default_factory=list)

    def __bool__(self) -> bool:
        """Whether there is something to tell."""
        return bool(self.findings or self.more or self.news)

    def as_json(self) -> dict[str, Any]:
        """Return it as it is written: findings first, as much as a state may have."""
        left, more = _UNTOLD_MAX_BYTES, self.more
        kept: dict[str, list[dict[str, Any]]] = {"findings": [], "news": []}
        for name, values in (("findings", self.findings), ("news", self.news)):
            for one in values:
                value = one.as_json()
                left -= len(json.dumps(value))
                if left >= 0:
                    kept[name].append(value)
                else:
                    more += 1
        return {**kept, "more": more}

    @classmethod
    def parse(cls, value: Any) -> "Untold":
        """Return what was written; Malformed when it is something else."""
        try:
            findings = [
                Finding(one["code"], one["where"], one["what"], tuple(one.get("evidence", ())))
                for one in value["findings"]
            ]
            news = [News(**{name: one[name] for name in News._fields}) for one in value["news"]]
            texts = [text for one in findings for text in (one.code, one.where, one.what, *one.evidence)] + [
                text for one in news for text in (one.type, one.organisation, one.said_by)
            ]
            numbers = [value["more"], *(number for one in news for number in one[:2])]
            good = (
                all(isinstance(text, str) for text in texts)
                and all(type(number) is int for number in numbers)
                and all(isinstance(one.what, dict) for one in news)
            )
        except (LookupError, TypeError, AttributeError) as error:
            raise Malformed("what was not told yet cannot be read") from error
        if not good:
            raise Malformed("what was not told yet cannot be read")
        return cls(findings, value["more"], news)


@dataclass(slots=True)
class State:
    """What is remembered.

    Attributes:
        note: the newest checkpoint that was followed to, whole; empty before the first.
        witnessed_s: seconds since 1970; the latest at which a witness cosigned what was followed to.
        untold: findings and news that nobody was told of yet.
        moments: of each status list (`95001/1`), moment of signing to the digest of its bits, in hex.
    """

    note: str = ""
    records_bytes: int = 0
    records_sha256: str = sha256().hexdigest()
    moments: dict[str, dict[str, str]] = field(default_factory=dict)
    witnessed_s: int = 0
    untold: Untold = field(default_factory=Untold)

    @property
    def checkpoint(self) -> Checkpoint | None:
        """The remembered checkpoint, None before the first."""
        return parse_checkpoint(parse_note(self.note.encode()).text.encode()) if self.note else None


class Memory:
    """The two files in which a monitor's state is kept."""

    def __init__(self, path: Path) -> None:
        """Keep the state in the file `path`, and records in one of that name with `.records` after it."""
        self._path, self._records = path, path.with_name(path.name + ".records")
        data = _bytes_of(path)
        self.state, self._before = _read(path, data), sha256(data).digest()
        self._fresh: list[bytes] = []
        self._size, self._digest = 0, sha256()
        self._kept = (0, sha256())  # size and digest of what counts

    def records(self) -> Iterator[tuple[int, bytes]]:
        """Yield (position, entry) of every public record that counts; to the end, before `keep`.

        Raises:
            Corrupt: `state`: the file is not the one that the state remembers.
        """
        left = self.state.records_bytes
        if left and not self._records.exists():
            raise _damaged(self._records)
        with self._records.open("rb") if left else BytesIO() as file:
            while left > 0:
                head = file.read(_HEAD_BYTES)
                entry = file.read(min(left, int.from_bytes(head[8:], "big")))
                self._take(head + entry)
                left -= len(head) + len(entry)
                if len(head) != _HEAD_BYTES or not entry:
                    raise _damaged(self._records)
                yield int.from_bytes(head[:8], "big"), entry
        if self._digest.hexdigest() != self.state.records_sha256:
            raise _damaged(self._records)
        self._kept = (self._size, self._digest.copy())

    def _take(self, data: bytes) -> None:
        self._size += len(data)
        self._digest.update(data)

    def add(self, position: int, entry: bytes) -> None:
        """Remember a public record, once `keep` has been called."""
        self._fresh.append(position.to_bytes(8, "big") + len(entry).to_bytes(4, "big") + entry)
        if sum(map(len, self._fresh)) > _COPY_BYTES:
            self._flush()

    def _flush(self) -> None:
        """Write what is new after what counts; whatever a run that was cut off left there is overwritten."""
        data = b"".join(self._fresh)
        self._fresh.clear()
        with self._turn():
            self._append(data)

    def _append(self, data: bytes) -> None:
        descriptor = os.open(self._records, os.O_RDWR | os.O_CREAT, 0o666)
        with os.fdopen(descriptor, "r+b") as file:
            file.truncate(self._size)
            file.seek(self._size)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        self._take(data)

    def forget(self) -> None:
        """Forget what was added since `keep`: it came with a checkpoint that is not one to follow."""
        self._fresh.clear()
        self._size, self._digest = self._kept[0], self._kept[1].copy()

    def keep(self, note: str, untold: Untold) -> None:
        """Make everything durable: what was added, a newer checkpoint, and what is to be told of it."""
        self._flush()
        state = self.state
        state.note, state.untold = note, untold
        state.records_bytes, state.records_sha256 = self._size, self._digest.hexdigest()
        values = {
            "format": FORMAT,
            "note": state.note,
            "records_bytes": state.records_bytes,
            "records_sha256": state.records_sha256,
            "moments": state.moments,
            "witnessed_s": state.witnessed_s,
            "untold": state.untold.as_json(),
        }
        data = json.dumps(values, indent=1, sort_keys=True).encode() + b"\n"
        with self._turn():
            replace_file(self._path, data)
            flush_folder(self._path.absolute().parent)
            self._before = sha256(data).digest()
        self._kept = (self._size, self._digest.copy())

    def told(self) -> None:
        """Forget what was to be told: somebody has been."""
        if self.state.untold:
            self.keep(self.state.note, Untold())

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Hold the one turn to write; Unavailable when another monitor has written since this one read."""
        with self._path.with_name(self._path.name + ".lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            if sha256(_bytes_of(self._path)).digest() != self._before:
                raise Unavailable(f"another monitor has written {self._path} meanwhile", code="busy")
            yield

    def witnessed(self, times_s: Iterable[int]) -> None:
        """Remember the latest of these times, once `keep` has been called."""
        self.state.witnessed_s = max(self.state.witnessed_s, *(min(at, _SECONDS_MAX) for at in times_s), 0)

    def remember_moment(self, name: str, moment: str, digest: str) -> str | None:
        """Remember a status list's bits at the moment it was signed; return others seen for that moment.

        Args:
            name: of the list.
            moment: in the one spelling that sorts by time, so that the oldest are forgotten first.
            digest: of the bits, in hex.
        """
        moments = self.state.moments.setdefault(name, {})
        before = moments.setdefault(moment, digest)
        for oldest in sorted(moments)[:-MOMENTS_MAX]:
            del moments[oldest]
        return None if before == digest else before


def _bytes_of(path: Path) -> bytes:
    """Return what a state file holds, nothing where there is none."""
    try:
        with path.open("rb") as file:
            return file.read(_STATE_MAX_BYTES + 1)
    except FileNotFoundError:
        return b""


def _read(path: Path, data: bytes) -> State:
    """Return the state in a file, a new one where there is none; Corrupt when it cannot be read."""
    if not data and not path.exists():
        return State()
    try:
        values = parse(data, size_max_bytes=_STATE_MAX_BYTES)
        if not _is_state(values):
            raise _damaged(path)
        state = State(**{name: values[name] for name in _NAMES})
        state.untold = Untold.parse(values["untold"])
        _ = state.checkpoint
    except Malformed as error:
        raise _damaged(path) from error
    return state


def _is_state(values: Any) -> bool:
    return (
        isinstance(values, dict)
        and values.keys() == _MEMBERS
        and values["format"] == FORMAT
        and all(isinstance(values[name], str) for name in ("note", "records_sha256"))
        and all(type(values[name]) is int and values[name] >= 0 for name in ("records_bytes", "witnessed_s"))
        and isinstance(values["moments"], dict)
        and all(
            isinstance(one, dict) and all(isinstance(digest, str) for digest in one.values())
            for one in values["moments"].values()
        )
    )


def _damaged(path: Path) -> Corrupt:
    return Corrupt(
        f"{path} is not what a monitor of this kind wrote: move it away to begin anew", code="state"
    )
