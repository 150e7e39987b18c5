"""Canonical N-Quads: the published forms come out byte for byte, and nothing of a document is left out."""

import copy
import json
import math
from concurrent.futures import ThreadPoolExecutor
from importlib.resources import files
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.errors import Corrupt, Malformed
from projections.exports import jsonld
from projections.exports.jsonld import CLR, CREDENTIALS_V2, OPEN_BADGES, OPEN_BADGES_EXTENSIONS, Canonicaliser
from tests.support.vectors import published

CLR_VOCAB = "https://purl.imsglobal.org/spec/vc/clr/vocab.html#"


def badge(**members: Any) -> dict[str, Any]:
    """Return the implementation guide's Open Badge with members changed or added."""
    document: dict[str, Any] = {
        "@context": [CREDENTIALS_V2, OPEN_BADGES],
        "id": "http://example.com/credentials/3527",
        "type": ["VerifiableCredential", "OpenBadgeCredential"],
        "issuer": {
            "id": "https://example.edu/issuers/565049",
            "type": ["Profile"],
            "name": "Example Corp",
            "url": "https://www.imsglobal.org",
        },
        "validFrom": "2010-01-01T00:00:00Z",
        "name": "Teamwork Badge",
        "credentialSubject": {
            "id": "did:example:ebfeb1f712ebc6f1c276e12ec21",
            "type": ["AchievementSubject"],
            "achievement": {
                "id": "https://example.com/achievements/21st-century-skills/teamwork",
                "type": ["Achievement"],
                "criteria": {
                    "narrative": "Team members are nominated for this badge by their peers and recognized "
                    "upon review by Example Corp management."
                },
                "description": "This badge recognizes the development of the capacity to collaborate "
                "within a group environment.",
                "name": "Teamwork",
            },
        },
    }
    return {**document, **members}


# The standards' own.


def test_contexts_are_the_pinned_ones() -> None:
    """Every context shipped has the digest of SPEC.md 5, counted over its JCS form."""
    shipped = jsonld.shipped_contexts()

    assert set(shipped) == {CREDENTIALS_V2, OPEN_BADGES, OPEN_BADGES_EXTENSIONS, CLR}
    assert jsonld.PINS[CREDENTIALS_V2].sha256_hex.startswith("b463c8d6a066")
    assert jsonld.PINS[OPEN_BADGES].sha256_hex.startswith("c5e555a91a5c")
    assert jsonld.PINS[OPEN_BADGES_EXTENSIONS].sha256_hex.startswith("15f4c347c6fe")


def test_a_changed_context_stops_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    """A context file that does not have its pinned digest is not used."""
    pins = {**jsonld.PINS, CLR: jsonld.Pin("clr-2.0.1.json", "00" * 32)}
    monkeypatch.setattr(jsonld, "PINS", pins)

    with pytest.raises(Corrupt, match="not the pinned one"):
        jsonld.shipped_contexts()


def test_licences_lie_beside_the_contexts() -> None:
    """Each context that came from a package has its licence in the package data."""
    licences = files("projections.exports").joinpath("contexts", "LICENSES")

    assert "W3C" in licences.joinpath("credentials-v2.txt").read_text(encoding="utf-8")
    assert "MIT License" in licences.joinpath("open-badges.txt").read_text()
    assert "clr-2.0.1.json" in licences.joinpath("README.txt").read_text()


def test_open_badge_of_the_implementation_guide() -> None:
    """The guide's Open Badge has the guide's canonical form (ob_v3p0/impl, Linked Data Proof)."""
    expected = published("vc/ob3-impl/ob_v3p0/impl/test-vectors/obv3p0/document-canon.txt").read_bytes()

    assert jsonld.canonical(badge()).strip() == expected.strip()


