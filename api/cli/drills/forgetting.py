"""A learner is forgotten: nothing that could say who it was, or what was said, is left in any file.

First everything that holds somebody is made to hold this learner: records, files that were posted,
documents, exports, accesses, log lines of a real server, a backup. Then two officers ask, the ledger
forgets, the epoch turns. What is searched for is what the learner's own key opened: numbers, names,
salts, statements, and every key. The search finds them before, or it could not say that they are gone.

Source: LEDGER.md 4, 9 (P7).
"""

import json
import shutil
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx2

from api.cli import demo as data_of
from api.cli.drills.result import Drill
from api.cli.drills.searching import Search, records_of, secrets_of
from api.cli.drills.serving import served
from api.cli.drills.stage import CODE, PASSPHRASE, PROVIDER, Stage, a_stage
from api.client.statements import Statement
from api.client.submission import organisation_id
from api.client.verify import Trust, verify
from api.learners.personas import COOKIE
from api.operations import forgetting as officers
from api.operations.custody import registration
from api.operations.registrar import say, say_or_fail
from api.settings import DEMO_MARK
from ledger.access.rows import ON_DEMONSTRATION
from ledger.audit import audit_files
from ledger.backup import take
from ledger.deciding.batch import HELD
from ledger.errors import LedgerError
from ledger.keys.signer import ED25519
from ledger.log.merkle import verify_inclusion
from ledger.policy.framework import FORGETTING_BASES
from ledger.privacy.epoch import EpochFile
from ledger.privacy.vault import Vault
from ledger.turning import turn

FORGOTTEN, KEPT = 0, 1  # by their place in the demonstration's list of learners
AUTHORITY = "Disposal authority of the drill"
_OFFICERS = ("drill.officer.1", "drill.officer.2")


def run(place: Path) -> Drill:
    """Play it in a folder."""
    drill, elsewhere = Drill("forgetting"), place / "elsewhere"
    # A real server goes on with this ledger, so its past ends before now.
    with a_stage(place / "one", datetime.now(UTC) - timedelta(hours=2)) as stage:
        learner = stage.awarded(FORGOTTEN)
        stage.awarded(KEPT)
        stage.publish()
        search = Search(place, secrets_of(stage.house.ledger, learner, _person()), leave_out=[elsewhere])
        _everywhere(stage, learner, place, elsewhere)
        counts, positions = stage.house.views.statistics.counts(), _positions(stage, learner)
        copies = take(stage.house.ledger, place / "backups").folder
        drill.expect("the search finds the learner as long as it is known", search.hits() > 0, wanted=True)

        _forget(stage, learner)
        turn(stage.house.ledger)
        stage.publish()
        take(stage.house.ledger, place / "backups")

        drill.numbers = {"places": search.places(), "hits": search.hits()}
        drill.expect("nothing of it is found in any file, nor in any copy", search.found_in(), [])
        drill.expect(
            "old copies of the vault do not open", _opens(stage, copies, place / "tried"), wanted=False
        )
        drill.expect("the learner comes back with nobody's file", _posted_again(stage), {HELD})
        drill.expect("every record is proven as before", _is_proven(stage, positions), wanted=True)
        drill.expect("what the learner took along verifies", _verdict(elsewhere), "Verified")
        same = stage.house.views.statistics.counts() == counts
        drill.expect("statistics are what they were", same, wanted=True)
        stage.close()
        vault = Vault.open(stage.files.vault, EpochFile(stage.files.epoch, PASSPHRASE))
        drill.expect("an audit with keys is clean", audit_files(stage.files, vault).faults, [])
        vault.close()
        stage.open()
    return drill


def _person() -> dict[str, Any]:
    return data_of.learners()[FORGOTTEN]


# ------------------------------------------------------------------ before


def _everywhere(stage: Stage, learner: UUID, place: Path, elsewhere: Path) -> None:
    """Make everything that may hold somebody hold the learner, and let the learner take a bundle along."""
    house = stage.house
    house.issuer.write_trust()
    bundle = house.issuer.export(learner, "bundle", reader=ON_DEMONSTRATION)
    house.issuer.write(learner, bundle)
    house.issuer.write(learner, house.issuer.export(learner, "json", reader=ON_DEMONSTRATION))
    token = house.tokens.make(organisation_id(PROVIDER), stage.clock.now_us())
    (stage.files.folder / DEMO_MARK).write_text(
        json.dumps({"personas": [{"learner": str(learner), "story": "one award"}]})
    )
    stage.close()
    with served(stage.files.folder, place) as client:
        _visited(client, learner, token, bundle.data)
    (stage.files.folder / DEMO_MARK).unlink()
    stage.clock.advance(datetime.now(UTC) - datetime.fromtimestamp(stage.clock.now_us() / 1e6, UTC))
    stage.open()
    stage.publish()
    elsewhere.mkdir()
    (elsewhere / bundle.name).write_bytes(bundle.data)
    for name in ("trust.json", "trust.json.jws"):
        shutil.copy2(stage.files.folder / name, elsewhere)


