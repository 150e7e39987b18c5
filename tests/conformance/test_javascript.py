"""The JavaScript verifier and the ledger's own code answer every vector alike, ours and published ones.

The verifier in api/web/static/verifier shares no code with the ledger; where both answer every file with
one code, docs/formats, which both keep to, leaves nothing to guess.
"""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from api.web.static_files import StaticFiles
from ledger.encoding.strict_json import b64
from ledger.log.merkle import leaf_hash
from tests.conformance import client_side
from tests.conformance.javascript import RUNNER, VERIFIER, answers, ended, run_node
from tests.conformance.ledger_side import VECTORS, judge
from tests.ledger.log.checks import MLDSA_WITNESS, MUTATIONS, PROVEN_ENTRY, VKEY, WITNESS
from tests.support.tree import ROOT
from tests.support.vectors import published

Case = dict[str, Any]
RECEIPTS = ("award-receipt", "issued-receipt")  # the ledger makes them, and does not read them back
FILES = sorted(path for path in VECTORS.rglob("*.json") if path.parent.name != "examples")
IDS = [path.relative_to(VECTORS).as_posix() for path in FILES]


def _vector(path: Path) -> Case:
    found: Case = json.loads(path.read_text(encoding="utf-8"))
    return found


@pytest.fixture(scope="module")
def answered() -> dict[Path, Case]:
    """Every file of tests/vectors/formats, and what JavaScript answers."""
    return dict(zip(FILES, answers([_vector(path) for path in FILES]), strict=True))


# ------------------------------------------------------------------ our vectors


@pytest.mark.parametrize("path", FILES, ids=IDS)
def test_javascript_answers_as_the_vector_says(path: Path, answered: dict[Path, Case]) -> None:
    """What holds is accepted, and every mutation is refused with its own code."""
    assert answered[path] == _vector(path)["expected"]


@pytest.mark.parametrize(
    "path",
    [path for path in FILES if path.parent.name not in RECEIPTS],
    ids=lambda path: f"{path.parent.name}/{path.stem}",
)
def test_the_ledger_answers_as_the_vector_says(path: Path) -> None:
    """The same file through `ledger.log`: accepted alike, or refused with the same code."""
    vector = _vector(path)

    found = judge(vector["kind"], vector["given"])

    assert found == vector["expected"]


# A trust file is JSON, so its policy is text: names of other bytes cannot reach the kit.
NOT_FOR_THE_KIT = "policy/opaque-name.json"


@pytest.mark.parametrize("path", FILES, ids=IDS)
def test_the_kit_answers_as_the_vector_says(path: Path) -> None:
    """The same file through `api.client.verify`, the third reading of these formats."""
    vector = _vector(path)

    found = client_side.judge(vector["kind"], vector["given"])

    if path.relative_to(VECTORS).as_posix() != NOT_FOR_THE_KIT:
        assert (found == client_side.ACCEPTED) == ("code" not in vector["expected"]), found
        if path.parent.name == "award-receipt" and "code" in vector["expected"]:
            assert found in _kit_codes(vector["expected"]["code"])


def _kit_codes(code: str) -> tuple[str, ...]:
    """Return how the kit answers about an award's receipt, in fewer words, where a code is expected."""
    answers_of = {
        "inclusion": ("receipt-inclusion",),
        "quorum": ("receipt-not-witnessed",),
        # The kit reads whole trust files, and refuses one whose log keys bear another name.
        "other": ("receipt-other-log", "trust-form"),
        **dict.fromkeys(("unsigned", "signature", "no"), ("receipt-signature",)),
        **dict.fromkeys(("proof", "note", "checkpoint"), ("receipt-unreadable",)),
    }
    if code == "receipt-form":
        return ("receipt-unreadable",)
    return answers_of.get(code.partition("-")[0], (code,))


def test_every_kind_has_a_good_one_and_mutations() -> None:
    """No folder holds only what is refused, or only what is accepted."""
    accepted, refused = Counter[str](), Counter[str]()
    for path in FILES:
        (refused if "code" in _vector(path)["expected"] else accepted)[path.parent.name] += 1

    assert accepted.keys() == refused.keys()
    assert sum(refused.values()) > 200


def test_the_files_can_be_run_by_themselves() -> None:
    """Somebody with Node and this repository runs all vectors with one command."""
    printed = run_node([RUNNER, VECTORS])

    assert printed == f"{len(FILES)} of {len(FILES)} vectors as expected\n"


