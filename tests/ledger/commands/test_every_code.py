"""No code without a test: what the rules can say is shown here to be sayable."""

import re
from pathlib import Path

from ledger.policy.findings import CATALOGUE

# Said by those who read rows and files, or who know what was posted before; their tests are theirs.
SAID_ELSEWHERE = {
    *("E101", "E302", "E408", "E501", "E701", "W702", "E901", "W902"),
    *("E111", "E831", "E903", "E905", "E906", "E907", "E908", "E909", "W910", "E920"),
}


def test_every_code_of_the_commands_is_reached() -> None:
    """Each one is expected by name in a test of this folder; one that only others say is listed above."""
    here = Path(__file__)
    tests = "".join(path.read_text() for path in here.parent.glob("test_*.py") if path != here)

    expected = set(re.findall(r'"([EWI]\d{3})"', tests))

    assert expected | SAID_ELSEWHERE == CATALOGUE.keys()
    assert not expected & SAID_ELSEWHERE
