"""A key is stolen: what was signed before stays verified, what a thief back-dates does not.

First a provider's credential key, with which a thief signs documents elsewhere; then its submission
key, with which a thief makes awards in the ledger itself.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import UUID

from api.cli.bundles import DOCUMENT, changed, document_of
from api.cli.drills.result import Drill
from api.cli.drills.stage import PROVIDER, Stage, a_stage
from api.client.submission import organisation_id
from api.client.verify import Trust, verify
from api.operations import custody
from ledger.access.rows import ON_DEMONSTRATION
from ledger.errors import LedgerError
from ledger.founding import CREDENTIAL
from ledger.keys.did import provider_did
from ledger.keys.keystore import custody_label
from ledger.keys.signer import Signer
from projections.exports.securing import document_bytes, sign_credential

VERIFIED, NOTED = "Verified", "Verified, with notes"  # the note: how old the list beside it is
OPEN, NOT_VALID = "Could not be verified completely", "Not valid"
_ISSUED = "issued.tlog-proof"


def run(place: Path) -> Drill:
    """Play it in a folder."""
    drill = Drill("compromise")
    with a_stage(place / "one") as stage:
        learners = [stage.awarded(number) for number in range(4)]
        stage.publish()
        _rotation(drill, stage, learners[0])
        _credential_key(drill, stage, learners[1], learners[2])
        _submission_key(drill, stage, learners[3])
    return drill


# ------------------------------------------------------------------ rotation


def _rotation(drill: Drill, stage: Stage, learner: UUID) -> None:
    bundle = _bundle(stage, learner)
    drill.expect("an award is verified", _headline(stage, bundle), VERIFIED)
    custody.rotate(stage.house.ledger, PROVIDER, CREDENTIAL)
    stage.publish()
    drill.expect("its provider's key was rotated: still", _headline(stage, bundle), NOTED)
    without = changed(bundle, {_ISSUED: None})
    drill.expect("without the receipt of its issuing nobody can tell when", _headline(stage, without), OPEN)


# ------------------------------------------------------------------ a credential key


def _credential_key(drill: Drill, stage: Stage, before: UUID, between: UUID) -> None:
    ledger = stage.house.ledger
    genuine = _bundle(stage, before)
    thief = ledger.signer(custody_label(PROVIDER, CREDENTIAL), organisation_id(PROVIDER), CREDENTIAL)
    since = ledger.store.head().size + 1
    suspect = _bundle(stage, between)  # its provider goes on signing, and knows nothing yet
    forged = _back_dated(stage, genuine, thief)
    receipts: dict[str, Mapping[str, bytes | None]] = {
        "without receipt": {_ISSUED: None},
        "with the receipt of another document": {},
    }
    drill.expect("nobody knows yet: the thief's copy, with no receipt", _headline(stage, forged), VERIFIED)

    custody.revoke(ledger, PROVIDER, thief.thumbprint, "stolen", since)
    custody.rotate(ledger, PROVIDER, CREDENTIAL)
    stage.publish()
    drill.expect("declared stolen: what was signed before", _headline(stage, genuine), NOTED)
    for what, members in receipts.items():
        content = changed(genuine, {DOCUMENT: document_of(forged), **members})
        wanted = OPEN if members else NOT_VALID
        drill.expect(f"a back-dated document {what}", _headline(stage, content), wanted)
    drill.expect("what its provider signed since then", _headline(stage, suspect), OPEN)
    recorded_at = _newest_issued(stage, since)
    custody.settle(ledger, PROVIDER, thief.thumbprint, recorded_at, recorded_at, own=True)
    stage.publish()
    drill.expect("reaffirmed by its provider", _headline(stage, suspect), NOTED)


def _newest_issued(stage: Stage, since: int) -> int:
    """Return the position of the record of the newest document; at least one was signed since then."""
    issued = stage.house.ledger.store.select_notifications(since, 100, topics=("credential.issued",))
    return max(one.id for one in issued)


# ------------------------------------------------------------------ a submission key


def _submission_key(drill: Drill, stage: Stage, learner: UUID) -> None:
    ledger = stage.house.ledger
    bundle = _bundle(stage, learner)
    (award,) = stage.house.issuer.record(learner, ON_DEMONSTRATION).awards
    position = award.held.position
    key = ledger.signer(custody_label(PROVIDER, "submission"), organisation_id(PROVIDER), "submission")
    custody.revoke(ledger, PROVIDER, key.thumbprint, "stolen", position)
    open_ones = [at for at, _ in custody.suspects(ledger, key.thumbprint)]
    drill.expect("a submission key was stolen: the award is suspect", position in open_ones, wanted=True)
    drill.expect("no document is made of it", _export_code(stage, learner), "suspect")
    custody.settle(ledger, PROVIDER, key.thumbprint, position, position, own=False)
    stage.publish()
    drill.expect("annulled: no document is made of it", _export_code(stage, learner), "annulled")
    status = _status_list(stage)
    late = changed(bundle, {"status-list.json": status})
    drill.expect("an older copy, with today's status list", _headline(stage, late), NOT_VALID)


# ------------------------------------------------------------------ documents


def _bundle(stage: Stage, learner: UUID) -> bytes:
    (award,) = stage.house.issuer.record(learner, ON_DEMONSTRATION).awards
    return stage.house.issuer.export(learner, "bundle", award.held.award_id, reader=ON_DEMONSTRATION).data


def _export_code(stage: Stage, learner: UUID) -> str:
    try:
        (award,) = stage.house.issuer.record(learner, ON_DEMONSTRATION).awards
        stage.house.issuer.export(learner, "ob3", award.held.award_id, reader=ON_DEMONSTRATION)
    except LedgerError as error:
        return error.code
    return "made"


def _status_list(stage: Stage) -> bytes:
    data = stage.house.issuer.status_list(PROVIDER, 1)
    assert data is not None
    return data


def _headline(stage: Stage, content: bytes) -> str:
    trust, signature = stage.house.issuer.trust_file()
    held = Trust.parse(trust, signature.encode())
    return verify(content, trust=held, fetch=None, now_us=stage.clock.now_us()).headline


def _back_dated(stage: Stage, bundle: bytes, thief: Signer) -> bytes:
    """Return a bundle whose document claims better grades, signed by a thief as if it had been long ago."""
    document: dict[str, Any] = json.loads(document_of(bundle))
    del document["proof"]
    for result in document["credentialSubject"]["result"]:
        if result.get("value") == "A":
            result["value"] = "E"
    credits_earned = float(document["credentialSubject"]["creditsEarned"])
    document["credentialSubject"]["creditsEarned"] = credits_earned
    document["credentialSubject"]["achievement"]["creditsAvailable"] = credits_earned
    did = provider_did(stage.house.issuer.host, PROVIDER)
    forged = sign_credential(document, thief, did, stage.clock.now_us())
    return changed(bundle, {DOCUMENT: document_bytes(forged), _ISSUED: None})
