"""Following somebody's log: from the checkpoint that is remembered to the newest one, and no step back.

1 the checkpoint is the log's own word, as the policy wants it · 2 it is no smaller, and no other
tree, than the one remembered, shown by the tiles · 3 every new public record was said by whoever
could, and is what the rules make of it · 4 all keys have signed that the records, the new ones too,
have in force at its size · 5 then it is remembered, and what was found until somebody was told. Of
the log only what is new is read; memory holds the register, and one bundle.

What is named beforehand is asked of the first checkpoint. After that the log's own records say which
of its keys count: whoever followed it to a rotation follows it past one.

Source: LEDGER.md 5, 7; C2SP tlog-tiles.
"""

from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ledger.domain.status_list import StatusListChanged
from ledger.errors import Absent, Corrupt, LedgerError, Split, Unavailable
from ledger.log.checkpoint import Checkpoint
from ledger.log_keys import LogKeys, log_keys_of
from ledger.monitor.authentic import AuthenticLog
from ledger.monitor.entries import is_private
from ledger.monitor.findings import Findings
from ledger.monitor.following import REFUSED, Follower, TimeBounds
from ledger.monitor.news import News, news_of
from ledger.monitor.source import LogSource
from ledger.monitor.state import Memory, Untold
from ledger.monitor.statuses import Served, StatusList, in_force, judge, name_of
from ledger.monitor.trusted import Seen, Trusted, check_forward, check_own_keys, read_checkpoint

_BEYOND_MAX = 100  # lists of one issuer that are asked for though the log does not know them
_NEWS_MAX = 10_000  # told one by one


@dataclass(slots=True)
class Watched:
    """What one look came to."""

    findings: Findings = field(default_factory=Findings)
    news: list[News] = field(default_factory=list)
    seen: Seen | None = None
    size_before: int = 0

    def as_json(self) -> dict[str, Any]:
        """Return it as `roa monitor --json` prints it."""
        seen = self.seen
        return {
            **self.findings.as_json(),
            "origin": None if seen is None else seen.checkpoint.origin,
            "size_before": self.size_before,
            "size": None if seen is None else seen.checkpoint.size,
            "root": None if seen is None else seen.checkpoint.root.hex(),
            "witnessed": {} if seen is None else seen.witnessed,
            "news": [one.as_json() for one in self.news],
        }


