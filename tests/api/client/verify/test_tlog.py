"""The verifier's own reading of the log's formats, against published vectors and corruptions of them.

Source: transparency-dev/merkle test data; C2SP notes and proofs made by Go code; RFC 6962 §2.1.
"""

import base64
import json

import pytest

from api.client.errors import Malformed, Refused
from api.client.verify.tlog import (
    ED25519,
    inclusion_root,
    leaf_hash,
    parse_checkpoint,
    parse_proof,
    parse_vkey,
)
from tests.api.client.verify.words import AWARD, WORLD
from tests.support.handmade import ORIGIN, Key, MldsaKey, b64, sha256, tree_path, tree_root
from tests.support.vectors import published, published_cases

COSIGNATURE, MLDSA44 = 0x04, 0x06
VKEY = WORLD.log.key.vkey(ORIGIN)
NOTE = WORLD.log.checkpoint(WORLD.size)
PROOF = WORLD.receipt(AWARD)


@pytest.mark.parametrize("path", published_cases("tlog/merkle/inclusion", "**/*.json"))
def test_published_inclusion_proofs(path):
    """Happy paths lead to the root, and every corruption of one is refused or leads elsewhere."""
    case = json.loads(path.read_text())
    leaf, root = (base64.b64decode(case[name] or "") for name in ("leafHash", "root"))
    proof = [base64.b64decode(one) for one in case["proof"] or []]

    try:
        found = inclusion_root(leaf, case["leafIdx"], case["treeSize"], proof)
    except Malformed:
        found = None

    assert (found == root) is not case["wantErr"]


def test_inclusion_agrees_with_the_definition():
    """For every leaf of every tree up to 40 leaves the path leads to the root."""
    leaves = [leaf_hash(bytes([at])) for at in range(40)]
    for size in range(1, 41):
        for index in range(size):
            path = tree_path(leaves[:size], index)
            assert inclusion_root(leaves[index], index, size, path) == tree_root(leaves[:size])


def test_notes_and_proofs_that_others_made():
    """Checkpoints signed by Go code in all three ways verify, and its proof is read."""
    made = json.loads(published("tlog/generated/go-interop.json").read_text())
    for one in made["Signed"]:
        assert parse_vkey(one["Vkey"]).signed(parse_checkpoint(one["Note"]))
    proof = parse_proof(made["TlogProof"])

    assert (proof.extra, proof.index, len(proof.path)) == (b"x", 3, 4)
    assert parse_checkpoint(proof.checkpoint).size == 12
    assert {one["Alg"] for one in made["Signed"]} == {"ed25519", "cosig-ed25519", "cosig-mldsa44"}


def test_inclusion_proofs_that_others_made():
    """Inclusion proofs made by Go code lead to the roots it gives."""
    made = json.loads(published("tlog/generated/go-interop.json").read_text())["Proofs"]
    for one in made:
        path = [base64.b64decode(step) for step in one["Inclusion"] or []]
        leaf = leaf_hash(one["Leaf"].encode())
        assert inclusion_root(leaf, one["Index"], one["Size"], path) == base64.b64decode(one["Root"])

    assert len(made) == 48


def test_signatures_of_other_kinds_are_read_and_left():
    """A checkpoint with cosignatures and post-quantum signatures beside ours is still read."""
    text = published("tlog/generated/checkpoint-4sigs.txt").read_text(encoding="utf-8")
    policy = published("tlog/generated/policy.txt").read_text(encoding="utf-8")

    checkpoint = parse_checkpoint(text)

    assert (checkpoint.size, len(checkpoint.signatures)) == (70_500, 4)
    kinds = {parse_vkey(word).kind for word in policy.split() if word.count("+") > 1}
    assert kinds == {ED25519, COSIGNATURE, MLDSA44}


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda note: note.replace("— ", "- "), id="no-em-dash"),
        pytest.param(lambda note: note[:-1], id="no-final-line-feed"),
        pytest.param(lambda note: note + "\n", id="extra-line-feed"),
        pytest.param(lambda note: note.replace("\n\n", "\n"), id="no-blank-line"),
        pytest.param(lambda note: note.replace("\n\n", "\nextension\n\n"), id="extension-line"),
        pytest.param(lambda note: note.replace(f"{WORLD.size}", f"0{WORLD.size}", 1), id="leading-zero"),
        pytest.param(lambda note: note.replace(f"{WORLD.size}", "-1", 1), id="negative-size"),
        pytest.param(lambda note: note.replace(ORIGIN, "", 1), id="no-origin"),
        pytest.param(lambda note: note.replace(ORIGIN, f"{ORIGIN}\t", 1), id="control-character"),
        pytest.param(lambda note: note.replace("=\n\n", "\n\n"), id="unpadded-root"),
        pytest.param(lambda note: note.replace(note.split("\n")[2], b64(bytes(31))), id="short-root"),
        pytest.param(lambda note: note.split("— ")[0] + f"— {ORIGIN} {b64(b'1234')}\n", id="empty-signature"),
        pytest.param(lambda note: note.split("— ")[0] + f"— a+b {b64(b'12345')}\n", id="plus-in-name"),
        pytest.param(lambda note: note + note.split("\n\n")[1] * 64, id="too-many-signatures"),
    ],
)
def test_a_checkpoint_of_another_form_is_refused(change):
    """One way to write a checkpoint."""
    parse_checkpoint(NOTE)

    with pytest.raises(Malformed):
        parse_checkpoint(change(NOTE))


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda text: text.replace("@v1", "@v2"), id="version"),
        pytest.param(lambda text: text.replace("index ", "index 0"), id="leading-zero"),
        pytest.param(lambda text: text.replace("index 7", "index seven"), id="no-number"),
        pytest.param(lambda text: text.replace("index 7\n", ""), id="no-index"),
        pytest.param(lambda text: text.replace("extra ", "extra =", 1), id="extra-not-base64"),
        pytest.param(lambda text: text.replace("extra ", "more ", 1), id="unknown-line"),
        pytest.param(lambda text: text.replace("\n\n", "\nAAAA\n\n", 1), id="short-hash"),
        pytest.param(
            lambda text: text.replace("\n\n", f"\n{b64(bytes(32))}" * 64 + "\n\n", 1), id="path-too-long"
        ),
        pytest.param(lambda text: text.split("\n\n")[0], id="no-checkpoint"),
        pytest.param(lambda text: f"{text}{' ' * 300_000}", id="too-large"),
        pytest.param(lambda _text: "", id="empty"),
    ],
)
def test_a_proof_of_another_form_is_refused(change):
    """One way to write a tlog-proof."""
    parse_proof(PROOF)

    with pytest.raises(Malformed):
        parse_proof(change(PROOF))


