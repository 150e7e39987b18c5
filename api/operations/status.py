"""How a ledger stands: what it holds, what it has published, who has seen it, and what is wrong with it.

Only what anybody may know: positions, sizes, instants, codes; nothing about anybody.

Source: LEDGER.md 5 (start-up, witnesses, `tail.lost`), SPEC.md 6.
"""

import threading
from dataclasses import dataclass, replace
from typing import Any

from api.house import House
from api.operations.troubles import Trouble, trouble_of
from ledger.application import Ledger
from ledger.clock import rfc3339
from ledger.domain.status_list import StatusListChanged
from ledger.domain.tail import TailLost
from ledger.errors import Malformed, Unauthorised
from ledger.log.cosignature import verify_signed
from ledger.log.note import parse_note
from ledger.log_keys import log_keys_of
from ledger.restore import LostRevocations, lost_revocations
from ledger.store.cosignatures import ServedCheckpoint, last_seen, newest_witnessed

_TAILS_BATCH = 100
_US = 1_000_000


@dataclass(frozen=True, slots=True)
class Signed:
    """The newest checkpoint. `signed_at_us` is None where its signatures carry no time."""

    number: int
    size: int
    covers_until_us: int
    signed_at_us: int | None


@dataclass(frozen=True, slots=True)
class Seen:
    """A witness, and the newest checkpoint that it has cosigned; None before the first.

    state: what became of it when it was asked last, see `WitnessState`; "" before that.
    """

    witness: str
    size: int | None
    at_us: int | None
    state: str


@dataclass(frozen=True, slots=True)
class LostTail:
    """A restore that was accepted: see `tail.lost`; `revocations` names status lists that lost some."""

    position: int
    recorded_at_us: int
    first: int
    last: int
    lost: int
    root: bytes
    revocations: tuple[LostRevocations, ...] = ()


@dataclass(frozen=True, slots=True)
class LedgerStatus:
    """How a ledger stands at one moment.

    size, newest_at_us: number of records, and when the newest was recorded.
    witnessed: size that the witnesses of the policy have seen; None where none is asked for.
    trouble: what is wrong, None when nothing is.
    """

    origin: str
    size: int
    newest_at_us: int
    checkpoint: Signed | None
    witnesses_asked: bool
    witnessed: int | None
    seen: tuple[Seen, ...]
    lost: tuple[LostTail, ...]
    trouble: Trouble | None

    @property
    def takes_submissions(self) -> bool:
        """Whether what is posted now is recorded, as far as is known."""
        return self.trouble is None or not self.trouble.writing_stopped

    def as_json(self) -> dict[str, Any]:
        """Return it for programs."""
        signed = self.checkpoint
        return {
            "origin": self.origin,
            "status": "ready" if self.trouble is None else "not ready",
            "takes_submissions": self.takes_submissions,
            "trouble": None if self.trouble is None else self.trouble.as_json(),
            "newest": {"position": self.size, "recorded_at": rfc3339(self.newest_at_us)},
            "checkpoint": signed
            and {
                "number": signed.number,
                "size": signed.size,
                "covers_until": rfc3339(signed.covers_until_us),
                "signed_at": _text(signed.signed_at_us),
            },
            "witnessed": {
                "asked": self.witnesses_asked,
                "size": self.witnessed,
                "witnesses": [
                    {
                        "name": one.witness,
                        "size": one.size,
                        "at": _text(one.at_us),
                        "state": one.state or None,
                    }
                    for one in self.seen
                ],
            },
            "lost": [
                {
                    "position": one.position,
                    "recorded_at": rfc3339(one.recorded_at_us),
                    "first": one.first,
                    "last": one.last,
                    "lost": one.lost,
                    "root": one.root.hex(),
                    "status_lists": [which.as_json() for which in one.revocations],
                }
                for one in self.lost
            ],
        }


class LostTails:
    """Every `tail.lost` there is; what was looked at once is not looked at again."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._turn = threading.Lock()
        self._position = 0
        self._found: list[LostTail] = []

    def read(self) -> tuple[LostTail, ...]:
        """Return those up to now, oldest first."""
        store = self._ledger.store
        with self._turn:
            size = store.head().size
            while self._position < size:
                batch = store.select_notifications(
                    self._position + 1, _TAILS_BATCH, stop=size, topics=(TailLost.TOPIC,)
                )
                for record in batch:
                    event: TailLost = self._ledger.mapper.to_domain_event(record)
                    at_us = store.leaves_at([record.id])[record.id][1]
                    tail = LostTail(record.id, at_us, event.first, event.last, event.lost, event.root)
                    self._found.append(replace(tail, revocations=self._revocations(tail)))
                self._position = batch[-1].id if len(batch) == _TAILS_BATCH else size
            return tuple(self._found)

    def _revocations(self, tail: LostTail) -> tuple[LostRevocations, ...]:
        """Return the status lists of which a loss took revocations."""
        store, changes, start = self._ledger.store, list[tuple[int, StatusListChanged]](), tail.first
        topics = (StatusListChanged.TOPIC,)
        while batch := store.select_notifications(start, _TAILS_BATCH, stop=tail.last, topics=topics):
            changes += [(one.id, self._ledger.mapper.to_domain_event(one)) for one in batch]
            start = batch[-1].id + 1
        return lost_revocations(store, self._ledger.keyring(), changes)


def status_of(house: House, tails: LostTails) -> LedgerStatus:
    """Return how a ledger stands now."""
    head, publisher = house.ledger.store.head(), house.publisher
    reader, policy = house.ledger.store.database.reader, publisher.policy
    served, witnessed = publisher.served(), newest_witnessed(reader, policy)
    keys = {str(one.key): one.name for one in policy.witnesses}
    seen = last_seen(reader, list(keys))
    asked = publisher.cosigning.states() if publisher.cosigning else []
    states = {name: one.state for one in asked for name in one.names}
    return LedgerStatus(
        origin=house.ledger.founding.origin,
        size=head.size,
        newest_at_us=head.recorded_at_us,
        checkpoint=None if served is None else _signed(house, served),
        witnesses_asked=policy.needs_witnesses,
        witnessed=None if witnessed is None else witnessed.size,
        seen=tuple(_seen(name, seen.get(vkey), states.get(name, "")) for vkey, name in keys.items()),
        lost=tails.read(),
        trouble=trouble_of(house),
    )


def _seen(name: str, found: tuple[int, int] | None, state: str) -> Seen:
    return Seen(name, None, None, state) if found is None else Seen(name, found[0], found[1] * _US, state)


def _signed(house: House, served: ServedCheckpoint) -> Signed:
    _, covers_until_us = house.ledger.store.leaves_at([served.size])[served.size]
    return Signed(served.number, served.size, covers_until_us, _signed_at_us(house, served.note))


def _signed_at_us(house: House, note: str) -> int | None:
    """Return the time that the log's own ML-DSA-44 signature carries; Ed25519 carries none."""
    for one in log_keys_of(house.ledger.register()):
        try:
            at_s = verify_signed(parse_note(note.encode()), one.key)
        except (Malformed, Unauthorised):
            continue
        if at_s is not None:
            return at_s * _US
    return None


def _text(at_us: int | None) -> str | None:
    return None if at_us is None else rfc3339(at_us)
