"""Mutations of award and issued receipts of the ledger in `examples`."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ledger.encoding.strict_json import b64, b64url, canonical, unb64
from ledger.log.note import format_note, parse_note
from tests.vectors.formats import small_log
from tests.vectors.formats.cases import Case, Folder, Given, flipped, json_file, text_file

DIGESTS = ("statement_commit", "open_commit", "sealed_commit", "ciphertext_hash")
_NAME = "micro_credential"
Edit = Callable[[dict[str, Any]], object]


class Examples:
    """The frozen files of the example ledger."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def text(self, name: str) -> str:
        """Return a file as text."""
        return (self._folder / name).read_text(encoding="utf-8")

    def json(self, name: str) -> Any:
        """Return a JSON file."""
        return json.loads(self.text(name))

    def witnessed(self, receipt: str) -> str:
        """Return a receipt with the witnesses' signatures under its checkpoint."""
        return receipt.partition("\n\n")[0] + "\n\n" + self.text("checkpoint-witnessed.txt")


def receipt_cases(folder: Path) -> dict[str, Case]:
    """Return the cases by file."""
    examples = Examples(folder)
    return {**_award(examples), **_issued(examples)}


# ------------------------------------------------------------------ changing a receipt


def edited(receipt: str, edit: Edit) -> str:
    """Return a receipt whose `extra` was changed, and is in canonical form again."""
    opened = json.loads(_extra(receipt))
    edit(opened)
    return with_extra(receipt, canonical(opened))


def with_extra(receipt: str, extra: bytes) -> str:
    """Return a receipt with other bytes in its `extra`."""
    line = receipt.split("\n")[1]
    return receipt.replace(line, f"extra {b64(extra)}")


def _extra(receipt: str) -> bytes:
    return unb64(receipt.split("\n")[1].removeprefix("extra "))


def _set(name: str, value: Any) -> Edit:
    return lambda opened: opened.update({name: value})


def _claim(place: int, at: int, value: str) -> Edit:
    return lambda opened: opened["claims"][place].__setitem__(at, value)


def _without_line(receipt: str, place: int) -> str:
    """Return a receipt from whose checkpoint one signature was taken; places from 0."""
    head, _, note = receipt.partition("\n\n")
    read = parse_note(note.encode())
    left = tuple(one for at, one in enumerate(read.signatures) if at != place)
    return f"{head}\n\n{format_note(type(read)(read.text, left)).decode()}"


def _blob(receipt: str, place: int) -> str:
    """Return the base64 of the signature at a place."""
    lines = [line for line in receipt.split("\n") if line.startswith("— ")]
    return lines[place].rpartition(" ")[2]


# ------------------------------------------------------------------ award receipts


def _award(examples: Examples) -> dict[str, Case]:
    good, facts = examples.text("award.tlog-proof"), examples.json("award-facts.json")
    trust = examples.json("log-keys.json")
    given = {"receipt": good, "facts": json_file("award-facts.json"), "trust": json_file("log-keys.json")}
    cases = Folder("award-receipt", "award-receipt", given)
    opened = json.loads(_extra(good))
    gives = {"position": _index(good) + 1, "recorded_at": opened["recorded_at"]}
    cases.accepted("good", "An award as the ledger recorded it.", gives)
    witnessed = {**trust, "witness_policy": examples.text("policy.txt")}
    cases.accepted(
        "witnessed", "Two witnesses cosigned.", gives, receipt=examples.witnessed(good), trust=witnessed
    )
    cases.refused("not-witnessed", "quorum", "The policy asks for two witnesses.", trust=witnessed)
    for place, (name, value, _salt) in enumerate(opened["claims"]):
        code, slug = f"receipt-{name.replace('_', '-')}", name.replace("_", "-")
        other = _other(value)
        receipt = edited(good, _claim(place, 1, other))
        cases.refused(f"{slug}-changed-in-receipt", code, "The receipt says another.", receipt=receipt)
        changed = {**facts, name: other}
        cases.refused(f"{slug}-changed-in-document", code, "The document says another.", facts=changed)
        says = "Both say the same, and the log says another."
        cases.refused(f"{slug}-changed-in-both", "inclusion-root", says, receipt=receipt, facts=changed)
    _claims(cases, good, examples, opened)
    _members(cases, good, opened)
    _proof(cases, good, trust)
    return cases.cases


def _other(value: str) -> str:
    """Return another value of the same kind: a day before, one less, or another word."""
    head, dash, number = value.rpartition("-")
    return f"{head}{dash}{int(number) - 1:0{len(number)}}" if number.isdigit() else f"{value}s"


def _index(receipt: str) -> int:
    return int(receipt.split("\n")[2].removeprefix("index "))


