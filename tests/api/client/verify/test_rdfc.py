"""RDFC-1.0 against the standard's own tests, poison graphs among them.

Source: W3C rdf-canon test suite (RDFC-1.0). The two tests with SHA-384 are left out: credentials
are signed over SHA-256, and there is no other hash here.
"""

import json
import re

import pytest

from api.client.errors import Malformed
from api.client.verify.jsonld import _ESCAPED, _STRING, _escape
from api.client.verify.rdfc import WORK_MAX, _Naming, canonical_nquads
from tests.support.vectors import published, published_cases

TERM = re.compile(r'\s*(?:<([^>]*)>|(_:[^\s<>"]+)|"((?:[^"\\]|\\.)*)"(?:\^\^<([^>]*)>|@([A-Za-z0-9-]+))?)')
UNESCAPE = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|(.))")
SINGLE = {"t": "\t", "b": "\b", "n": "\n", "r": "\r", "f": "\f", '"': '"', "'": "'", "\\": "\\"}
SHA384 = "test075"
# Graphs that the suite says an implementation must give up.
POISON = "test074"


def plain(text):
    """Return a text without N-Quads escapes."""
    return UNESCAPE.sub(
        lambda found: chr(int(found[1] or found[2], 16)) if found[1] or found[2] else SINGLE[found[3]], text
    )


def parsed(path):
    """Return the quads of an N-Quads file, terms in their canonical form."""
    quads = []
    for line in path.read_text(encoding="utf-8").split("\n"):
        if line.strip() and not line.startswith("#"):
            terms = [term(found) for found in TERM.finditer(line.rpartition(".")[0])]
            quads.append((*terms, "")[:4] if len(terms) == 3 else tuple(terms))
    return quads


def term(found):
    """Return one term in canonical form."""
    if found[1] is not None:
        return f"<{plain(found[1])}>"
    if found[2] is not None:
        return found[2]
    literal = '"' + _ESCAPED.sub(_escape, plain(found[3])) + '"'
    if found[5]:
        return f"{literal}@{found[5]}"
    datatype = plain(found[4] or _STRING)
    return literal if datatype == _STRING else f"{literal}^^<{datatype}>"


@pytest.mark.parametrize("path", published_cases("vc/rdf-canon/tests/rdfc10", "*-in.nq"))
def test_published_graphs_come_out_as_the_standard_says(path):
    """Every graph of the suite gets its canonical form within the work we allow, or is rightly given up."""
    quads = parsed(path)
    expected = path.with_name(path.name.replace("-in", "-rdfc10"))

    if path.name.startswith(SHA384):
        assert canonical_nquads(quads)
    elif path.name.startswith(POISON):
        with pytest.raises(Malformed):
            canonical_nquads(quads)
    else:
        assert canonical_nquads(quads) == expected.read_text(encoding="utf-8")


def test_published_names_of_blank_nodes_are_the_same():
    """Where the suite gives the names of the blank nodes, ours are the same."""
    folder, compared = published("vc/rdf-canon/tests/rdfc10"), 0
    for path in sorted(folder.glob("*-rdfc10map.json")):
        if not path.name.startswith(SHA384):
            names = _Naming(
                set(parsed(path.with_name(path.name.replace("rdfc10map.json", "in.nq")))), WORK_MAX
            ).names()
            assert {old[2:]: new[2:] for old, new in names.items()} == json.loads(path.read_text())
            compared += 1

    assert compared > 15


@pytest.mark.parametrize(
    "path", published_cases("vc/ob3-impl/ob_v3p0/impl/test-vectors", "*/document-canon.txt")
)
def test_canonical_samples_of_the_implementation_guide_are_canonical(path):
    """The badge and the record of 1EdTech's guide, given as canonical N-Quads, come out as they are."""
    lines = sorted(
        line for line in path.read_text(encoding="utf-8").splitlines(keepends=True) if line.strip()
    )

    assert canonical_nquads(parsed(path)) == "".join(lines)


def test_order_and_repetition_of_quads_change_nothing():
    """A dataset is a set."""
    quads = [
        ("_:a", "<urn:p>", "_:b", ""),
        ("_:b", "<urn:p>", "_:a", ""),
        ("<urn:s>", "<urn:p>", '"x"', "_:a"),
    ]

    wanted = canonical_nquads(quads)

    assert canonical_nquads([*reversed(quads), *quads]) == wanted
    assert canonical_nquads([]) == ""


def test_work_is_counted():
    """A ring of blank nodes that nothing tells apart is given up when the work allowed is done."""
    ring = [(f"_:n{at}", "<urn:p>", f"_:n{(at + 1) % 6}", "") for at in range(6)]

    assert canonical_nquads(ring).count("\n") == 6
    with pytest.raises(Malformed) as caught:
        canonical_nquads(ring, work_max=10)
    assert caught.value.code == "too-much-work"
