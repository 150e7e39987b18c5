"""The documents frozen under `golden/`: their bytes are what others hold and check, and must not change.

After a change that is meant, write them anew and say in the commit what changed in them and why:
`python -m tests.projections.exports.golden_files`.
"""

from collections.abc import Mapping
from pathlib import Path

from projections.exports import jsonld
from projections.exports.bundle import how_to_check
from projections.exports.securing import document_bytes
from projections.exports.trust import trust_file, trust_signature
from tests.projections.exports.world import (
    HOST,
    a_signed_badge,
    a_signed_clr,
    a_signed_status_list,
    a_trust_file,
    the_operator,
)

FOLDER = Path(__file__).parent / "golden"


def golden_files() -> Mapping[str, bytes]:
    """Return each file's name and what it must hold."""
    badge, record = a_signed_badge(), a_signed_clr()
    trust = trust_file(a_trust_file())
    return {
        "award.ob3.json": document_bytes(badge),
        "award.ob3.nq": jsonld.canonical(badge),
        "record.clr2.json": document_bytes(record),
        "status-list.json": document_bytes(a_signed_status_list()),
        "trust.json": trust,
        "trust.json.jws": trust_signature(trust, the_operator().signer).encode(),
        "HOW-TO-CHECK.txt": how_to_check(HOST).encode(),
    }


if __name__ == "__main__":
    for name, content in golden_files().items():
        (FOLDER / name).write_bytes(content)
