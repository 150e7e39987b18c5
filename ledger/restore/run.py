"""The order in which a restore goes: check, list what is lost, forget its answers, then one transaction.

Named steps for crash tests, in order: `verified`, `receipts_listed`, `answers_lost`,
`views_dropped`, `put_back`, `told`, `committed`.
"""

import json
from collections.abc import Callable
from dataclasses import astuple
from typing import Any
from uuid import UUID

from ledger.application import Ledger
from ledger.authority import keyring_of
from ledger.clock import civil_date, instant
from ledger.cosigning import policy_of_log
from ledger.database import Connection, IntegrityError
from ledger.domain.base import Act
from ledger.domain.claims import claims_of
from ledger.domain.tail import Tail, TailLost
from ledger.encoding.strict_json import parse
from ledger.errors import Absent, Corrupt, Malformed, Rollback, Stale
from ledger.files import flush_folder, write_private
from ledger.ids import public_id
from ledger.log.checkpoint import Checkpoint
from ledger.log.merkle import EMPTY_ROOT, Frontier
from ledger.log.note import VerifierKey, parse_vkey
from ledger.log_keys import log_keys_of
from ledger.mapper import LedgerStoredEvent, store_public
from ledger.policy import law
from ledger.publisher import NO_PREVIOUS, Published, latest
from ledger.restore.judging import Place, PublicRecords, Stored
from ledger.restore.plan import LostReceipt, Restored, RestorePlan
from ledger.restore.published import PublishedTail
from ledger.restore.statuses import lost_revocations
from ledger.store.anchor import Anchor
from ledger.store.cosignatures import cosigners, keep_cosignatures
from ledger.store.importing import Import
from ledger.store.jobs import PlacedRow
from ledger.store.recorder import Write
from ledger.store.sqlite import read_head
from ledger.store.tree import StoredTree

RECEIPTS_FILE = "lost-receipts.json"
_RECEIPTS_FORMAT = "achievement-ledger/lost-receipts/v1"
_RECEIPTS_MAX_BYTES = 1 << 30

Step = Callable[[str], None]


def plan_restore(ledger: Ledger) -> RestorePlan:
    """Return what would be put back and what would be lost; nothing is written.

    Raises:
        Split: the database is not the beginning of what was published: no restore can join them.
        Corrupt: (`anchor`) something at the anchor's place is missing, damaged or not this log's;
            the sentence names the file.
        Absent: neither database nor anchor hold anything.
    """
    return _Restoring(ledger, _anchor(ledger)).plan()


def restore(ledger: Ledger, *, accept_lost: bool, at_step: Step = lambda _name: None) -> Restored:
    """Put back what was published, accept that the rest is lost, and say so in the log.

    No server may have the ledger open meanwhile. Views and kept documents are thrown away: whoever
    opens them makes them again. Publishing is the caller's.

    Args:
        ledger: open; its database is behind its anchor.
        accept_lost: that the operator knows what is lost.
        at_step: crash tests put their own here.

    Raises:
        Rollback: the loss is not accepted.
        Split, Corrupt, Absent: as `plan_restore`.
        Stale: somebody wrote to the database meanwhile.
        Unavailable: clock or disk.
    """
    anchor = _anchor(ledger)
    with anchor.turn():
        restoring = _Restoring(ledger, anchor)
        plan = restoring.plan()
        if not plan.missing:
            return Restored(plan, plan.stored, None)
        if not accept_lost:
            raise Rollback(
                f"the database holds {plan.stored} records, {plan.published} were published:"
                f" {plan.lost} of them would be lost"
            )
        at_step("verified")
        receipts = _list_receipts(ledger, plan)
        at_step("receipts_listed")
        ledger.jobs.lose(restoring.lost_rows)
        at_step("answers_lost")
        _drop_views(ledger)
        at_step("views_dropped")
        told_at = restoring.put_back(plan, at_step)
        # From here the ledger goes on where the published log ends.
        at_step("committed")
    ledger.fault = None
    return Restored(plan, ledger.store.head().size, told_at, receipts)