def test_clr_of_the_implementation_guide() -> None:
    """The guide's CLR has the guide's canonical form under our own CLR context, inner proof and all."""
    expected = published("vc/ob3-impl/ob_v3p0/impl/test-vectors/clrv2p0/document-canon.txt").read_bytes()
    schema = "https://purl.imsglobal.org/spec/{}/schema/json/{}_schema.json"
    issuer = {"id": "https://example.edu/issuers/565049", "type": ["Profile"], "name": "Example University"}
    learner = "did:example:ebfeb1f712ebc6f1c276e12ec21"

    def achievement(number: int, uuid: str) -> dict[str, Any]:
        return {
            "id": f"urn:uuid:{uuid}",
            "type": ["Achievement"],
            "creator": {"id": issuer["id"], "type": ["Profile"]},
            "name": f"Achievement {number}",
            "description": f"Achievement {number}",
            "criteria": {"id": f"https://example.edu/achievements/{uuid}/criteria"},
            "image": {"id": "https://example.edu/achievements/sample.png", "type": "Image"},
        }

    first = achievement(1, "a7467ef6-56cb-11ec-bf63-0242ac130002")
    second = achievement(2, "dd887f0a-56cb-11ec-bf63-0242ac130002")
    inner = {
        "@context": [CREDENTIALS_V2, OPEN_BADGES, OPEN_BADGES_EXTENSIONS],
        "id": "urn:uuid:91537dba-56cb-11ec-bf63-0242ac130002",
        "type": ["VerifiableCredential", "OpenBadgeCredential"],
        "issuer": issuer,
        "validFrom": "2010-01-01T00:00:00Z",
        "name": "Example University Degree",
        "credentialSubject": {"id": learner, "type": ["AchievementSubject"], "achievement": first},
        "credentialSchema": [
            {
                "id": schema.format("ob/v3p0", "ob_v3p0_achievementcredential"),
                "type": "1EdTechJsonSchemaValidator2019",
            }
        ],
        "proof": [
            {
                "type": "DataIntegrityProof",
                "created": "2010-01-01T19:23:24Z",
                "verificationMethod": "https://example.edu/issuers/565049"
                "#z6MkjZRZv3aez3r18pB1RBFJR1kwUVJ5jHt92JmQwXbd5hwi",
                "cryptosuite": "eddsa-rdfc-2022",
                "proofPurpose": "assertionMethod",
                "proofValue": "z45QnLySMt2mWuW787G6cf3SLkP97ZkMZxLeXH5yaaTQPCtTup4GCV95tU8HEnQJSyGCokSj3AvUhm"
                "JtvveTmN4Vu",
            }
        ],
    }
    record = {
        "@context": [CREDENTIALS_V2, CLR, OPEN_BADGES, OPEN_BADGES_EXTENSIONS],
        "id": "http://example.edu/credentials/3732",
        "type": ["VerifiableCredential", "ClrCredential"],
        "issuer": issuer,
        "validFrom": "2010-01-01T00:00:00Z",
        "name": "Sample Transcript",
        "credentialSubject": {
            "id": learner,
            "type": ["ClrSubject"],
            "verifiableCredential": [inner],
            "achievement": [first, second],
            "association": [
                {
                    "type": "Association",
                    "associationType": "isParentOf",
                    "sourceId": first["id"],
                    "targetId": second["id"],
                }
            ],
        },
        "credentialSchema": [
            {
                "id": schema.format("clr/v2p0", "clr_v2p0_clrcredential"),
                "type": "1EdTechJsonSchemaValidator2019",
            }
        ],
    }

    assert jsonld.canonical(record).strip() == expected.strip()


def test_partial_keeps_the_odd_datatype_of_the_clr_context() -> None:
    """`partial` is a literal of `<xsd:boolean>`: the prefix is not defined there, and it is signed so."""
    record = {"@context": [CREDENTIALS_V2, CLR], "id": "urn:x:1", "type": ["ClrCredential"], "partial": False}

    assert f'<urn:x:1> <{CLR_VOCAB}partial> "false"^^<xsd:boolean> .' in jsonld.canonical(record).decode()


def test_whole_floats_are_written_as_integers() -> None:
    """10.0 and 10 are one number to JSON-LD, and so to the signature."""
    subject = {"id": "urn:x:2", "type": ["AchievementSubject"]}

    as_float = jsonld.canonical(badge(credentialSubject={**subject, "creditsEarned": 10.0}))
    as_integer = jsonld.canonical(badge(credentialSubject={**subject, "creditsEarned": 10}))

    assert as_float == as_integer
    assert b'"10"^^<https://www.w3.org/2001/XMLSchema#float>' in as_float


# What a lenient processor would let through.


def refused(document: dict[str, Any], match: str) -> None:
    """Expect the document to be refused with these words."""
    with pytest.raises(Malformed, match=match) as caught:
        jsonld.canonical(document)
    assert caught.value.code == "jsonld"


