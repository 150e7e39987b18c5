"""What a JSON-LD processor would drop or bend in silence is refused; what is left, PyLD reads the same way.

Each trap has two halves: that PyLD by itself falls into it, so that the refusal is needed, and that
we do not. When a later PyLD stops falling in, its half fails and the refusal can be looked at again.
"""

import json
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyld import jsonld as pyld

from api.client.errors import ClientError, Malformed
from api.client.verify import contexts, jsonld
from api.client.verify.jsonld import LIST_MAX, TYPES_MAX, VALUES_MAX, Canonicaliser, pinned
from tests.api.client.verify.words import BADGE, RECORDS, codes, edited, judged, put
from tests.support.credentials import Award, learner_record, open_badge
from tests.support.handmade import V2, nquads

SMALL = {"@context": [V2], "type": ["VerifiableCredential"], "id": "urn:x:1", "name": "A"}


def refusal(document):
    """Return the code with which a document is refused."""
    with pytest.raises(Malformed) as caught:
        pinned().canonical(document)
    return caught.value.code


@pytest.mark.parametrize(
    ("added", "code"),
    [
        pytest.param({"nickname": "B"}, "undefined-term", id="undefined-term"),
        pytest.param({"@nickname": "B"}, "undefined-term", id="keyword-lookalike"),
        pytest.param({"description": None}, "uncovered", id="null"),
        pytest.param({"description": []}, "uncovered", id="empty-list"),
        pytest.param({"name": ["A", "A"]}, "uncovered", id="said-twice"),
        pytest.param({"name": ["A", ["A"]]}, "uncovered", id="list-in-list"),
    ],
)
def test_what_leaves_no_trace_is_refused(added, code):
    """These could be added to a signed document without breaking its signature."""
    assert nquads(SMALL | added) == nquads(SMALL)

    assert refusal(SMALL | added) == code


@pytest.mark.parametrize(
    "added",
    [
        pytest.param({"id": "relative"}, id="relative-id"),
        pytest.param({"id": ""}, id="empty-id"),
        pytest.param({"issuer": "//host/path"}, id="network-path"),
        pytest.param({"issuer": "#fragment"}, id="fragment"),
        pytest.param({"type": ["VerifiableCredential", "Undefined"]}, id="undefined-type"),
    ],
)
def test_what_is_relative_is_refused(added):
    """PyLD takes a place of its own invention as the base of what is relative."""
    assert b"<http://example.org/base/" in nquads(SMALL | added) or b"<http://host/path>" in nquads(
        SMALL | added
    )

    assert refusal(SMALL | added) == "undefined-term"


def test_the_invented_base_is_refused_even_if_written_out():
    """An address under PyLD's base could not be told from a relative one."""
    assert refusal(SMALL | {"issuer": pyld.DEFAULT_BASE_IRI + "x"}) == "undefined-term"


@pytest.mark.parametrize(
    "address",
    ["urn:a> <urn:b", "urn:a\n", 'urn:a"', "urn:a b", "urn:a\\u003e", "urn:{a}", "_:b0", "urn:a`", "urn:a|b"],
)
def test_an_address_cannot_break_out_of_its_line(address):
    """PyLD writes addresses as they are: one with a bracket or line feed would forge further statements."""
    assert refusal(SMALL | {"issuer": address}) in {"address", "undefined-term"}


def test_pyld_alone_would_let_an_address_break_out():
    """The reason for the rule above."""
    assert b"<urn:a>>" in nquads(SMALL | {"issuer": "urn:a>"})


@pytest.mark.parametrize(
    ("added", "code"),
    [
        pytest.param({"name": {"@value": "B", "@language": "en"}}, "undefined-term", id="value-object"),
        pytest.param({"name": {"@language": "en"}}, "undefined-term", id="language-only"),
        pytest.param({"@graph": [{"id": "urn:x:2", "name": "B"}]}, "undefined-term", id="graph"),
        pytest.param({"@included": [{"id": "urn:x:2", "name": "B"}]}, "undefined-term", id="included"),
        pytest.param({"@reverse": {"issuer": "urn:x:2"}}, "undefined-term", id="reverse"),
        pytest.param({"@type": ["VerifiableCredential"]}, "undefined-term", id="type-by-keyword"),
        pytest.param({"schema:name": "B"}, "undefined-term", id="compact-address-as-term"),
        pytest.param({"https://schema.org/name": "B"}, "undefined-term", id="address-as-term"),
        pytest.param({"": "B"}, "undefined-term", id="empty-term"),
        pytest.param(
            {"type": ["VerifiableCredential", "urn:x:Type"]}, "undefined-term", id="address-as-type"
        ),
        pytest.param({"type": ["VerifiableCredential", 1]}, "undefined-term", id="number-as-type"),
        pytest.param({"_sd": ["x"]}, "undefined-term", id="json-literal"),
        pytest.param({"@context": [V2, {"x": "urn:x"}]}, "unknown-context", id="context-inside"),
        pytest.param(
            {"@context": [V2, "https://ledger.example/context"]}, "unknown-context", id="unpinned-context"
        ),
        pytest.param({"@context": []}, "unknown-context", id="no-context"),
        pytest.param({"@context": None}, "unknown-context", id="null-context"),
        pytest.param({"name": "A\x07"}, "control-characters", id="control-character"),
        pytest.param({"name": "A\x85"}, "control-characters", id="c1-control-character"),
        pytest.param({"name": 2**53 + 1}, "number", id="number-too-large"),
        pytest.param({"name": 1e300}, "number", id="float-too-large"),
        pytest.param({"name": float("nan")}, "number", id="nan"),
        pytest.param({"issuer": {"id": ["urn:x:1", "urn:x:2"]}}, "json-ld", id="two-ids"),
        pytest.param({"name": "A", "id": 5}, "json-ld", id="number-as-id"),
    ],
)
def test_other_spellings_and_ambiguities_are_refused(added, code):
    """One way to say a thing, readable in one way."""
    assert refusal(SMALL | added) == code