def test_a_runtime_without_an_algorithm_is_not_taken_for_a_wrong_answer() -> None:
    """Where WebCrypto has no ML-DSA-44, one sentence says so and how many it concerns; the exit code is 2."""
    done = ended([RUNNER, "--without-mldsa", VECTORS])

    count, lack = done.stdout.splitlines()
    unchecked = int(lack.split()[-5])
    assert count == f"{len(FILES) - unchecked} of {len(FILES)} vectors as expected"
    assert lack == (
        f"The WebCrypto of this runtime does not know ML-DSA-44, so {unchecked} could not be checked."
    )
    assert 0 < unchecked < len(FILES)
    assert done.returncode == 2


@pytest.mark.parametrize("options", [(), ("--without-mldsa",)])
def test_a_wrong_answer_outweighs_what_could_not_be_checked(tmp_path: Path, options: tuple[str, ...]) -> None:
    """A vector that is answered otherwise is named, and the exit code is 1 in every runtime."""
    wrong = tmp_path / "wrong.json"
    policy = _vector(VECTORS / "policy" / "good.json")
    wrong.write_text(json.dumps(policy | {"expected": {"code": "quorum"}}))

    done = ended([RUNNER, *options, VECTORS / "cosignature-mldsa44", wrong])

    assert done.stdout.startswith(f'{wrong}: expected {{"code":"quorum"}}, and the answer is {{"gives":')
    assert done.returncode == 1


def test_what_holds_no_vectors_is_wrong_use(tmp_path: Path) -> None:
    """A folder that is not there, an empty one, and a file that is no vector: one sentence, exit code 2."""
    (tmp_path / "empty").mkdir()
    texts = {
        "list": "[]",
        "null": "null",
        "half": "{",
        "kind": '{"kind":"toString","given":{},"expected":{}}',
    }
    for name, text in texts.items():
        (tmp_path / f"{name}.json").write_text(text)
    places = ["nowhere", "empty", *(f"{name}.json" for name in texts)]

    found = [ended([RUNNER, tmp_path / place]) for place in places]
    found.append(ended([RUNNER]))

    assert [(done.returncode, done.stdout, done.stderr.count("\n")) for done in found] == [(2, "", 1)] * 7
    assert found[0].stderr == f"There is no file or folder {tmp_path / 'nowhere'}.\n"
    assert found[2].stderr.startswith(f"{tmp_path / 'list.json'} is no vector")


def test_without_mldsa_nothing_passes_that_did_not_and_nothing_is_called_false(
    answered: dict[Path, Case],
) -> None:
    """Where WebCrypto has no ML-DSA-44 the answer is as before, or that it could not be checked."""
    found = dict(zip(FILES, answers([_vector(path) for path in FILES], "--without-mldsa"), strict=True))

    changed = {path: answer for path, answer in found.items() if answer != answered[path]}

    assert {answer.get("code") for answer in changed.values()} == {"could-not-be-checked"}
    assert found[VECTORS / "cosignature-mldsa44" / "good.json"] == {"code": "could-not-be-checked"}
    assert found[VECTORS / "award-receipt" / "good.json"] == {"code": "could-not-be-checked"}
    assert found[VECTORS / "policy" / "good.json"] == answered[VECTORS / "policy" / "good.json"]


# ------------------------------------------------------------------ the mutations of tests/ledger/log


def _log_mutation(path: Path) -> Case:
    """Return a file of tests/ledger/log/mutations as a case."""
    data = path.read_bytes()
    text = {"base64": b64(data)}
    keys = {"note": VKEY, "cosignature": WITNESS, "mldsa-cosignature": MLDSA_WITNESS}
    if path.parent.name in keys:
        return {"kind": "signed", "given": {"note": text, "vkey": keys[path.parent.name]}}
    if path.parent.name == "vkey":
        note = (MUTATIONS / "note" / "good.txt").read_text()
        return {"kind": "signed", "given": {"note": note, "vkey": data.decode()}}
    if path.parent.name == "checkpoint":
        return {"kind": "checkpoint", "given": {"text": text}}
    if path.parent.name == "policy":
        return {"kind": "policy-text", "given": {"policy": text}}
    if path.parent.name == "proof":
        trust = {"origin": VKEY.partition("+")[0], "log_keys": [VKEY]}
        return {"kind": "proof", "given": {"proof": text, "entry": PROVEN_ENTRY.decode(), "trust": trust}}
    assert path.parent.name == "consistency", path
    return {"kind": "consistency", "given": json.loads(data)}


