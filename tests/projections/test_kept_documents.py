"""Kept documents: sealed under their learner's key, found as they were kept, replaced by one writer."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import pytest

from ledger.errors import Corrupt
from ledger.privacy.sealing import SubjectKey
from projections.kept_documents import Kept, KeptDocuments

SLOT, OTHER = UUID(int=1), UUID(int=2)
KEY, STRANGER = (SubjectKey(UUID(int=9), bytes([at]) * 32) for at in (1, 2))
DOCUMENT = {"name": "Ana Brook", "credits": 10.0, "macron": "Tūī", "results": [{"grade": "E"}]}
KEPT = Kept(UUID(int=7), bytes(range(32)), "kid", DOCUMENT)


@pytest.fixture
def documents(tmp_path: Path) -> Iterator[KeptDocuments]:
    """An empty file of documents."""
    opened = KeptDocuments(tmp_path / "documents.sqlite")
    yield opened
    opened.close()


def test_what_is_kept_is_found_as_it_was(documents, tmp_path):
    """By this process and by the next: 10.0 stays 10.0, over which another signature stands than over 10."""
    documents.keep(SLOT, KEPT, KEY, instead_of=None)

    found = documents.find(SLOT, KEY)
    again = KeptDocuments(tmp_path / "documents.sqlite").find(SLOT, KEY)

    assert found == again == KEPT
    assert repr(found.document) == repr(DOCUMENT)


def test_nothing_is_in_a_slot_that_was_never_used(documents):
    """None, not a fault."""
    documents.keep(SLOT, KEPT, KEY, instead_of=None)

    assert documents.find(OTHER, KEY) is None


def test_one_document_a_slot(documents):
    """A newer one takes its place, and what was there is gone from the file."""
    documents.keep(SLOT, KEPT, KEY, instead_of=None)
    newer = replace(KEPT, document={"name": "Ana Cliff"}, position=9)

    assert documents.keep(SLOT, newer, KEY, instead_of=KEPT)
    assert documents.find(SLOT, KEY) == newer
    assert documents._database.reader.execute("SELECT COUNT(*) FROM document").fetchone() == (1,)


@pytest.mark.parametrize(
    "seen",
    [None, replace(KEPT, position=4), replace(KEPT, document={}), replace(KEPT, basis=bytes(32))],
    ids=["nothing", "another-position", "another-document", "another-basis"],
)
def test_whoever_saw_something_else_replaces_nothing(documents, seen):
    """Between the look and the writing another process kept a document: that one stands."""
    documents.keep(SLOT, KEPT, KEY, instead_of=None)

    assert not documents.keep(SLOT, replace(KEPT, kid="mine"), KEY, instead_of=seen)
    assert documents.find(SLOT, KEY) == KEPT


@pytest.mark.parametrize("seen", [KEPT], ids=["something"])
def test_what_is_gone_is_not_put_back(documents, seen):
    """Somebody emptied the slot since it was looked into."""
    assert not documents.keep(SLOT, KEPT, KEY, instead_of=seen)
    assert documents.find(SLOT, KEY) is None


def test_nothing_opens_without_the_learners_key(documents):
    """Another key, or none any more: the row is noise."""
    documents.keep(SLOT, KEPT, KEY, instead_of=None)

    with pytest.raises(Corrupt):
        documents.find(SLOT, STRANGER)


def test_a_row_cannot_be_moved_to_another_slot(documents):
    """A document of one award is not another award's, whoever moves the bytes."""
    documents.keep(SLOT, KEPT, KEY, instead_of=None)
    with documents._database.writing() as connection:
        connection.execute("UPDATE document SET slot = ?", (OTHER.bytes,))

    with pytest.raises(Corrupt):
        documents.find(OTHER, KEY)


@pytest.mark.parametrize("at", [0, 11, 12, 40, -1])
def test_a_changed_byte_is_found(documents, at):
    """Nonce, ciphertext or tag: what does not open is not handed out."""
    documents.keep(SLOT, KEPT, KEY, instead_of=None)
    with documents._database.writing() as connection:
        (sealed,) = connection.execute("SELECT sealed FROM document").fetchone()
        changed = bytearray(sealed)
        changed[at] ^= 1
        connection.execute("UPDATE document SET sealed = ?", (bytes(changed),))

    with pytest.raises(Corrupt):
        documents.find(SLOT, KEY)


def test_nothing_of_a_document_stands_in_the_file(documents, tmp_path):
    """Not in the database, not in its WAL, neither of the document that is there nor of the one before."""
    documents.keep(SLOT, KEPT, KEY, instead_of=None)
    documents.keep(SLOT, replace(KEPT, document={"name": "Ben"}), KEY, instead_of=KEPT)
    content = b"".join(path.read_bytes() for path in tmp_path.glob("documents.sqlite*"))

    assert len(content) > 4096
    for word in ("Ana", "Ben", "Tūī", "grade", "credits", "kid"):
        assert word.encode() not in content, word
    assert KEPT.basis not in content
    assert KEPT.credential_id.bytes not in content


def test_two_documents_in_a_row_have_their_own_noise(documents):
    """The same document sealed twice gives other bytes: nobody sees that nothing changed."""
    sealed = []
    for _ in range(2):
        documents.keep(SLOT, KEPT, KEY, instead_of=documents.find(SLOT, KEY))
        sealed += documents._database.reader.execute("SELECT sealed FROM document").fetchone()

    assert sealed[0] != sealed[1]


def test_what_is_destroyed_is_in_no_byte_of_the_file(documents, tmp_path):
    """Nor in its WAL; the other slots stay, and done again it finds nothing more to do."""
    documents.keep(SLOT, KEPT, KEY, instead_of=None)
    documents.keep(OTHER, KEPT, KEY, instead_of=None)
    (sealed,) = documents._database.reader.execute(
        "SELECT sealed FROM document WHERE slot = ?", (SLOT.bytes,)
    ).fetchone()

    assert documents.destroy([SLOT, UUID(int=3)])
    assert documents.destroy([SLOT])

    assert documents.find(SLOT, KEY) is None
    assert documents.find(OTHER, KEY) == KEPT
    held = b"".join(path.read_bytes() for path in sorted(tmp_path.iterdir()))
    assert sealed not in held
