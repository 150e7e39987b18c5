"""A log of all golden records, and what is handed out about them: checkpoint, receipts, acknowledgement."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from ledger.clock import FixedClock
from ledger.deciding.batch import Outcome
from ledger.keys.signer import jws_read
from ledger.log.signing import LogSigner
from ledger.mapper import LedgerMapper
from ledger.publisher import Publisher
from ledger.receipts import acknowledge, award_receipt, prove, provider_receipt, public_receipt
from ledger.statements import read_claims
from ledger.store.anchor import Anchor
from ledger.store.sqlite import LedgerRecorder
from tests.ledger.golden.samples import (
    KINDS,
    first_records,
    private_submission,
    recorded,
    signer,
    subject_key,
)
from tests.support.world import MIDDAY, ORIGIN


def handed_out(folder: Path) -> dict[str, Any]:
    """Return everything that a reader of this log gets, from real recorder, publisher and receipts."""
    recorder = recorded(folder, first_records())
    log_signer = LogSigner(ORIGIN, signer())  # ML-DSA-44 signs by chance: its signature cannot be frozen
    publisher = Publisher(recorder, Anchor(folder / "anchor", ORIGIN), log_signer, FixedClock(MIDDAY))
    published = publisher.publish()
    assert published is not None
    places = _positions(recorder)
    award = prove(recorder, publisher.tree, places["microcredential.awarded"])
    result = prove(recorder, publisher.tree, places["assessment.passed"])
    listing = prove(recorder, publisher.tree, places["microcredential.registered"])
    mapper, key = LedgerMapper.for_reading(), subject_key()
    topics, submission = private_submission()
    outcomes = [Outcome(row, "accepted", position=places[topic]) for row, topic in enumerate(topics)]
    outcomes[1] = Outcome(1, "rejected")
    received: Any = SimpleNamespace(claims=read_claims(jws_read(submission.jws).payload))
    found = {
        "positions": places,
        "size": published.size,
        "root": published.root,
        "checkpoint": published.note,
        "award_receipt": award_receipt(award, key, mapper),
        "award_receipt_showing_level_only": award_receipt(award, key, mapper, shows=["level"]),
        "provider_receipt": provider_receipt(result, key),
        "public_receipt": public_receipt(listing),
        "acknowledgement": acknowledge(recorder, signer(), received.claims, outcomes, ORIGIN),
    }
    recorder.close()
    return found


def _positions(recorder: LedgerRecorder) -> dict[str, int]:
    found = {one.topic: one.id for one in recorder.select_notifications(None, 100)}
    return {topic: found[topic] for topic in KINDS}