def test_both_refuse_the_log_s_own_mutations() -> None:
    """One mutation per file, written before there was JavaScript: the good pass, all others fall alike."""
    files = sorted(path for path in MUTATIONS.glob("*/*") if not path.name.startswith("."))
    cases = [_log_mutation(path) for path in files]

    found = answers(cases)

    for path, case, answer in zip(files, cases, found, strict=True):
        assert ("code" not in answer) == (path.stem == "good"), (path, answer)
        assert answer == judge(case["kind"], case["given"]), path
    assert len(files) > 200


# ------------------------------------------------------------------ published vectors


def _agreed(cases: list[Case], holds: Iterable[bool]) -> None:
    """Check that JavaScript and the ledger both accept exactly what is said to hold."""
    for case, answer, held in zip(cases, answers(cases), holds, strict=True):
        assert ("code" not in answer) == held, (case, answer)
        assert answer == judge(case["kind"], case["given"]), case


# Its roots are not 32 bytes (README of the vectors), so a strict verifier refuses it.
NOT_HASHES = "sizes-are-equal-one-and-proof-is-empty.json"


def _inclusion(case: Case) -> Case:
    names = {"leaf": "leafHash", "index": "leafIdx", "size": "treeSize", "root": "root"}
    return {name: case[theirs] for name, theirs in names.items()} | {"path": case["proof"] or []}


def _consistency(case: Case) -> Case:
    names = {"old_size": "size1", "new_size": "size2", "old_root": "root1", "new_root": "root2"}
    return {name: case[theirs] for name, theirs in names.items()} | {"path": case["proof"] or []}


@pytest.mark.parametrize(
    ("kind", "read", "number"), [("inclusion", _inclusion, 90), ("consistency", _consistency, 90)]
)
def test_published_merkle_proofs(kind: str, read: Callable[[Case], Case], number: int) -> None:
    """Every published proof holds in both, and every corruption of one is refused by both."""
    files = sorted(published(f"tlog/merkle/{kind}").rglob("*.json"))
    contents = [_vector(path) for path in files]

    cases = [{"kind": kind, "given": read(content)} for content in contents]

    _agreed(
        cases,
        [
            not content["wantErr"] and path.name != NOT_HASHES
            for path, content in zip(files, contents, strict=True)
        ],
    )
    assert len(files) > number


def test_notes_and_cosignatures_of_another_implementation() -> None:
    """Ed25519, cosignatures of both kinds, checkpoint and tlog-proof that Go made are read by both alike."""
    vectors = json.loads(published("tlog/generated/go-interop.json").read_text())
    signed = [
        {"kind": "signed", "given": {"note": one["Note"], "vkey": one["Vkey"]}} for one in vectors["Signed"]
    ]
    vkey = vectors["Signed"][0]["Vkey"]
    trust = {"origin": vkey.partition("+")[0], "log_keys": [vkey]}
    # Its checkpoint holds the root of another example, to which no path of its own log leads.
    proof = {"kind": "proof", "given": {"proof": vectors["TlogProof"], "entry": "leaf-3", "trust": trust}}

    _agreed([*signed, proof], [True] * len(signed) + [False])
    assert {one["Alg"] for one in vectors["Signed"]} == {"ed25519", "cosig-ed25519", "cosig-mldsa44"}


def test_proofs_of_another_implementation() -> None:
    """Inclusion and consistency at 48 sizes up to 600, made by Go, hold in both."""
    cases = []
    for one in json.loads(published("tlog/generated/go-interop.json").read_text())["Proofs"]:
        leaf = _leaf(one["Leaf"])
        shared = {
            "index": one["Index"],
            "size": one["Size"],
            "root": one["Root"],
            "path": one["Inclusion"] or [],
        }
        cases.append({"kind": "inclusion", "given": {"leaf": leaf, **shared}})
        sizes = {"old_size": one["From"], "new_size": one["Size"]}
        roots = {"old_root": one["FromRoot"], "new_root": one["Root"], "path": one["Consistency"] or []}
        cases.append({"kind": "consistency", "given": {**sizes, **roots}})

    _agreed(cases, [True] * len(cases))
    assert len(cases) == 96


def _leaf(text: str) -> str:
    return b64(leaf_hash(text.encode()))


def test_a_published_policy_over_a_checkpoint_with_four_signatures() -> None:
    """Both witnesses of the group, one of each kind, count in both implementations."""
    policy = published("tlog/generated/policy.txt").read_text()
    note = published("tlog/generated/checkpoint-4sigs.txt").read_text()
    lines = note.splitlines(keepends=True)
    one_witness = "".join(line for line in lines if not line.startswith("— witness") or "ULpQRg" not in line)

    given = [{"policy": policy, "note": text} for text in (note, one_witness)]

    cases = [{"kind": "policy", "given": one} for one in given]
    _agreed(cases, [True, False])
    assert sorted(answers(cases)[0]["gives"]["witnesses"]) == ["w0", "w1"]