def _claims(cases: Folder, good: str, examples: Examples, opened: dict[str, Any]) -> None:
    claims = opened["claims"]
    (_, value, salt), rest = claims[0], claims[1:]
    incomplete, form = "receipt-incomplete", "receipt-form"
    hidden = examples.text("award-level-only.tlog-proof")
    cases.refused("claims-hidden", incomplete, "Eight of nine claims are digests.", receipt=hidden)
    for name, code, says, listed in (
        ("claim-missing", incomplete, "The name is left out.", claims[:-1]),
        ("claim-added", incomplete, "A tenth claim.", [*claims, ["honours", "1", salt]]),
        ("digest-added", incomplete, "Something hidden beside them.", [*claims, [b64url(bytes(32))]]),
        ("claim-twice", form, "A claim opened twice.", [*claims, claims[0]]),
        (
            "claims-swapped",
            "inclusion-root",
            "The order is part of the digest.",
            [claims[1], claims[0], *claims[2:]],
        ),
        ("claim-of-two-parts", form, "A claim has one part or three.", [[_NAME, value], *rest]),
        (
            "claim-of-a-number",
            form,
            "Values are text.",
            [[_NAME, 6022, salt], *rest],
        ),
        ("claims-no-list", form, "Claims are a list.", {"level": "4"}),
        (
            "salt-changed",
            "inclusion-root",
            "Another salt.",
            [[_NAME, value, b64url(bytes(16))], *rest],
        ),
        ("salt-of-15-bytes", form, "A salt has 16.", [[_NAME, value, b64url(bytes(15))], *rest]),
        (
            "salt-with-padding",
            form,
            "Base64url has none.",
            [[_NAME, value, salt + "=="], *rest],
        ),
        ("claim-name-too-long", form, "255 bytes.", [["n" * 256, value, salt], *rest]),
    ):
        cases.refused(name, code, says, receipt=edited(good, _set("claims", listed)))


def _members(cases: Folder, good: str, opened: dict[str, Any]) -> None:
    for digest in DIGESTS:
        slug = digest.replace("_", "-")
        changed = edited(good, _set(digest, b64url(bytes(32))))
        cases.refused(f"{slug}-changed", "inclusion-root", "Another digest, another entry.", receipt=changed)
        short = edited(good, _set(digest, b64url(bytes(31))))
        cases.refused(f"{slug}-of-31-bytes", "receipt-form", "A digest has 32 bytes.", receipt=short)
    later = edited(good, _set("recorded_at", opened["recorded_at"] + 1))
    cases.refused("recorded-at-changed", "inclusion-root", "The instant is in the entry.", receipt=later)
    form = "receipt-form"
    for name, says, edit in (
        ("version-2", "Another version.", _set("v", 2)),
        ("version-true", "True is no number.", _set("v", True)),  # noqa: FBT003 - a JSON value
        ("topic-of-something-else", "Another record.", _set("topic", "assessment.passed")),
        ("topic-of-issuing", "A receipt of another kind.", _set("topic", "credential.issued")),
        ("recorded-at-text", "A number.", _set("recorded_at", str(opened["recorded_at"]))),
        ("recorded-at-negative", "From 1970 on.", _set("recorded_at", -1)),
        ("recorded-at-half", "Whole microseconds.", _set("recorded_at", 0.5)),
        ("member-missing", "All members are needed.", lambda held: held.pop("open_commit")),
        ("member-added", "No others are allowed.", _set("claims_commit", b64url(bytes(32)))),
        ("digest-null", "A digest is text.", _set("open_commit", None)),
    ):
        cases.refused(name, form, says, receipt=edited(good, edit))
    extra = _extra(good)
    for name, says, data in (
        ("extra-with-space", "Canonical form only.", extra.replace(b'{"', b'{ "', 1)),
        ("extra-with-member-twice", "Two readers, two receipts.", extra.replace(b"{", b'{"v":1,', 1)),
        ("extra-with-half-a-character", "No text.", extra.replace(b'"en"', b'"\\ud800"')),
        ("extra-with-number-as-fraction", "Canonical form only.", extra.replace(b'"v":1', b'"v":1.0')),
        ("extra-cut", "No JSON.", extra[:-1]),
        ("extra-a-list", "An object.", b"[" + extra + b"]"),
        ("extra-null", "An object.", b"null"),
        ("extra-not-utf-8", "No text.", extra.replace(b"en", b"\xff\xfe")),
        ("extra-deeply-nested", "Nothing to read.", b"[" * 5000 + b"]" * 5000),
    ):
        cases.refused(name, form, says, receipt=with_extra(good, data))
    line = good.split("\n")[1]
    cases.refused("extra-missing", form, "Nothing is opened.", receipt=good.replace(line + "\n", ""))