class _Restoring:
    """One restore: a plan, then the transaction that carries it out."""

    def __init__(self, ledger: Ledger, anchor: Anchor) -> None:
        self._ledger, self._store = ledger, ledger.store
        self._head = ledger.store.head()
        self._tail = PublishedTail(anchor, self._anchored(anchor), self._head)
        self._records = PublicRecords(ledger.register().fork(), Stored(ledger.store), self._tail.root)
        self.lost_rows: list[PlacedRow] = []

    def _anchored(self, anchor: Anchor) -> Checkpoint:
        anchored = anchor.current()
        if anchored is not None:
            if anchored.size <= self._head.size:
                anchor.check(StoredTree(self._store.database), self._head.size)
            return anchored
        if latest(self._store.database.reader) is not None:
            raise Corrupt("checkpoints were signed, and the anchor is missing: put it back", code="anchor")
        return Checkpoint(self._ledger.founding.origin, 0, EMPTY_ROOT)

    def plan(self) -> RestorePlan:
        """Check everything that was published after what is stored, and say what becomes of it."""
        stored, published, root = self._head.size, self._tail.anchored.size, self._tail.anchored.root
        if published <= stored:
            return RestorePlan(stored, published, root)
        self._tail.check_beginning()
        for record in self._tail:
            if record.public is not None:
                self._records.judge(record.position, record.public)
        self._checkpoint()
        public = self._records.places
        self.lost_rows = [one for one in self._ledger.jobs.placed_after(stored) if one.position not in public]
        receipts = tuple(LostReceipt.of(one, published) for one in self.lost_rows)
        gone = published - stored - len(public)
        bits = lost_revocations(self._store, keyring_of(self._records.register), self._records.status_lists)
        return RestorePlan(stored, published, root, len(public), gone, receipts, bits)

    def _checkpoint(self) -> Published | None:
        """Return the newest signed checkpoint as the next row of its table; None when it is there."""
        register = self._records.register
        if register.founding is None:
            raise Corrupt("the first entry at the anchor's place founds no ledger", code="anchor")
        found, last = self._tail.signed(log_keys_of(register)), latest(self._store.database.reader)
        if found is None or (last is not None and last.size >= found[0].size):
            return None
        signed, note = found
        number, previous = (last.number + 1, last.digest) if last else (1, NO_PREVIOUS)
        return Published(number, signed.size, signed.root, previous, note)

    def _witnesses(self) -> list[VerifierKey]:
        """Return the keys of all witnesses that are known: by what they cosigned, and by the policy."""
        own = log_keys_of(self._records.register)
        policy = policy_of_log(self._ledger.files.policy, own.every)
        known = [parse_vkey(vkey) for vkey in cosigners(self._store.database.reader)]
        known += [one.key for one in policy.witnesses]
        ours = {one.key.key for one in own}
        return list({one.key: one for one in known if one.key not in ours}.values())

    # -------------------------------------------------------------- putting back

    def put_back(self, plan: RestorePlan, at_step: Step) -> int:
        """Put the missing records back and tell of it, in one transaction.

        Told of even where no content is lost: what a restore touched is for everybody to know.

        Returns:
            The position of `tail.lost`.
        """
        checkpoint = self._checkpoint()
        cosignatures = self._tail.cosignatures(self._witnesses())
        try:
            with self._store.database.writing() as connection:
                if read_head(connection) != self._head:
                    raise Stale("somebody writes to this ledger: stop the server, then restore")
                self._import(connection)
                if checkpoint is not None:
                    connection.execute("INSERT INTO checkpoint VALUES (?,?,?,?,?)", astuple(checkpoint))
                    keep_cosignatures(connection, checkpoint.number, cosignatures)
                at_step("put_back")
                (told_at,) = self._store.append(connection, [self._tail_lost(plan)], Write())
                at_step("told")
        except IntegrityError as error:
            raise Corrupt(
                "the entries at the anchor's place contradict each other or the database", code="anchor"
            ) from error
        return told_at

    def _import(self, connection: Connection) -> None:
        rows, numbers = Import(self._store, connection), dict[tuple[UUID, UUID], int | None]()
        frontier = Frontier.from_bytes(self._head.size, self._head.frontier)
        for record in self._tail:
            frontier.append(record.leaf)
            if record.public is None:
                rows.add_lost(record.entry, record.leaf)
                continue
            event = self._records.event(record.position, record.public)
            takes, _ = claims_of(event, _no_code)
            rows.add_public(
                record.public,
                record.entry,
                record.leaf,
                self._place(self._records.places[record.position], rows, numbers),
                takes=takes,
                authority=event.AUTHORITY,
            )
        rows.finish(frontier.size, frontier.root(), frontier.to_bytes())

    def _place(
        self, place: Place | None, rows: Import, numbers: dict[tuple[UUID, UUID], int | None]
    ) -> tuple[int, int] | None:
        """Return number and row of the submission behind a record; None where it cannot be kept whole."""
        if place is None:
            return None
        name = place.iss, place.jti
        if name not in numbers:
            kept = self._store.submission(*name) or self._records.submission(*name)
            same = kept is not None and kept.jws == self._records.jws(*name)
            numbers[name] = rows.submission(kept) if kept is not None and same else None
        number = numbers[name]
        return None if number is None else (number, place.row)

    def _tail_lost(self, plan: RestorePlan) -> LedgerStoredEvent:
        now_us = self._ledger.clock.now_us()
        decided_on = civil_date(now_us)
        act = Act(plan.published, law.rules_on(decided_on).id, decided_on, instant(now_us))
        first, last = plan.stored + 1, plan.published
        stream = public_id("tail", first, last)
        tail = Tail.begin(TailLost, stream, act, first=first, last=last, root=plan.root, lost=plan.lost)
        (event,) = tail.collect_events()
        return store_public(event)


