"""docs/formats says what is so: its examples are real bytes, its tables are the code's, its program runs."""

import hashlib
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger.keys.keyring import RegisteredKey
from ledger.log.checkpoint import parse_checkpoint
from ledger.log.merkle import leaf_hash, root_of, verify_consistency
from ledger.log.note import parse_note
from ledger.log.tiles import parse_entry_bundle
from ledger.policy.findings import CATALOGUE
from tests.conformance.formats import DOCUMENTS, EXAMPLES, example, field_tables, is_quoted, quotes, record
from tests.conformance.javascript import VERIFIER, run_node
from tests.conformance.ledger_side import VECTORS
from tests.ledger.golden import plain
from tests.ledger.golden.files import read
from tests.support.tree import ROOT

FOLDER = ROOT / "docs" / "formats"
PUBLIC = [
    "ledger.founded",
    "organisation.role_granted",
    "key.registered",
    "key.revoked",
    "key.reaffirmed",
    "key.annulled",
    "status_list.changed",
]


def _text(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8")


# ------------------------------------------------------------------ what stands in the documents


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_examples_are_quoted_exactly(path: Path) -> None:
    """Every quoted example is the file among the vectors, but for what `…` leaves out."""
    for name, part, quoted in quotes(path.read_text(encoding="utf-8")):
        assert is_quoted(quoted, example(name, part)), f"{name} {part or ''} is not what {path.name} quotes"


def test_every_format_shows_an_example() -> None:
    """Each page but the index begins with something real."""
    without = [path.name for path in DOCUMENTS if not quotes(path.read_text(encoding="utf-8"))]

    assert without == ["README.md"]
    assert len(DOCUMENTS) == 13


def test_a_wrong_quotation_is_seen() -> None:
    """The comparison can fail: another sign, a line too few, a line too many."""
    text = "one\ntwo two\nthree\n"

    assert is_quoted("one\ntwo…\nthree", text)
    assert is_quoted("one\n…", text)
    assert not is_quoted("one\ntwo\nthree", text)
    assert not is_quoted("one\ntwo two", text)
    assert not is_quoted("one\ntwo two\nthree\nfour", text)


def test_the_tables_of_fields_are_those_of_the_code() -> None:
    """Every event class stands there, with its fields in their order, and no other."""
    found = re.search(
        r"<!-- fields -->\n\n(.*)\n\n<!-- /fields -->", _text("entries-and-records.md"), re.DOTALL
    )

    assert found is not None
    assert found[1] == field_tables()


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(path: Path) -> None:
    """Every link of a page names a file that is there."""
    links = re.findall(r"\]\(([^)#:]+)\)", path.read_text(encoding="utf-8"))

    assert [link for link in links if not (path.parent / link).exists()] == []


# ------------------------------------------------------------------ codes


def _codes(text: str) -> Iterator[str]:
    """Yield the codes of the tables that have a column of them."""
    for table in re.findall(r"^\| code \| when \|\n\|---\|---\|\n((?:\|.*\n)+)", text, re.MULTILINE):
        for row in table.splitlines():
            yield from re.findall(r"`([^`]+)`", row.split("|")[1])


DOCUMENTED = {path.name: list(_codes(path.read_text(encoding="utf-8"))) for path in DOCUMENTS}


def _expected_codes() -> set[str]:
    found = {
        read(path)["expected"].get("code") for path in VECTORS.rglob("*.json") if path.parent != EXAMPLES
    }
    return found - {None}


def test_every_code_of_the_vectors_is_documented() -> None:
    """Whatever a mutation is refused with stands in a table."""
    documented = {code for codes in DOCUMENTED.values() for code in codes}

    assert _expected_codes() - documented == set()


def test_every_documented_code_exists() -> None:
    """Each code of a table is written somewhere in the code, or is a finding of the catalogue."""
    python = [path for folder in ("ledger", "api/client") for path in (ROOT / folder).rglob("*.py")]
    text = "\n".join(path.read_text(encoding="utf-8") for path in (*python, *VERIFIER.glob("*.js")))
    # Codes that are put together from the name of the claim that differs.
    claims = re.findall(r"'([a-z_0-9]+)'", (VERIFIER / "receipt.js").read_text(encoding="utf-8"))
    made = {f"receipt-{name.replace('_', '-')}" for name in claims} | set(CATALOGUE)
    documented = {code for codes in DOCUMENTED.values() for code in codes} - made

    assert {code for code in documented if not re.search(rf"[\"']{re.escape(code)}[\"']", text)} == set()
    assert len(documented) > 60


def test_every_code_of_the_javascript_verifier_is_documented() -> None:
    """A reader of an answer finds it in a table."""
    text = "\n".join(path.read_text(encoding="utf-8") for path in VERIFIER.glob("*.js"))
    documented = {code for codes in DOCUMENTED.values() for code in codes}

    given = set(re.findall(r"refuse\('([a-z0-9-]+)'", text)) | set(
        re.findall(r"'([a-z0-9]+(?:-[a-z0-9]+)+)'\)", text)
    )

    assert {code for code in given if code not in documented} == set()
    assert len(given) > 50


# ------------------------------------------------------------------ the examples hold together


@pytest.mark.parametrize("topic", PUBLIC)
def test_public_records_are_made_as_the_page_says(topic: str) -> None:
    """State, entry and leaf follow from the parts, by a second reading of the rules."""
    found = record(topic)
    statement = found["statement"]
    if statement is not None:
        statement = {**statement, "statement": statement["statement"].encode()}

    made = plain.public_record({**found, "open": found["values"], "statement": statement})

    assert {name: found[name] for name in ("state", "entry", "leaf")} == {
        name: made[name] for name in ("state", "entry", "leaf")
    }


def test_the_private_record_is_made_as_the_page_says() -> None:
    """Every commitment, the sealed bytes, entry and leaf follow from the parts and the data key."""
    found = record("microcredential.awarded")
    said, *sealed = found["sealed"]
    names = ("submission", "row", "salt", "statement", "who_salt", "who")
    facts = read(EXAMPLES / "award-facts.json")
    case = {
        **found,
        "open_salt": found["open_bytes"][:32],
        "content_salt": found["sealed_plaintext"][:32],
        "nonce": found["sealed_bytes"][:12],
        "statement": dict(zip(names, said, strict=True)),
        "sealed": sealed,
        "shows": list(facts.items()),
    }

    made = plain.private_record(case)

    assert {name: found[name] for name in made} == made


def test_the_entries_make_the_tree_of_the_checkpoints() -> None:
    """The bundle of entries leads to the root that is signed, and holds the records."""
    entries = parse_entry_bundle((EXAMPLES / "entries.bin").read_bytes())
    names = ("checkpoint.txt", "checkpoint-witnessed.txt")
    signed = [parse_note((EXAMPLES / name).read_bytes()) for name in names]
    joined = read(EXAMPLES / "consistency.json")

    roots = {parse_checkpoint(note.text.encode()).root for note in signed}

    assert roots == {root_of(list(map(leaf_hash, entries)))} == {joined["new_root"]}
    assert root_of(list(map(leaf_hash, entries[: joined["old_size"]]))) == joined["old_root"]
    verify_consistency(**joined)
    for topic in (*PUBLIC, "microcredential.awarded"):
        assert entries[record(topic)["position"] - 1] == record(topic)["entry"]


def test_the_digest_is_that_of_a_list_in_which_nothing_is_revoked() -> None:
    """16 384 zero bytes have the digest that the log names."""
    assert record("status_list.changed")["values"][5] == hashlib.sha256(bytes(16_384)).digest()


def test_the_table_of_standings_is_what_the_ledger_says() -> None:
    """The key that was stolen stands at every position as the page has it."""
    rows = re.findall(r"^\| (?:p|standing) \| (.*) \|$", _text("key-records.md"), re.MULTILINE)
    positions, standings = (row.split(" | ") for row in rows)
    revoked, reaffirmed, annulled = (record(f"key.{name}") for name in ("revoked", "reaffirmed", "annulled"))
    key = RegisteredKey(
        kid="",
        organisation=None,  # type: ignore[arg-type]  # whose it is does not matter here
        jwk={},
        purposes=frozenset(),
        custody="own",
        registered_at=16,
        retired_at=None,
        revoked_at=revoked["position"],
        suspected_from=revoked["values"][4],
        reaffirmed=(tuple(reaffirmed["values"][3:]),),
        annulled=(tuple(annulled["values"][3:]),),
    )

    assert [key.standing(int(at)).replace("-", " ") for at in positions] == standings


# ------------------------------------------------------------------ the quick start


def _block(name: str) -> str:
    found = re.search(rf"^```\w+ {name}\n(.*?)^```$", _text("README.md"), re.MULTILINE | re.DOTALL)
    assert found is not None, name
    return found[1]


def _quick_start(folder: Path) -> str:
    """Return what the program of the index prints in a folder that is set up as the page says."""
    shutil.copytree(VERIFIER, folder / "verifier")
    for name in ("award.tlog-proof", "award-facts.json", "trust.json"):
        if not (folder / name).exists():
            shutil.copy(EXAMPLES / name, folder / name)
    (folder / "package.json").write_text('{"type": "module"}')
    (folder / "check.mjs").write_text(_block("quick-start"))
    return run_node(["check.mjs"], folder=folder)


def test_the_quick_start_prints_what_the_page_says(tmp_path: Path) -> None:
    """The ten lines, run in a folder of their own, print the position of the award."""
    assert _quick_start(tmp_path) == _block("quick-start-output")
    assert len(_block("quick-start").strip().splitlines()) <= 12


def test_the_quick_start_finds_what_was_changed(tmp_path: Path) -> None:
    """The same lines over another level say which it is."""
    facts = (EXAMPLES / "award-facts.json").read_text()
    (tmp_path / "award-facts.json").write_text(facts.replace('"level": "4"', '"level": "5"'))

    assert _quick_start(tmp_path) == "not verified: receipt-level\n"