def _proof(cases: Folder, good: str, trust: Given) -> None:
    index = _index(good)
    neighbour = good.replace(f"index {index}\n", f"index {index - 1}\n")
    cases.refused("index-of-its-neighbour", "inclusion-root", "Another place.", receipt=neighbour)
    node = good.split("\n")[3]
    changed = good.replace(node, b64(bytes(32)))
    cases.refused("node-changed", "inclusion-root", "Another path.", receipt=changed)
    lines = good.replace(f"{node}\n", "", 1)
    cases.refused("node-removed", "inclusion-short", "A path too short.", receipt=lines)
    elsewhere = good.partition("\n\n")[0] + "\n\n" + small_log.LOG.sign(small_log.checkpoint(), 0)
    cases.refused(
        "checkpoint-of-another-log", "inclusion-index", "A tree that is too small.", receipt=elsewhere
    )
    for place, name in enumerate(("ed25519", "mldsa44")):
        removed = _without_line(good, place)
        cases.refused(f"{name}-removed", "unsigned", "Every log key must have signed.", receipt=removed)
        bad = flipped(good, _blob(good, place))
        cases.refused(f"{name}-changed", "signature", "One bit of the signature.", receipt=bad)
    another = {**trust, "log_keys": [small_log.LOG.vkeys[0]]}
    cases.refused("another-log-key-trusted", "unsigned", "A key that did not sign.", trust=another)
    other = {**trust, "origin": "ledger.example/other"}
    cases.refused("another-origin-trusted", "other-log", "A log of another name.", trust=other)
    cases.refused("no-key-trusted", "no-keys", "Nothing can be checked.", trust={**trust, "log_keys": []})
    cases.refused("nothing", "proof-parts", "No receipt.", receipt="")


# ------------------------------------------------------------------ issued receipts


def _issued(examples: Examples) -> dict[str, Case]:
    good, facts = examples.text("issued.tlog-proof"), examples.json("issued-facts.json")
    document = examples.text("credential.json")
    given = {
        "receipt": good,
        "document": text_file("credential.json"),
        "issuer": facts["issuer"],
        "kid": facts["kid"],
        "trust": json_file("log-keys.json"),
    }
    cases = Folder("issued-receipt", "issued-receipt", given)
    opened = json.loads(_extra(good))
    gives = {"position": _index(good) + 1, "recorded_at": opened["recorded_at"]}
    cases.accepted("good", "A credential whose signing was recorded.", gives)
    spaced = json.dumps(json.loads(document), indent=2, ensure_ascii=True)
    cases.accepted("document-written-otherwise", "White space changes nothing.", gives, document=spaced)
    digest, form = "receipt-document-sha256", "json-form"
    for name, code, says, changed in (
        ("document-changed", digest, "Another document.", document.replace('"4"', '"5"', 1)),
        ("document-unsigned", digest, "The proof is part of it.", _unsigned(document)),
        (
            "document-with-member-twice",
            form,
            "Two readers, two documents.",
            document.replace("{", '{"id":"",', 1),
        ),
        ("document-cut", form, "No JSON.", document[:-1]),
        ("document-with-more", form, "Something follows it.", document + "{}"),
        ("document-with-inexact-number", form, "No exact form.", f'{{"n":{2**53 + 1}}}'),
        ("document-with-nan", form, "No JSON.", '{"n":NaN}'),
        ("document-with-half-a-character", form, "No text.", '{"n":"\\udc00"}'),
        ("document-empty", form, "No JSON.", ""),
    ):
        cases.refused(name, code, says, document=changed)
    cases.refused("issuer-changed", "receipt-issuer", "Another issuer.", issuer=facts["issuer"] + "2")
    cases.refused("kid-changed", "receipt-kid", "Another key.", kid="A" + facts["kid"][1:])
    in_both = {"receipt": edited(good, _claim(2, 1, "another")), "kid": "another"}
    cases.refused("kid-changed-in-both", "inclusion-root", "The log says another key.", **in_both)
    award = examples.text("award.tlog-proof")
    cases.refused("receipt-of-the-award", "receipt-form", "A receipt of another kind.", receipt=award)
    digests = [
        [claim[0]] for claim in json.loads(_extra(examples.text("award-level-only.tlog-proof")))["claims"][:1]
    ]
    hidden = edited(good, lambda held: held.update(claims=[*digests, *held["claims"][1:]]))
    cases.refused(
        "document-hidden", "receipt-incomplete", "The digest of the document is hidden.", receipt=hidden
    )
    earlier = edited(good, _set("recorded_at", opened["recorded_at"] - 10**12))
    cases.refused("back-dated", "inclusion-root", "The instant is in the entry.", receipt=earlier)
    return cases.cases


def _unsigned(document: str) -> str:
    held = json.loads(document)
    del held["proof"]
    return canonical(held).decode()