def _anchor(ledger: Ledger) -> Anchor:
    """Return the anchor of a ledger, by the name that the ledger has, or the anchor where nothing is left."""
    place = ledger.files.anchor
    if ledger.store.head().size:
        return Anchor(place, ledger.founding.origin)
    origin = Anchor.origin_at(place)
    if origin is None:
        raise Absent("neither the database nor the anchor hold anything: there is nothing to restore")
    return Anchor(place, origin)


def _no_code(stream: UUID) -> str:
    raise AssertionError(f"nothing public frees what an award holds: {stream}")


# ------------------------------------------------------------------ beside the ledger


def _list_receipts(ledger: Ledger, plan: RestorePlan) -> tuple[dict[str, Any], ...]:
    """Write the lost receipts to a file beside those of earlier losses; durable when it returns.

    Returns:
        Those of this loss; some may have been listed by a restore that was stopped.
    """
    target = ledger.files.out / RECEIPTS_FILE
    target.parent.mkdir(parents=True, exist_ok=True)
    flush_folder(target.parent.parent)
    receipts: list[dict[str, Any]] = []
    listed: set[tuple[Any, ...]] = set()
    if target.exists():
        try:
            receipts = parse(target.read_bytes(), size_max_bytes=_RECEIPTS_MAX_BYTES)["receipts"]
            listed = {_name(one) for one in receipts}
        except (Malformed, LookupError, TypeError) as error:
            raise Corrupt(
                f"{target.name} is no list of lost receipts: move it away", code="storage"
            ) from error
    receipts += [one for one in (lost.as_json() for lost in plan.receipts) if _name(one) not in listed]
    body = {"format": _RECEIPTS_FORMAT, "receipts": receipts}
    write_private(target, json.dumps(body, indent=1).encode() + b"\n")
    return tuple(one for one in receipts if one["position"] > plan.stored)


def _name(receipt: dict[str, Any]) -> tuple[Any, ...]:
    return receipt["organisation"], receipt["submission"], receipt["row"], receipt["position"]


def _drop_views(ledger: Ledger) -> None:
    """Throw away what was made from records that may not be there any more: views, and kept documents.

    Views are built again, documents signed again: neither holds a fact of its own.
    """
    for made in (ledger.files.views, ledger.files.documents):
        for suffix in ("", "-wal", "-shm"):
            made.with_name(made.name + suffix).unlink(missing_ok=True)
    flush_folder(ledger.files.folder)