@pytest.mark.parametrize(
    "place",
    [
        (),
        ("issuer",),
        ("credentialSubject",),
        ("credentialSubject", "achievement"),
        ("credentialSubject", "achievement", "criteria"),
    ],
    ids=lambda place: ".".join(place) or "top",
)
def test_an_undefined_term_is_refused_wherever_it_stands(place: tuple[str, ...]) -> None:
    """A member that no context defines is never left out of a signature in silence."""
    document = badge()
    node = document
    for name in place:
        node = node[name]
    node["grade"] = "Excellence"

    refused(document, "grade.*defined by none of the contexts")


def test_a_term_of_another_node_type_is_refused() -> None:
    """`targetCode` belongs to an Alignment; on a node without that type it would vanish."""
    document = badge()
    document["credentialSubject"]["achievement"]["alignment"] = [{"targetCode": "4"}]

    refused(document, "targetCode")


@pytest.mark.parametrize("name", ["Diploma", "diploma", "../x", "//example.com/x", "", "#fragment"])
def test_an_undefined_type_is_refused(name: str) -> None:
    """PyLD would make a type of a base address of its own; nobody said that."""
    refused(
        badge(type=["VerifiableCredential", "OpenBadgeCredential", name]),
        "a type is a relative reference|type",
    )


@pytest.mark.parametrize("name", ["https://example.com/Type", "ex:Type", "@json", "_:b0"])
def test_a_type_that_is_no_term_is_refused(name: str) -> None:
    """Types are terms of the pinned contexts; an address of a type is not looked up, so not signed."""
    refused(badge(type=["VerifiableCredential", name]), "not a type of a pinned context")


@pytest.mark.parametrize("iri", ["relative", "/rooted", "//host.example/x", "?query", "#part", "", "a b:c"])
def test_a_relative_id_is_refused(iri: str) -> None:
    """What an id is relative to would be a guess."""
    refused(badge(id=iri), "relative reference|absolute IRI")


@pytest.mark.parametrize("place", ["credentialStatus", "refreshService", "termsOfUse"])
def test_a_relative_reference_in_any_member_is_refused(place: str) -> None:
    """Members whose string is an id are held to the same."""
    refused(badge(**{place: "somewhere"}), "relative reference")


def test_pylds_own_base_is_refused() -> None:
    """An id under the base that PyLD falls back to may once have been relative."""
    refused(badge(id="http://example.org/base/x"), "relative reference")


def test_our_refused_scheme_cannot_be_smuggled_in() -> None:
    """An id that pretends to be an unresolved reference is refused like one."""
    refused(badge(id="x-relative-reference://refused.invalid/x"), "relative reference")


@pytest.mark.parametrize(
    "iri", ["urn:x:1><urn:y>", "urn:x:{1}", "urn:x:`", "urn:x:a\\b", 'urn:x:"', "urn:x:|", "_:b0"]
)
def test_an_ambiguous_id_is_refused(iri: str) -> None:
    """An id that could end its own brackets would let one text be two documents."""
    refused(badge(id=iri), "without ambiguity")


@pytest.mark.parametrize(
    "name", ["@id", "@type", "@graph", "@reverse", "@value", "@language", "schema:name", ""]
)
def test_keywords_and_compact_terms_are_refused(name: str) -> None:
    """Documents are written with the plain terms of their contexts, and with nothing else."""
    refused(badge(**{name: "x"}), "is not a term of a pinned context")


@pytest.mark.parametrize(
    "contexts",
    [
        "https://example.com/context.json",
        [CREDENTIALS_V2, "https://example.com/context.json"],
        [CREDENTIALS_V2, {"grade": "https://example.com/grade"}],
        [CREDENTIALS_V2, OPEN_BADGES, {"@vocab": "https://example.com/"}],
        [],
        {},
        [CREDENTIALS_V2, 5],
        "https://www.w3.org/ns/credentials/v2/",
    ],
    ids=str,
)
def test_only_pinned_contexts(contexts: Any) -> None:
    """A context that is not pinned is never fetched, and never taken from the document."""
    refused(badge(**{"@context": contexts}), "names a context that is not pinned here")


def test_only_pinned_contexts_inside_too() -> None:
    """A node inside may not bring a context of its own either."""
    document = badge()
    document["issuer"]["@context"] = {"name": "https://example.com/other"}

    refused(document, "issuer.@context names a context|issuer.@context: names a context")