@pytest.mark.parametrize(
    "document",
    [
        pytest.param(SMALL | {"name": [str(at) for at in range(LIST_MAX + 1)]}, id="long-list"),
        pytest.param(SMALL | {"type": ["VerifiableCredential"] * (TYPES_MAX + 1)}, id="many-types"),
        pytest.param(
            SMALL
            | {
                "evidence": [
                    {"name": [str(at) for at in range(LIST_MAX)]} for _ in range(VALUES_MAX // LIST_MAX)
                ]
            },
            id="many-values",
        ),
        pytest.param(
            SMALL
            | {"evidence": [{"id": "urn:x:2", "name": [f"{at}-{n}" for at in range(200)]} for n in range(6)]},
            id="many-values-of-one-thing",
        ),
    ],
)
def test_what_costs_too_much_is_refused(document):
    """PyLD compares each value of a list with every other: lists are bounded, and so is everything else."""
    assert refusal(document) == "too-much-work"


def alike(number, groups):
    """Return an award with groups of parts that nothing tells apart: orders to try grow as a factorial."""
    part = {"type": ["Alignment"], "targetName": "x", "targetUrl": "urn:x:1"}
    related = [{"type": ["Related"], "alignment": [dict(part) for _ in range(number)]} for _ in range(groups)]
    return edited(BADGE, put("credentialSubject", "achievement", "related", related))


def test_poison_is_given_up():
    """Two groups of nine parts alike would take weeks; work is counted, and the count is bounded."""
    assert codes(judged(alike(9, 2)))[2] == ("failed", "too-much-work")
    assert codes(judged(alike(250, 2)))[2] == ("failed", "too-much-work")


def test_a_long_chain_of_parts_alike_is_given_up():
    """Deep recursion ends as an answer, not as a crash."""
    chain = {"type": ["ResultDescription"], "name": "end"}
    for _ in range(2):
        values = [f"v{at}" for at in range(LIST_MAX - 1)]
        chain = {"type": ["ResultDescription"], "allowedValue": [*values, chain]}
    described = put("credentialSubject", "achievement", "resultDescription", [chain, chain])

    assert codes(judged(edited(BADGE, described)))[2] == ("failed", "too-much-work")


def test_ties_that_genuine_documents_have_are_well_within_the_limit():
    """Equal parts in different awards of a record are normal; PyLD agrees on their names."""
    record = {name: value for name, value in RECORDS[0].items() if name != "proof"}

    assert pinned().canonical(record) == nquads(record)


TEXT = st.text(
    st.characters(exclude_categories=("Cs", "Cc"), include_characters="\t\n\r"), min_size=1, max_size=12
)


@settings(max_examples=60)
@given(
    texts=st.lists(TEXT, min_size=4, max_size=4),
    grades=st.lists(st.sampled_from("AME"), min_size=1, max_size=4),
    worth=st.integers(1, 40) | st.floats(0, 1e6),
    copies=st.integers(1, 3),
)
def test_pyld_reads_documents_of_the_profile_the_same_way(texts, grades, worth, copies):
    """Our canonical form equals PyLD's on made-up awards and records, ties and strange texts included."""
    title, name, text, receipt = texts
    outcomes = tuple((f"LO{at}", text, grade) for at, grade in enumerate(grades))
    award = open_badge(Award(title=title, name=name, credits=worth, outcomes=outcomes), receipt)
    record = learner_record([edited(award, put("id", f"urn:uuid:{copy}")) for copy in range(copies)])

    assert pinned().canonical(award) == nquads(award)
    assert pinned().canonical(record) == nquads(record)


def test_one_canonicaliser_serves_many_threads():
    """Threads share it and get the same answer."""
    wanted, found = nquads(SMALL), []
    threads = [threading.Thread(target=lambda: found.append(pinned().canonical(SMALL))) for _ in range(8)]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert found == [wanted] * 8


def test_contexts_are_loaded_once(monkeypatch):
    """Verifying again does not read or digest the contexts again."""
    pinned()
    monkeypatch.setattr(contexts, "load", lambda: pytest.fail("the contexts were loaded again"))

    assert judged(BADGE).headline == "Verified"


def test_a_context_that_is_not_the_pinned_one_is_not_used(monkeypatch):
    """A damaged installation says so instead of reading documents differently."""
    name, _ = contexts.PINS[V2]
    monkeypatch.setitem(contexts.PINS, V2, (name, "0" * 64))

    with pytest.raises(ClientError, match="install the program again"):
        contexts.load()


def test_an_unknown_context_is_never_looked_up():
    """Even where a document gets past the first look, the loader knows the pinned contexts only."""
    with pytest.raises(Malformed, match="not known here"):
        Canonicaliser({})._load(V2, {})


def test_the_text_of_a_literal_is_escaped_as_the_standard_says():
    """Control characters are refused in credentials, and would be escaped all the same."""
    literal = {"type": "literal", "value": 'a\x01\x7f\b\f\n\t\r"\\', "datatype": jsonld._STRING}

    assert jsonld._term(literal) == r'"a\u0001\u007F\b\f\n\t\r\"\\"'


def test_json_of_a_context_survives_its_way_through_a_file():
    """The files in the package are the contexts that were pinned."""
    assert json.loads(json.dumps(contexts.load())).keys() == contexts.PINS.keys()
