"""The catalogue of findings: complete, permanent in its codes, plain in its words."""

import re
import string

import pytest

from ledger.policy.findings import BLOCK, CATALOGUE, HOLD, INFO, WARN, Entry, finding, fix, sentence

PROMISED = [
    "E101 E102 E103 E104 E106 E111",
    "E201 E202 E203 E206 W208",
    "E301 E302 E303 E306 E307 E308 E310 E311",
    "E401 E402 E408",
    "E501 E502 E503 E504 E505 W506",
    "E601 E602 E603 E604",
    "E701 W702",
    "E901 W902 E903 E904 E905 E906 E907 E908 E909 W910 E911 E920",
    "E801 E802 E803 E804 E805 I806 E807 E808 E809 E810 E811 E812 E813 E814 E815 E816 E817 E818",
    "E819 E820 E821 E822 E823 E824 E825 E826 E827 E828 E829 E830 E831",
    "E841 E842 E843 E844 E845 E846 E847 E848 E849",
]
ENTRIES = sorted(CATALOGUE.items())


def _fields(entry: Entry) -> set[str]:
    found = string.Formatter().parse(entry.message + entry.fix)
    return {name for _, name, _, _ in found if name} - {"column"}


def test_every_code_is_there() -> None:
    """A code that was published stays; a new one is added to the list above."""
    assert sorted(CATALOGUE) == sorted(code for line in PROMISED for code in line.split())


@pytest.mark.parametrize(("code", "entry"), ENTRIES, ids=[code for code, _ in ENTRIES])
def test_a_code_shows_its_severity(code: str, entry: Entry) -> None:
    """E stops the row, W and I do not; E104 and E111 hold it for a person to look at."""
    allowed = {"E": {BLOCK, HOLD}, "W": {WARN}, "I": {INFO}}

    assert re.fullmatch(r"[EWI]\d{3}", code)
    assert entry.severity in allowed[code[0]]
    assert (entry.severity == HOLD) is (code in {"E104", "E111"})


@pytest.mark.parametrize(("code", "entry"), ENTRIES, ids=[code for code, _ in ENTRIES])
def test_sentences_are_filled(code: str, entry: Entry) -> None:
    """With its parameters, a finding says what is wrong and what to do, in whole sentences."""
    found = finding(code, **{name: f"<{name}>" for name in _fields(entry)})

    for text in (sentence(found), fix(found)):
        assert text.endswith(".")
        assert text[0].isupper() or text[0] == "<" or text.startswith("row")
        assert "{" not in text.replace("{organisation, origin, thumbprint}", "")
    for name in _fields(entry):
        assert f"<{name}>" in sentence(found) + fix(found)


@pytest.mark.parametrize(("code", "entry"), ENTRIES, ids=[code for code, _ in ENTRIES])
def test_no_sentence_asks_for_personal_data(code: str, entry: Entry) -> None:
    """Findings travel in answers, logs and job records: none has room for a name, an NSN or a birth date."""
    assert not _fields(entry) & {
        "nsn",
        "name",
        "name_id",
        "date_of_birth",
        "family",
        "given",
        "enrolment_ref",
    }, code


def test_a_column_can_be_named() -> None:
    """The usual column stands unless the finding is about another one."""
    assert finding("E303").column == "assessed_on"
    assert finding("E303", column="start_on").column == "start_on"
    assert sentence(finding("E904", column="name_id")) == "name_id is missing."


def test_parameters_are_text_in_order() -> None:
    """What a finding carries can be stored and compared: text, in the order given."""
    found = finding("E402", attempt=3, outcome="LO1", next=2)

    assert found.params == (("attempt", "3"), ("outcome", "LO1"), ("next", "2"))
    assert sentence(found) == "Attempt 3 on LO1 does not follow: the next one is 2."