@pytest.mark.parametrize(
    ("value", "match"),
    [
        (None, "null"),
        ([], "empty list"),
        (["x", "x"], "twice"),
        ([["x"]], "list inside a list"),
        (math.nan, "number"),
        (math.inf, "number"),
        (2**53, "number"),
        (1e300, "number"),
        ("bell\x07", "control character"),
        ("del\x7f", "control character"),
        ("\ud800", "surrogate"),
        (b"bytes", "no JSON value"),
    ],
    ids=lambda value: repr(value)[:16],
)
def test_values_that_leave_no_trace_are_refused(value: Any, match: str) -> None:
    """Null, empty and repeated values would not be signed; odd numbers and signs would not be read alike."""
    refused(badge(description=value), match)
    refused(badge(issuer={"id": "urn:x:3", "type": ["Profile"], "name": value}), match)


def test_deep_nesting_is_refused() -> None:
    """A document deeper than anything we write is not walked to its end."""
    node: dict[str, Any] = {"id": "urn:x:0", "type": ["Profile"]}
    for depth in range(40):
        node = {"id": f"urn:x:{depth}", "type": ["Profile"], "parentOrg": node}

    refused(badge(issuer=node), "nested deeper")


def test_a_document_that_says_nothing_is_refused() -> None:
    """An id alone makes no quad, and a signature over no quad is worth nothing."""
    refused({"@context": [CREDENTIALS_V2], "id": "urn:x:1"}, "says nothing")


def test_a_refusal_never_quotes_the_document() -> None:
    """PyLD quotes what it chokes on, which may be a person's name: our sentence does not, nor its cause."""
    document = badge(credentialSubject={"id": ["Wiremu Sample"], "type": ["AchievementSubject"]})

    with pytest.raises(Malformed, match="JSON-LD processing failed: invalid @id value") as caught:
        jsonld.canonical(document)

    assert "Wiremu" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


# Properties.


@settings(max_examples=40, deadline=None)
@given(
    st.text(
        alphabet=st.characters(exclude_categories=["Cs", "Cc"]) | st.sampled_from('\t\n\r"\\ā'), min_size=1
    )
)
def test_every_text_changes_the_canonical_form(text: str) -> None:
    """Two different texts never have one canonical form, and a text is written so that it reads back."""
    plain = jsonld.canonical(badge())
    changed = jsonld.canonical(badge(description=text))

    added = set(changed.decode().split("\n")) - set(plain.decode().split("\n"))
    literal = "".join(added).split("<https://schema.org/description> ", 1)[1].removesuffix(" .")
    # N-Quads escapes are a part of JSON's; a text without line ends is one literal on one line.
    assert json.loads(literal, strict=False) == text


def test_order_of_members_and_of_sets_changes_nothing() -> None:
    """A reordered document is the same document."""
    document = badge()
    turned = json.loads(json.dumps(document, sort_keys=True))
    turned["type"].reverse()

    assert jsonld.canonical(turned) == jsonld.canonical(document)


def test_the_document_is_left_as_it_was() -> None:
    """Canonicalising changes nothing in the object that was given."""
    document = badge()
    before = copy.deepcopy(document)

    jsonld.canonical(document)

    assert document == before


def test_threads_do_not_disturb_each_other() -> None:
    """One canonicaliser serves several threads."""
    documents = [badge(name=f"Badge {number}") for number in range(24)]
    one_by_one = [jsonld.canonical(document) for document in documents]

    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(jsonld.canonical, documents))

    assert together == one_by_one


def test_two_canonicalisers_do_not_share_contexts() -> None:
    """An address may hold one thing for a test and another for the exports; neither sees the other's."""
    url = "https://example.com/context.json"
    document = {"@context": url, "id": "urn:x:1", "type": "Thing", "colour": "red"}
    first = Canonicaliser({url: {"@context": {"id": "@id", "type": "@type", "@vocab": "urn:first:"}}})
    second = Canonicaliser({url: {"@context": {"id": "@id", "type": "@type", "@vocab": "urn:second:"}}})

    assert b"urn:first:colour" in first.canonical(document)
    assert b"urn:second:colour" in second.canonical(document)
    assert b"urn:first:colour" in first.canonical(document)
