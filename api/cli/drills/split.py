"""Two histories of one log, both signed with the real key: the witness, a monitor and start-up find it."""

from pathlib import Path

from api.cli.drills.result import Drill
from api.cli.drills.stage import a_stage
from ledger.audit import audit_files
from ledger.files import LedgerFiles
from ledger.monitor.findings import Findings
from ledger.monitor.source import folder as log_in
from ledger.monitor.watching import Watch, compare


def run(place: Path) -> Drill:
    """Play it in a folder."""
    drill, state = Drill("split"), place / "monitor.json"
    with a_stage(place / "one") as honest:
        honest.enrolled(0)
        honest.publish()
        drill.expect("a checkpoint was witnessed", honest.witness_state(), "cosigned")
        drill.expect("a monitor has followed so far", honest.monitor(state), set())

        forked = honest.copied(place / "two")
        honest.result(0, "LO1", "A")
        honest.publish()
        forked.result(0, "LO1", "E")
        forked.publish()
        sizes = (honest.house.ledger.store.head().size, forked.house.ledger.store.head().size)
        drill.expect("both histories are of one size", sizes[0], sizes[1])
        drill.expect("one was witnessed", honest.witness_state(), "cosigned")
        drill.expect("the witness refuses the other", forked.witness_state(), "other-history")
        kinds = {one.kind for one in forked.witness.evidence()}
        drill.expect("the witness keeps both notes as evidence", bool(kinds), wanted=True)

        drill.expect("a monitor follows the one", honest.monitor(state), set())
        drill.expect_in("the same monitor is shown the other", honest.monitor(state, at=forked), "split")
        findings = Findings()
        fresh = Watch(place / "second.json", honest.trusted, ())
        log = fresh.advance(log_in(honest.files.anchor))
        assert log is not None, "the honest log was followed a moment ago"
        assert fresh.result.seen is not None
        compare(fresh.result.seen, log, log_in(forked.files.anchor), honest.trusted, findings)
        drill.expect_in("an outsider asks two addresses", findings.codes, "split")

        mixed = LedgerFiles(forked.files.folder, honest.files.anchor)
        codes = {fault.code for fault in audit_files(mixed).faults}
        drill.expect_in("an audit of the other database, by the one anchor", codes, "split")
        forked.close()
        forked.files = mixed
        fault = forked.open().fault
        drill.expect("a server started on them stops writing", fault and fault.code, "split")
        forked.close()
    return drill
