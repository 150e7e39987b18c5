"""The log's side of witnessing: asks the witnesses of a policy to cosign a checkpoint, and keeps what holds.

A witness is given a checkpoint and a consistency proof, and nothing else. One that is slow, down
or hostile costs at most a bounded wait: all are asked at once, each in a thread that does nothing
but ask; an answer that comes late counts at the next turn, and one that fails is asked again later
and later.

Source: LEDGER.md 5 (publisher step 6); C2SP tlog-witness, tlog-policy.
"""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from queue import Empty, SimpleQueue
from urllib.parse import urlsplit

from ledger.clock import Clock
from ledger.database import Connection, Database
from ledger.errors import Malformed, Unauthorised
from ledger.log.add_checkpoint import PATH, SIZE_TYPE, format_add_checkpoint, parse_size
from ledger.log.cosignature import verify_signed
from ledger.log.note import Note, format_signature, parse_note, parse_vkey
from ledger.log.policy import NONE, KnownLog, KnownWitness, Policy, parse_policy
from ledger.store.cosignatures import (
    Cosignature,
    cosignatures_of,
    cosigned_size,
    keep_cosignatures,
    witnesses_of,
)
from ledger.store.tree import StoredTree

DEADLINE_S = 8.0  # for the quorum
GRACE_S = 1.0  # for those that the quorum did not need
SKEW_MAX_S = 300  # a cosignature dated further off is none: audit bounds records by these times
ANSWER_MAX_BYTES = 64 * 1024
TRIES = 2  # the second with the size that the first was told
_RETRY_FIRST_S, _RETRY_MAX_S = 5, 600
_OK, _CONFLICT, _UNPROCESSABLE = 200, 409, 422

# What became of a witness that was asked last.
COSIGNED, UNREACHABLE, REFUSED, BAD_ANSWER = "cosigned", "unreachable", "refused", "bad-answer"
AHEAD, OTHER_HISTORY = "ahead", "other-history"  # what was shown to it is not what is here


@dataclass(frozen=True, slots=True)
class Reply:
    """What a witness answered over HTTP."""

    status: int
    content_type: str
    body: bytes


# Posts a body to an address and returns the reply; raises whatever it likes when there is none.
Transport = Callable[[str, bytes], Reply]


@dataclass(frozen=True, slots=True)
class Wanted:
    """A checkpoint to be cosigned: its number, its size, its note with the log's signatures.

    recorded_at_us: when the newest record that it covers was recorded; nobody saw it before.
    """

    number: int
    size: int
    note: str
    recorded_at_us: int


@dataclass(frozen=True, slots=True)
class WitnessState:
    """How it stands with one address: its witnesses by their names in the policy, and what became of it.

    state: COSIGNED, UNREACHABLE, REFUSED (`detail` has the status), BAD_ANSWER; AHEAD when it has seen
        more of this log than is here, OTHER_HISTORY when what it has seen is not the beginning of what is
        here; "" before it was asked.
    """

    url: str
    names: tuple[str, ...]
    state: str
    detail: str
    failures: int

    @property
    def is_missing(self) -> bool:
        """Whether it was asked last and did not cosign."""
        return self.state not in ("", COSIGNED)


@dataclass(frozen=True, slots=True)
class _Answered:
    """What a thread brings back; `reply` is None when there was none."""

    place: "_Place"
    wanted: Wanted
    old_size: int
    tries: int
    reply: Reply | None
    why: str = ""


@dataclass(slots=True, eq=False)
class _Place:
    """One address with the witnesses that answer there: both keys of one witness, as a rule."""

    url: str
    witnesses: tuple[KnownWitness, ...]
    size: int | None = None  # at which it has seen the log, as far as is known here
    asking: bool = False
    failures: int = 0
    not_before_us: int = 0
    state: str = ""
    detail: str = ""


@dataclass(slots=True)
class _Times:
    """When waiting ends: monotonic seconds."""

    deadline_s: float
    grace_s: float
    started: float = field(default_factory=time.monotonic)
    met: float | None = None

    def left(self) -> float:
        end = self.started + self.deadline_s
        if self.met is not None:
            end = min(end, self.met + self.grace_s)
        return end - time.monotonic()


