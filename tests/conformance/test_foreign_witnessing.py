"""A reader of C2SP logs that was not written here accepts what our witnesses cosign, and nothing else."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ledger.log.cosignature import ED25519_COSIGNATURE_TYPE
from ledger.log.note import Note, Signature, format_note, parse_note, parse_vkey
from tests.support.ledgers import a_ledger
from tests.support.witnessing import Network, witnessed_publisher

READER = os.environ.get("ROA_FOREIGN")
pytestmark = pytest.mark.skipif(
    READER is None, reason="the foreign reader is not installed: ROA_FOREIGN does not name its folder"
)
# Runs apart from our process, so that nothing of ours can help it. It reads Ed25519 cosignatures only.
PROGRAM = """
import json, sys
import aics_tlog
note, vkey, quorum, *witnesses = sys.argv[1:]
seen = aics_tlog.verify_checkpoint(
    aics_tlog.parse_note(open(note, "rb").read()),
    aics_tlog.parse_vkey(vkey),
    [aics_tlog.parse_vkey(one) for one in witnesses],
    int(quorum),
)
print(json.dumps({"ok": seen.ok, "witnesses": sorted(seen.witnesses or [])}))
"""


def judged(note: bytes, scratch: Path, *words: object) -> dict[str, object]:
    """Return what the foreign reader says of a cosigned checkpoint."""
    (scratch / "note").write_bytes(note)
    answer = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(scratch / "note"), *map(str, words)],
        env={"PYTHONPATH": str(READER), "PATH": ""},
        capture_output=True,
        text=True,
        check=True,
    )
    found: dict[str, object] = json.loads(answer.stdout)
    return found


def test_our_cosignatures_are_accepted_and_a_changed_one_is_not(tmp_path: Path) -> None:
    """Two witnesses under one checkpoint of a ledger; then one bit of a cosignature is changed."""
    house = a_ledger(tmp_path / "ledger")
    network = Network(tmp_path / "witnesses", house, 2)
    publisher = witnessed_publisher(house, network, enough=2)
    publisher.publish()
    served = publisher.served()
    assert served is not None
    note = parse_note(served.note.encode())
    keys = [parse_vkey(vkey) for one in network.witnesses.values() for vkey in one.vkeys]
    witnesses = [key for key in keys if key.type == ED25519_COSIGNATURE_TYPE]
    words = (house.ledger.founding.log_keys[0], len(witnesses), *witnesses)
    changed = [
        Signature(one.name, one.key_id, one.blob[:-1] + bytes([one.blob[-1] ^ 1]))
        if one.key_id == witnesses[0].key_id
        else one
        for one in note.signatures
    ]

    whole = judged(served.note.encode(), tmp_path, *words)
    damaged = judged(format_note(Note(note.text, tuple(changed))), tmp_path, *words)

    assert whole == {"ok": True, "witnesses": ["w1.example", "w2.example"]}
    assert damaged["ok"] is False
    network.close()
    house.close()