def _wycheproof(name: str) -> list[tuple[Case, Case]]:
    groups = json.loads(published(f"tlog/wycheproof/{name}.json").read_text())["testGroups"]
    return [(group, case) for group in groups for case in group["tests"]]


def _coded(text: str) -> str:
    return b64(bytes.fromhex(text))


def test_wycheproof_ed25519() -> None:
    """Every Ed25519 signature of Wycheproof holds in both, or in neither, as published."""
    found = _wycheproof("ed25519_test")
    cases = [
        {
            "kind": "ed25519",
            "given": {
                "key": _coded(group["publicKey"]["pk"]),
                "signature": _coded(case["sig"]),
                "message": _coded(case["msg"]),
            },
        }
        for group, case in found
    ]

    _agreed(cases, [case["result"] == "valid" for _, case in found])
    assert len(cases) == 151


def test_wycheproof_mldsa44() -> None:
    """Every ML-DSA-44 signature with an empty context holds in both, or in neither, as published."""
    found = [(group, case) for group, case in _wycheproof("mldsa_44_verify_test") if not case.get("ctx")]
    cases = [
        {
            "kind": "mldsa44",
            "given": {
                "key": _coded(group["publicKey"]),
                "signature": _coded(case["sig"]),
                "message": _coded(case["msg"]),
            },
        }
        for group, case in found
    ]

    _agreed(cases, [case["result"] == "valid" for _, case in found])
    assert len(cases) > 50


def test_cctv_ed25519_corner_cases() -> None:
    """Where Ed25519 verifiers differ, both stand on the same side, but for signatures nobody makes honestly.

    WebCrypto refuses a signature whose first half is a point of small order; only whoever holds the
    key can make one, so nothing is forged where it is accepted.
    """
    found = json.loads(published("tlog/cctv/ed25519/ed25519vectors.json").read_text())
    cases = [
        {
            "kind": "ed25519",
            "given": {
                "key": _coded(one["key"]),
                "signature": _coded(one["sig"]),
                "message": b64(one["msg"].encode()),
            },
        }
        for one in found
    ]
    differing = 0

    for one, case, answer in zip(found, cases, answers(cases), strict=True):
        ours = judge(case["kind"], case["given"])
        if answer != ours:
            assert "low_order_R" in one["flags"]
            assert (answer, ours) == ({"code": "signature"}, {"gives": {}})
            differing += 1
    assert (len(cases), differing) == (914, 43)


# ------------------------------------------------------------------ fit for a browser


def test_the_modules_need_nothing_but_a_browser() -> None:
    """They import only each other, ask no network, and name nothing of Node."""
    modules = sorted(VERIFIER.glob("*.js"))
    names = {path.name for path in modules}

    for path in modules:
        text = path.read_text(encoding="utf-8")
        imported = re.findall(r"""(?:import|from)\s*\(?\s*['"]([^'"]+)['"]""", text)
        assert {f"./{name}" for name in names} >= set(imported), path.name
        assert not re.search(
            r"\b(node:|require\(|process\.|Buffer\b|fetch\(|XMLHttpRequest|eval\(|innerHTML)", text
        )
    assert len(modules) > 8


def test_the_verifier_stays_small() -> None:
    """Somebody can read all of it in an evening."""
    lines = sum(len(path.read_text(encoding="utf-8").splitlines()) for path in VERIFIER.glob("*.js"))

    assert lines < 1000


def test_what_is_served_runs(tmp_path: Path) -> None:
    """The modules under the names they are served with, hashes and all, find each other and verify."""
    served = StaticFiles()
    for name, (content, _media_type) in served._served.items():
        if name.startswith("verifier/"):
            (tmp_path / Path(name).name).write_bytes(content)
    (tmp_path / "package.json").write_text('{"type": "module"}')
    entry = Path(served.url("verifier/index.js")).name
    note = json.dumps(str(VECTORS / "examples" / "checkpoint.txt"))
    program = f"""
import {{ readFileSync }} from 'node:fs';
import {{ parseCheckpoint, parseNote }} from './{entry}';
console.log(parseCheckpoint(parseNote(readFileSync({note})).text).origin);
"""
    (tmp_path / "try.js").write_text(program)

    assert run_node([tmp_path / "try.js"]) == "ledger.example/log\n"
    assert ROOT not in tmp_path.parents