def test_a_proof_may_have_no_extra_and_no_path():
    """The only entry of a log of one needs no path."""
    proof = parse_proof(f"c2sp.org/tlog-proof@v1\nindex 0\n\n{NOTE}")

    assert (proof.extra, proof.index, proof.path) == (b"", 0, ())


@pytest.mark.parametrize(
    "vkey",
    [
        "",
        "name",
        "name+00000000",
        "name+zzzzzzzz+AQ==",
        "na me+00000000+AQ==",
        VKEY.replace("=", "") + "=",
        VKEY[:-1] + "=",
        VKEY.replace("+", "++", 1),
        VKEY[:-4],
        VKEY.upper(),
    ],
)
def test_what_is_no_verifier_key_is_refused(vkey):
    """A key's id is computed from its name and key; one that is not belongs to something else."""
    with pytest.raises(Malformed):
        parse_vkey(vkey)


def test_a_short_ed25519_verifier_key_is_refused():
    """The kind says how long a key is."""
    short = Key("x")
    short.public = bytes(31)

    with pytest.raises(Malformed):
        parse_vkey(short.vkey("name"))


def test_a_signature_counts_only_under_its_name_and_id():
    """An unknown signature is ignored; a bad one under a known name and id spoils the note."""
    key = parse_vkey(VKEY)
    others = parse_checkpoint(WORLD.log.checkpoint(WORLD.size, [Key("other")]))
    tampered = parse_checkpoint(NOTE.replace(f"\n{WORLD.size}\n", f"\n{WORLD.size + 1}\n"))

    assert key.signed(parse_checkpoint(NOTE))
    assert not key.signed(others)
    with pytest.raises(Refused):
        key.signed(tampered)


def test_an_ml_dsa_44_signature_names_nobody_at_length():
    """What is signed has room for names of 255 bytes: a longer one, of log or witness, signs nothing."""
    key = MldsaKey("x")
    line = key.note_line("x", WORLD.log.text(WORLD.size))
    long_name, long_origin = "n" * 256, "o" * 256
    by_long_name = line.replace("— x ", f"— {long_name} ").replace(
        line.split(" ")[2].strip(), _with_id(line, key.note_id(long_name))
    )

    with pytest.raises(Refused):
        parse_vkey(key.vkey(long_name)).signed(parse_checkpoint(NOTE + by_long_name))
    with pytest.raises(Refused):
        parse_vkey(key.vkey("x")).signed(parse_checkpoint(NOTE.replace(ORIGIN, long_origin, 1) + line))


def _with_id(line, key_id):
    """Return the base64 of a signature line under another key id."""
    return b64(key_id + base64.b64decode(line.split(" ")[2])[4:])


@pytest.mark.parametrize("length", [0, 31, 33, 1311, 1313])
@pytest.mark.parametrize("kind", [ED25519, COSIGNATURE, MLDSA44])
def test_a_verifier_key_is_as_long_as_its_kind_says(kind, length):
    """32 bytes for Ed25519, 1312 for ML-DSA-44."""
    blob = bytes([kind]) + b"\x09" * length
    vkey = "+".join(["x", sha256(b"x\n", blob)[:4].hex(), b64(blob)])

    with pytest.raises(Malformed, match="as long as its kind says"):
        parse_vkey(vkey)
