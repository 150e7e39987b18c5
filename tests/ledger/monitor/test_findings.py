"""What findings come to together."""

from ledger.errors import Corrupt, Unavailable
from ledger.monitor.findings import FINDINGS_MAX, NO_ANSWER, Findings


def test_answers_that_did_not_come_are_told_from_findings_however_many_there_are() -> None:
    """Past the thousand that are told one by one too; a single finding among them is one."""
    found = Findings()
    clean = found.unanswered
    for number in range(FINDINGS_MAX + 1):
        with found.at(f"tile {number}", ("a note",)):
            raise Unavailable("nobody answers", code=NO_ANSWER)

    before = found.unanswered
    with found.at("tile 7"):
        raise Corrupt("it is not what the entries make", code="tile")

    assert (clean, before, found.unanswered) == (False, True, False)
    assert found.more == 2
    assert not any(one.evidence for one in found.found)


def test_what_was_only_counted_before_may_have_been_anything() -> None:
    """A look that takes up what an earlier one counted does not call it an answer that did not come."""
    found = Findings()
    found.add(NO_ANSWER, "the log", "nobody answers")

    found.more += 1

    assert not found.unanswered