def _visited(client: httpx2.Client, learner: UUID, token: str, bundle: bytes) -> None:
    """Post about the learner, look at the record, check a bundle; and put the number where none belongs."""
    nsn, born = _person()["nsn"], _person()["date_of_birth"]
    rows = (
        "row_ref,nsn,date_of_birth,mc_code,outcome_id,enrolment_ref,grade,method,assessed_on",
        f"R1,{nsn},{born},{CODE},LO1,DRILL-{FORGOTTEN},M,assessed,2026-03-03",
        f"R2,{nsn},{born},{CODE},LO9,DRILL-{FORGOTTEN},A,assessed,soon",
    )
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "text/csv"}
    posted = client.post("/v1/submissions", content="\r\n".join(rows), headers=headers)
    submission = posted.raise_for_status().json()["submission"]
    client.get(f"/v1/submissions/{submission}", headers=headers).raise_for_status()
    own = {"Cookie": f"{COOKIE}={learner}"}
    for wanted in ("page", "json", "clr", "bundle"):
        client.get("/me", params={"format": wanted}, headers=own)
    client.post("/v1/verify", content=bundle).raise_for_status()
    client.get(f"/v1/receipts/{nsn}")
    client.get("/me", params={"format": nsn}, headers={**own, "X-Request-Id": nsn})
    client.post("/v1/submissions", content=f'{{"nsn":"{nsn}"', headers={"Content-Type": "application/jsonl"})


def _positions(stage: Stage, learner: UUID) -> list[int]:
    return [record.id for record in records_of(stage.house.ledger, learner)]


# ------------------------------------------------------------------ forgetting


def _forget(stage: Stage, learner: UUID) -> None:
    """Let two officers ask for it, with keys of their own, and carry it out."""
    house = stage.house
    keys = [house.ledger.keystore.create(label, ED25519) for label in _OFFICERS]
    registrar = house.ledger.founding.registrar_number
    say_or_fail(
        house.ledger,
        [registration(house.ledger, key, registrar, ("forgetting",), "own") for key in keys],
    )
    basis = min(FORGETTING_BASES)
    forgetting, _ = officers.request(house, keys[0], learner, basis, AUTHORITY)
    officers.approve(house, keys[1], forgetting)
    house.forget()
    stage.publish()


# ------------------------------------------------------------------ after


def _opens(stage: Stage, copies: Path, tried: Path) -> bool:
    """Return whether a copy of the vault opens with any key file that is left."""
    shutil.copytree(copies, tried)
    opened = False
    for key_file in sorted(stage.files.keys.glob("epoch.json*")):
        try:
            Vault.open(tried / stage.files.vault.name, EpochFile(key_file, PASSPHRASE)).close()
            opened = True
        except LedgerError:
            continue
    return opened


def _posted_again(stage: Stage) -> set[str]:
    """Register the learner as the monthly file would, and return what became of the rows."""
    row = Statement({"type": "learner.registered", "v": 1}, _person())
    return {one.status for one in say(stage.house.ledger, [row])}


def _is_proven(stage: Stage, positions: Sequence[int]) -> bool:
    """Return whether every record of the learner still leads to the published root."""
    published, tree = stage.house.publisher.served(), stage.house.publisher.tree
    assert published is not None
    leaves = stage.house.ledger.store.leaves_at(positions)
    root = tree.root(published.size)
    for position in positions:
        path = tree.inclusion(position - 1, published.size)
        verify_inclusion(leaves[position][0], position - 1, published.size, path, root)
    return len(leaves) == len(positions) > 0


def _verdict(elsewhere: Path) -> str:
    (bundle,) = elsewhere.glob("*.zip")
    trust = Trust.parse((elsewhere / "trust.json").read_bytes())
    now_us = int(datetime.now(UTC).timestamp() * 1_000_000)
    return verify(bundle.read_bytes(), trust=trust, now_us=now_us).title
