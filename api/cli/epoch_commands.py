"""`roa forget turn`: the epoch turns now, and what that does not reach is said.

Source: LEDGER.md 4 (only then is a forgetting effective in copies).
"""

from typing import Any

from api.cli.console import AsJson, Data, opened, out, print_json, spoken_errors
from ledger.clock import rfc3339
from ledger.forgetting import progress
from ledger.turning import turn as turn_epoch


def turn(data: Data, as_json: AsJson = False) -> None:
    """Put the vault under new keys and destroy the old ones, so that old copies do not open any more.

    The server does this at night (ROA_TURN_AT) where anything was destroyed; this does it now.
    """
    with spoken_errors(), opened(data) as house:
        ledger = house.ledger
        turned = turn_epoch(ledger)
        assert turned is not None, "it was not asked to turn only if something was destroyed"
        found: dict[str, Any] = {
            "epoch": turned.epoch,
            "turned_at": rfc3339(turned.turned_at_us),
            "covers": turned.covers,
            "effective": sum(1 for one in progress(ledger) if one.turn == turned),
            "wal_empty": ledger.vault.truncate_wal(),
            "key_file": str(ledger.files.epoch),
        }
    if as_json:
        print_json(found)
    else:
        _say(found)


def _say(found: dict[str, Any]) -> None:
    said = [
        f"The vault is in epoch {found['epoch']} since {found['turned_at']}; the old keys are destroyed.",
        f"Forgettings that are effective in copies with this turn: {found['effective']}.",
        "",
        "What this machine cannot reach, you have to destroy yourself:",
        f"  every copy of {found['key_file']} that was made before: in backups of the folder keys, in images",
        "  and snapshots of this machine or its disk, on paper, in escrow. Each still opens the copies of",
        "  vault.sqlite and jobs.sqlite of its time.",
        "Without it, copies of vault.sqlite and jobs.sqlite from before now open nothing, and do not bring",
        "this ledger back either: make a new backup now, of the databases and, apart, of the key file.",
    ]
    if not found["wal_empty"]:
        said.append("Somebody still reads an older state of the vault; its WAL is emptied within the hour.")
    out.print("\n".join(said), markup=False)
