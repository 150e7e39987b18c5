"""An old copy of the database is put back: found at start-up, restored with the loss accounted for."""

import shutil
from pathlib import Path

from api.cli.drills.result import Drill
from api.cli.drills.stage import PROVIDER, Stage, a_stage
from ledger.audit import audit_files
from ledger.errors import LedgerError
from ledger.restore import plan_restore, restore


def run(place: Path) -> Drill:
    """Play it in a folder."""
    drill, state = Drill("rollback"), place / "monitor.json"
    with a_stage(place / "one") as stage:
        stage.enrolled(0)
        stage.publish()
        copy = place / "copy.sqlite"
        _copy_out(stage, copy)

        later = [stage.result(0, outcome) for outcome in ("LO1", "LO2")]
        stage.publish()
        acknowledged = stage.house.ledger.store.head().size
        drill.expect("a monitor follows what was acknowledged", stage.monitor(state), set())

        _put_back(stage, copy)
        fault = stage.house.fault
        drill.expect("start-up finds the old copy", fault and fault.code, "rollback")
        drill.expect("writing has stopped", _refusal(stage), "rollback")
        provider = stage.house.ledger.register().organisation(PROVIDER)
        drill.expect("reading goes on", provider is not None, wanted=True)
        codes = {fault.code for fault in audit_files(stage.files).faults}
        drill.expect_in("an audit finds it", codes, "rollback")

        plan = plan_restore(stage.house.ledger)
        drill.expect("the plan names what is lost", (plan.published, plan.lost), (acknowledged, 2))
        drill.expect("and whose receipts", len(plan.receipts), 2)
        restored = restore(stage.house.ledger, accept_lost=True)
        drill.expect("the loss stands in the log", restored.told_at, acknowledged + 1)
        stage.close()
        stage.open()
        drill.expect("writing goes on", stage.house.fault, None)
        again = [one.status for submission in later for one in stage.post(submission)]
        drill.expect("what was lost is posted again and recorded", set(again), {"accepted"})
        stage.publish()
        drill.expect("the witness cosigns: nothing was taken back", stage.witness_state(), "cosigned")
        drill.expect("the monitor follows: nothing was taken back", stage.monitor(state), set())
        stage.close()
        drill.expect("an audit is clean", audit_files(stage.files).faults, [])
        stage.open()
    return drill


def _copy_out(stage: Stage, copy: Path) -> None:
    stage.close()
    shutil.copy2(stage.files.ledger, copy)
    stage.open()


def _put_back(stage: Stage, copy: Path) -> None:
    stage.close()
    for file in stage.files.folder.glob("ledger.sqlite*"):
        file.unlink()
    shutil.copy2(copy, stage.files.ledger)
    stage.open()


def _refusal(stage: Stage) -> str:
    try:
        stage.house.check_writable()
    except LedgerError as error:
        return error.code
    return "nothing"
