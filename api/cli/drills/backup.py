"""The machine is gone: a backup, the keys and the anchor make the ledger again, and nobody notices."""

import shutil
from pathlib import Path

from api.cli.drills.result import Drill
from api.cli.drills.stage import PASSPHRASE, PROVIDER, a_stage
from ledger.audit import audit
from ledger.backup import OWN_KEY, put_back, take
from ledger.errors import LedgerError
from ledger.files import LedgerFiles
from ledger.keys.keystore import KeyStore
from ledger.monitor.trusted import Trusted
from ledger.turning import turn


def run(place: Path) -> Drill:
    """Play it in a folder."""
    drill, state = Drill("backup"), place / "monitor.json"
    with a_stage(place / "one") as stage:
        learner = stage.awarded(0)
        stage.publish()
        taken = take(stage.house.ledger, place / "backups")
        copied = {one.name for one in taken.manifest.files}
        drill.expect("keys are not in it", {"epoch.json", "receipt.pem"} & copied, set())
        drill.expect("a monitor follows what was published", stage.monitor(state), set())
        folder, anchor, keys = stage.files.folder, place / "anchor", place / "keys"
        stage.close()
        shutil.copytree(folder / "keys", keys)
        shutil.copytree(folder / "anchor", anchor)
        shutil.rmtree(folder)

        changed = Path(shutil.copytree(taken.folder, place / "changed"))
        (changed / "ledger.sqlite").write_bytes((changed / "ledger.sqlite").read_bytes()[:-1] + b"\xff")
        drill.expect(
            "a backup that was changed is refused", _refusal(changed, place / "two", keys), "storage"
        )
        drill.expect("it is put in place", _placed(taken.folder, folder, keys), OWN_KEY)
        shutil.copytree(anchor, folder / "anchor")
        stage.open()
        ledger = stage.house.ledger
        drill.expect("the anchor agrees", stage.house.fault, None)
        drill.expect("an audit is clean", audit(ledger).faults, [])
        stage.house.catch_up()
        drill.expect(
            "the views are the same: awards in force", stage.house.issuer.awards_in_force(learner), 1
        )
        provider = ledger.register().organisation(PROVIDER)
        drill.expect("the register is the same", provider is not None, wanted=True)
        stage.enrolled(1)
        stage.publish()
        drill.expect("the witness cosigns what comes next", stage.witness_state(), "cosigned")
        drill.expect("the monitor follows: nothing was taken back", stage.monitor(state), set())

        turn(ledger)
        stage.close()
        shutil.rmtree(keys)
        shutil.copytree(folder / "keys", keys)
        drill.expect(
            "after a turn it opens for nobody", _refusal(taken.folder, place / "three", keys), "epoch"
        )
        stage.open()
    return drill


def _placed(backup: Path, folder: Path, keys: Path) -> str:
    keystore = KeyStore(keys, PASSPHRASE)
    return put_back(backup, LedgerFiles(folder), keys, keystore, PASSPHRASE, Trusted()).vouched_by


def _refusal(backup: Path, folder: Path, keys: Path) -> str:
    try:
        _placed(backup, folder, keys)
    except LedgerError as error:
        return error.code
    return "nothing"
