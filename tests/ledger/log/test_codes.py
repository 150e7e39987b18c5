"""The codes of what is refused in the log's formats: published, so none may change or go unseen."""

import ast
import json
from pathlib import Path

import pytest

from ledger.encoding.strict_json import b64
from ledger.errors import LedgerError
from ledger.log.add_checkpoint import BODY_MAX_BYTES, parse_add_checkpoint, parse_size
from ledger.log.checkpoint import Checkpoint
from ledger.log.cosignature import mldsa_message, verify_signed
from ledger.log.merkle import Frontier
from ledger.log.note import Note, Signature, VerifierKey, parse_note
from ledger.log.policy import parse_policy
from ledger.log.proof import parse_proof
from ledger.log.subtree import verify_subtree_inclusion
from ledger.log.tiles import TileReader, parse_entry_bundle, parse_tile_path
from tests.ledger.log.checks import MUTATIONS, WITNESS
from tests.support.tree import ROOT

ROOMS = (
    "add_checkpoint",
    "checkpoint",
    "cosignature",
    "merkle",
    "note",
    "policy",
    "proof",
    "subtree",
    "tiles",
)
HASH = bytes(32)


def in_source() -> set[str]:
    """Return the codes that the modules of the log and the rulings give."""
    files = [ROOT / "ledger" / "log" / f"{room}.py" for room in ROOMS]
    return set().union(*map(codes_in, files))


def codes_in(path: Path) -> set[str]:
    """Return every `code=…` of a module."""
    calls = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
    words = [word.value for call in calls for word in call.keywords if word.arg == "code"]
    return {word.value for word in words if isinstance(word, ast.Constant) and isinstance(word.value, str)}


def raises_without_code(path: Path) -> list[int]:
    """Return the lines that raise one of ours without a code of its own."""
    raised = [node.exc for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Raise)]
    return [
        call.lineno
        for call in raised
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Name)
        and call.func.id in ("Malformed", "Unauthorised", "ProofShapeError", "Corrupt")
        and not any(word.arg == "code" for word in call.keywords)
    ]


# Codes that no file of `mutations/` comes to, each with what is refused with it.
OTHERS = {
    "add-checkpoint-ascii": lambda: _ask("old 5\n\u00e9\n\n"),
    "add-checkpoint-hash": lambda: _ask(f"old 5\n{b64(bytes(31))}\n\n"),
    "add-checkpoint-old": lambda: _ask("old 05\n\n"),
    "add-checkpoint-proof-lines": lambda: _ask("old 5\n" + f"{b64(HASH)}\n" * 64 + "\n"),
    "add-checkpoint-size": lambda: _ask(f"old {2**63}\n\n"),
    "add-checkpoint-too-long": lambda: parse_add_checkpoint(bytes(BODY_MAX_BYTES + 1)),
    "bundle-count": lambda: parse_entry_bundle(bytes(2 * 257)),
    "bundle-cut": lambda: parse_entry_bundle(b"\x00\x02x"),
    "cosignature-name": lambda: mldsa_message("w" * 256, 1, Checkpoint("log", 1, HASH)),
    "frontier": lambda: Frontier.from_bytes(1, b""),
    "note-too-long": lambda: parse_note(bytes(1_000_001)),
    "policy-log": lambda: _check_policy("log {log}\nquorum none\n"),
    "quorum": lambda: _check_policy("witness w {witness}\nquorum w\n"),
    "proof-too-long": lambda: parse_proof("x" * 2_000_001),
    "subtree-range": lambda: verify_subtree_inclusion(HASH, 1, 1, 3, [], HASH),
    "tile-path": lambda: parse_tile_path("tile/0/1"),
    "tile-path-form": lambda: parse_tile_path("tile/0/x000/001"),
    "tile-size": lambda: TileReader(lambda _path: b"", 1).tile(0, 0),
    "vkey-type": lambda: _check_key(VerifierKey("nobody", 0x7F, b"x")),
    "witness-size": lambda: parse_size(b"5"),
}


def _ask(head: str) -> None:
    """Read a request to a witness: these lines, and a checkpoint that is in order."""
    parse_add_checkpoint(head.encode() + (MUTATIONS / "note" / "good.txt").read_bytes())


def _check_policy(text: str) -> None:
    log = (MUTATIONS / "policy" / "good.txt").read_text().split()
    vkey = next(word for word in log if word.startswith("ledger.example/log+"))
    note = Note("ledger.example/log\n1\n" + "A" * 43 + "=\n", (Signature("nobody", b"1234", b"x"),))
    parse_policy(text.format(log=vkey, witness=WITNESS)).check(note)


def _check_key(key: VerifierKey) -> None:
    verify_signed(Note("text\n", (Signature(key.name, key.key_id, bytes(72)),)), key)


@pytest.mark.parametrize("code", OTHERS)
def test_what_no_mutation_shows_has_its_code_too(code):
    """Paths, bundles, quorums and sizes are refused each with the code that is listed."""
    with pytest.raises(LedgerError) as refused:
        OTHERS[code]()
    assert refused.value.code == code


def test_every_code_is_shown():
    """A code of the source is that of a mutation or of a case here, and the other way round."""
    shown = set(json.loads((MUTATIONS / "codes.json").read_text())) | OTHERS.keys()

    # A signature that does not hold has the code of its kind.
    assert shown - {"signature"} == in_source()


@pytest.mark.parametrize("room", ROOMS)
def test_nothing_is_refused_without_a_code(room):
    """Whoever refuses something says with which code."""
    assert raises_without_code(ROOT / "ledger" / "log" / f"{room}.py") == []


def test_rulings_say_what_is_wrong_by_code():
    """The codes of public records that do not hold, as monitors and audits report them."""
    path = ROOT / "ledger" / "rulings.py"

    assert raises_without_code(path) == []
    assert codes_in(path) == {
        "ruling",
        "ruling-consequence",
        "ruling-possession",
        "said-audience",
        "said-founding",
        "said-key",
        "said-missing",
        "said-path",
        "said-shape",
        "said-signature",
        "said-type",
    }