class Watch:
    """One look at a log, with what was remembered; `advance` may be called again for a newer checkpoint."""

    def __init__(self, state: Path, trusted: Trusted, wanted: Collection[str]) -> None:
        """Open the state and go through the public records remembered in it.

        Args:
            state: file that remembers; made when it is missing.
            trusted: whose signatures must stand under the first checkpoint; empty, those of the log's own
                keys.
            wanted: organisations whose news are told, by number or body code.

        Raises:
            Corrupt: `state`: what is remembered cannot be read.
        """
        self.result = Watched()
        self.memory = Memory(state)
        self.follower = Follower(self.result.findings)
        self._trusted, self._wanted = trusted, wanted
        self._changes: list[tuple[StatusList, bytes]] = []  # of status lists, at the last step forward
        for position, entry in self.memory.records():
            self.follower.restore(position, entry)
        remembered = self.memory.state.checkpoint
        untold = self.memory.state.untold
        self.result.findings.found += untold.findings
        self.result.findings.more += untold.more
        self.result.news += untold.news
        self.result.size_before = 0 if remembered is None else remembered.size

    def advance(self, source: LogSource) -> AuthenticLog | None:
        """Read the newest checkpoint and everything new under it, and remember it.

        Returns:
            The log as that checkpoint has it; None where it is not one to follow: then the findings
            say why, and what was remembered stays.
        """
        findings = self.result.findings
        with findings.at(source.name):
            seen = read_checkpoint(source.checkpoint(), self.trusted, findings, source.name)
            if seen is not None:
                return self._advance(source, seen)
        return None

    def _unrecorded(self, fetch: Callable[[StatusList], Served]) -> dict[StatusList, Served]:
        """Return what is served as lists that the log did not know: of each provider those up to the next."""
        known, found = self.follower.status_lists, dict[StatusList, Served]()
        providers = {
            one.number
            for one in self.follower.register.organisations.values()
            if one.number is not None and any(held.role == "provider" for held in one.roles)
        }
        for issuer in sorted(providers | {issuer for issuer, _ in known}):
            newest = max((number for of, number in known if of == issuer), default=0)
            for number in range(max(1, newest + 1 - _BEYOND_MAX), newest + 2):
                one = (issuer, number)
                if one not in known:
                    with (
                        self.result.findings.at(f"status list {name_of(one)}"),
                        suppress(Absent, Unavailable),
                    ):
                        found[one] = fetch(one)
        return found

    def told(self) -> None:
        """Note that whoever asked has been told everything: until then each look tells it again."""
        self.memory.told()

    def _untold(self) -> Untold:
        found = self.result.findings
        return Untold(list(found.found), found.more, list(self.result.news))

    @property
    def trusted(self) -> Trusted:
        """What must stand under the next checkpoint beside the signatures of the log's own keys."""
        if self.memory.state.checkpoint is None:
            return self._trusted
        return self._trusted.following(self.log_keys)

    @property
    def log_keys(self) -> LogKeys:
        """The log's own keys, as the records that were followed say."""
        return log_keys_of(self.follower.register)

    def _advance(self, source: LogSource, seen: Seen) -> AuthenticLog | None:
        remembered = self.memory.state.checkpoint
        with self.result.findings.at(source.name, (self.memory.state.note, seen.text)):
            if remembered is not None:
                check_forward(remembered, seen.checkpoint)
            log = AuthenticLog(source, seen.checkpoint)
            if remembered is not None and log.root(remembered.size) != remembered.root:
                raise Split(f"its first {remembered.size} entries are others than those it published before")
            self._follow(log, seen, 0 if remembered is None else remembered.size)
            # From here this is what the log is held to.
            self.memory.witnessed(seen.witnessed.values())
            self.memory.keep(seen.text, self._untold())
            self.result.seen = seen
            return log
        return None

    def _follow(self, log: AuthenticLog, seen: Seen, size: int) -> None:
        """Take in what is new, and forget it again where it does not bear the checkpoint it came with."""
        before, told = self.follower.fork(), len(self.result.news)
        try:
            self.follower.bounds = TimeBounds.of(self.memory.state.witnessed_s, seen.witnessed.values())
            self._take(log, size)
            own = self.log_keys
            if self._trusted.asks_for(own):
                check_own_keys(seen, own)
        except LedgerError:
            self.follower = before
            self.memory.forget()
            del self.result.news[told:]
            raise

    def _take(self, log: AuthenticLog, size: int) -> None:
        self._changes.clear()
        self.follower.root = log.root
        for position, entry in log.entries(size):
            followed = self.follower.take(position, entry)
            if followed is None:
                if not is_private(entry):
                    self.memory.add(position, REFUSED)
                continue
            self.memory.add(position, entry)
            event = followed.event
            if isinstance(event, StatusListChanged):
                self._changes.append(((event.issuer, event.status_list), event.bits_sha256))
            news = news_of(followed, self.follower.register, self._wanted)
            if news is not None and (len(self.result.news) < _NEWS_MAX or news.concerns_everybody):
                self.result.news.append(news)

    # -------------------------------------------------------------- status lists

    def judge_statuses(
        self, source: LogSource, fetch: Callable[[StatusList], Served], *, beyond: bool = False
    ) -> None:
        """Fetch every status list that the log knows, and hold each to the log.

        Bits must be those in force between the checkpoint followed to before and the one that is
        read after, and no two lists may be of one moment.

        Args:
            source: the log, which was followed to its newest checkpoint just now.
            fetch: returns a list as it is served; LedgerError where it is not, or cannot be read.
            beyond: whether to ask for lists that the log does not know too: where one is served, nobody
                holds its bits to anything.
        """
        findings, before, served = self.result.findings, dict(self.follower.status_lists), {}
        for one in before:
            with findings.at(f"status list {name_of(one)}"):
                served[one] = fetch(one)
        extra = self._unrecorded(fetch) if beyond else {}
        log = self.advance(source)
        for one in sorted(extra.keys() - self.follower.status_lists.keys()):
            findings.add(
                "status-unrecorded", f"status list {name_of(one)}", "it is served, and no record has its bits"
            )
        allowed = in_force(before, self._changes)
        for one, found in served.items():
            # Without a checkpoint after it nobody can tell what was in force; two of one moment show.
            judge(one, found, None if log is None else allowed[one], self.memory, findings)
        self.memory.keep(self.memory.state.note, self._untold())


def compare(
    first: Seen,
    log: AuthenticLog,
    other: LogSource,
    trusted: Trusted,
    findings: Findings,
    log_keys: LogKeys | None = None,
) -> None:
    """Ask a second address of the same log for its view, and find out whether both are one history.

    Args:
        first: the checkpoint that was followed to.
        log: the log as that checkpoint has it.
        other: the second address.
        trusted: as for the first.
        log_keys: the log's own, as it was followed, which must have signed too.
        findings: `split` where there are two histories, with both notes as evidence.
    """
    with findings.at(other.name):
        seen = read_checkpoint(other.checkpoint(), trusted, findings, other.name)
        if seen is not None:
            with findings.at(other.name, (first.text, seen.text)):
                if log_keys is not None:
                    check_own_keys(seen, log_keys)
                _check_same_history(first.checkpoint, log, seen.checkpoint, other)


def _check_same_history(one: Checkpoint, log: AuthenticLog, two: Checkpoint, other: LogSource) -> None:
    if one.origin != two.origin:
        raise Corrupt(f"it is another log: {two.origin}", code="origin")
    if two.size <= one.size:
        same = log.root(two.size) == two.root
    else:
        same = AuthenticLog(other, two).root(one.size) == one.root
    if not same:
        raise Split(f"it tells another history than {log.source.name}")