class Cosigning:
    """Collects cosignatures by one policy; used by one thread at a time."""

    def __init__(
        self,
        policy: Policy,
        transport: Transport,
        clock: Clock,
        *,
        deadline_s: float = DEADLINE_S,
        grace_s: float = GRACE_S,
    ) -> None:
        """Ask nobody yet.

        Args:
            policy: whose witnesses with an address are asked.
            transport: posts to them.
            clock: dates what is tried again, and bounds the times in cosignatures.
            deadline_s: how long a turn waits for the quorum.
            grace_s: how long it then waits for the rest.
        """
        self.policy = policy
        self._transport, self._clock = transport, clock
        self._deadline_s, self._grace_s = deadline_s, grace_s
        self._answers: SimpleQueue[_Answered] = SimpleQueue()
        urls = dict.fromkeys(one.url for one in policy.witnesses if one.url is not None)
        self._places = [_Place(url, tuple(one for one in policy.witnesses if one.url == url)) for url in urls]

    def states(self) -> list[WitnessState]:
        """Return how it stands with every address."""
        return [
            WitnessState(
                one.url,
                tuple(witness.name for witness in one.witnesses),
                one.state,
                one.detail,
                one.failures,
            )
            for one in self._places
        ]

    def collect(self, database: Database, tree: StoredTree, wanted: Wanted) -> bool:
        """Ask for what the policy still lacks under a checkpoint and keep it; return whether it is met.

        Raises:
            Unavailable: what came cannot be kept now.
        """
        turn = _Turn(database, tree, wanted)
        while not self._answers.empty():
            self._take(turn, self._answers.get())
        if self.policy.needs_witnesses and self._is_met(turn):
            return True
        for place in self._places:
            if self._is_due(turn, place):
                self._ask(turn, place, self._known_size(turn, place), tries=1)
        self._wait(turn)
        return self._is_met(turn)

    # -------------------------------------------------------------- asking

    def _is_due(self, turn: "_Turn", place: _Place) -> bool:
        now_us = self._clock.now_us()
        waits = now_us < place.not_before_us <= now_us + _RETRY_MAX_S * 1_000_000
        keys = {one.vkey for one in turn.cosignatures()}
        return not place.asking and not waits and any(str(one.key) not in keys for one in place.witnesses)

    def _known_size(self, turn: "_Turn", place: _Place) -> int:
        if place.size is None:
            place.size = cosigned_size(turn.reader, [str(one.key) for one in place.witnesses])
        # It may have told of more than this checkpoint covers: then it has to say so again.
        return min(place.size, turn.wanted.size)

    def _ask(self, turn: "_Turn", place: _Place, old_size: int, *, tries: int) -> None:
        wanted = turn.wanted
        proof = turn.tree.consistency(old_size, wanted.size) if old_size else []
        body = format_add_checkpoint(old_size, proof, wanted.note)
        address = f"{place.url.rstrip('/')}/{PATH}"

        def run() -> None:
            reply, why = None, ""
            try:
                reply = self._transport(address, body)
            except Exception as error:  # noqa: BLE001 - whatever a witness makes fail, it fails alone
                why = type(error).__name__
            self._answers.put(_Answered(place, wanted, old_size, tries, reply, why))

        place.asking = True
        threading.Thread(target=run, name="witness", daemon=True).start()

    def _wait(self, turn: "_Turn") -> None:
        times = _Times(self._deadline_s, self._grace_s)
        while any(place.asking for place in self._places):
            if times.met is None and self._is_met(turn):
                times.met = time.monotonic()
            left = times.left()
            if left <= 0:
                return
            try:
                answered = self._answers.get(timeout=left)
            except Empty:
                return
            self._take(turn, answered)
            if answered.wanted != turn.wanted and self._is_due(turn, answered.place):
                # Late, for a checkpoint that is not the newest any more: now for this one.
                self._ask(turn, answered.place, self._known_size(turn, answered.place), tries=1)

    def _is_met(self, turn: "_Turn") -> bool:
        return self.policy.is_met(witnesses_of(self.policy, turn.cosignatures()))

    # -------------------------------------------------------------- what comes back

    def _take(self, turn: "_Turn", answered: _Answered) -> None:
        place = answered.place
        place.asking = False
        try:
            told = self._judge(turn, answered)
        except (Malformed, Unauthorised) as error:
            self._failed(place, BAD_ANSWER, str(error))
            return
        if told is None:
            return
        place.size = told
        if told > answered.wanted.size:
            self._failed(place, AHEAD, f"it has seen {told} records of this log")
        elif answered.tries < TRIES:
            if answered.wanted == turn.wanted:
                self._ask(turn, place, told, tries=answered.tries + 1)
        else:
            self._failed(place, REFUSED, f"{_CONFLICT} twice")

    def _judge(self, turn: "_Turn", answered: _Answered) -> int | None:
        """Keep what a witness gave; return the size that it asks to be shown the log from, if it does."""
        place, reply = answered.place, answered.reply
        if reply is None:
            self._failed(place, UNREACHABLE, answered.why)
        elif reply.status == _CONFLICT and reply.content_type.partition(";")[0].strip() == SIZE_TYPE:
            return parse_size(reply.body)
        elif reply.status in (_CONFLICT, _UNPROCESSABLE):
            self._failed(place, OTHER_HISTORY, str(reply.status))
        elif reply.status != _OK:
            self._failed(place, REFUSED, str(reply.status))
        else:
            found = self._checked(place, answered.wanted, reply.body)
            turn.keep(answered.wanted.number, found)
            place.size, place.failures, place.not_before_us = answered.wanted.size, 0, 0
            place.state, place.detail = COSIGNED, ""
        return None

    def _checked(self, place: _Place, wanted: Wanted, body: bytes) -> list[Cosignature]:
        """Return the cosignatures in an answer that hold.

        Raises:
            Malformed: it is no list of signature lines, or a time in them is not that of our clock, or
                before what the checkpoint covers was recorded.
            Unauthorised: none of the witness's keys has signed, or a signature does not hold.
        """
        if len(body) > ANSWER_MAX_BYTES:
            raise Malformed("the answer is too long")
        note = wanted.note.encode()
        own, whole = parse_note(note), parse_note(note + body)
        if whole.text != own.text:
            raise Malformed("the answer is more than signature lines")
        given = whole.signatures[len(own.signatures) :]
        found: list[Cosignature] = []
        for witness in place.witnesses:
            key = witness.key
            mine = tuple(one for one in given if (one.name, one.key_id) == (key.name, key.key_id))
            if not mine:
                continue  # lines of keys that are not in the policy are ignored
            timestamp_s = verify_signed(Note(own.text, mine[:1]), key)
            assert timestamp_s is not None, "witnesses sign with a time"
            self._check_time(timestamp_s, wanted)
            found.append(Cosignature(str(key), timestamp_s, format_signature(mine[0])))
        if not found:
            raise Unauthorised("no key of the policy is among the signatures", code="signature")
        return found

    def _check_time(self, timestamp_s: int, wanted: Wanted) -> None:
        if abs(timestamp_s - self._clock.now_us() // 1_000_000) > SKEW_MAX_S:
            raise Malformed("the time of the cosignature is not the time here")
        if timestamp_s < wanted.recorded_at_us // 1_000_000:
            # Kept, it would say for ever that the newest record was seen before it was recorded.
            raise Malformed("the cosignature is dated before the newest record that it covers")

    def _failed(self, place: _Place, state: str, detail: str) -> None:
        place.state, place.detail = state, detail
        wait_s = min(_RETRY_MAX_S, _RETRY_FIRST_S * 2 ** min(place.failures, 10))
        place.failures += 1
        place.not_before_us = self._clock.now_us() + wait_s * 1_000_000


@dataclass(frozen=True, slots=True)
class _Turn:
    """One call of `collect`: where it reads and keeps, and for which checkpoint."""

    database: Database
    tree: StoredTree
    wanted: Wanted

    @property
    def reader(self) -> Connection:
        return self.database.reader

    def cosignatures(self) -> list[Cosignature]:
        return cosignatures_of(self.reader, self.wanted.number)

    def keep(self, number: int, found: Sequence[Cosignature]) -> None:
        with self.database.writing() as connection:
            keep_cosignatures(connection, number, found)


# ------------------------------------------------------------------ the policy of a log


def policy_of_log(path: Path, log_keys: Sequence[str]) -> Policy:
    """Return the policy in a file, with the log's own keys in it; no witnesses where there is no file.

    Args:
        path: a C2SP tlog-policy; its `log` lines may be left out.
        log_keys: vkeys of this log, those that ended too.

    Raises:
        Malformed: (code `policy`) it cannot be read, is of another log, or can never be met.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        data = f"quorum {NONE}\n".encode()
    try:
        data.decode()  # it stands in JSON documents too
        return _of_this_log(parse_policy(data), [parse_vkey(vkey).key for vkey in log_keys], log_keys)
    except (Malformed, UnicodeDecodeError) as error:
        why = "it is not UTF-8" if isinstance(error, UnicodeDecodeError) else str(error)
        raise Malformed(f"the policy in {path} cannot be used: {why}", code="policy") from error


def _of_this_log(policy: Policy, own: Sequence[bytes], log_keys: Sequence[str]) -> Policy:
    if any(log.key.key not in own for log in policy.logs):
        raise Malformed("it names a log that is not this one")
    if any(witness.key.key in own for witness in policy.witnesses):
        raise Malformed("a key of the log is not a witness of it")
    for witness in policy.witnesses:
        if witness.url is not None and not _is_address(witness.url):
            raise Malformed(f"the address of witness {witness.name} begins with http:// or https://")
    if not policy.is_met([witness.name for witness in policy.witnesses if witness.url is not None]):
        raise Malformed("the witnesses that have an address are too few for its quorum")
    named = {log.key.key for log in policy.logs}
    missing = [KnownLog(key, None) for key in map(parse_vkey, log_keys) if key.key not in named]
    return replace(policy, logs=(*policy.logs, *missing))


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return (
            parts.scheme in ("http", "https")
            and bool(parts.hostname)
            and parts.port != 0
            and not (parts.query or parts.fragment or parts.username or parts.password)
        )
    except ValueError:
        return False
