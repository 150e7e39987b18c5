"""Mutations of tlog-proofs."""

from ledger.encoding.strict_json import b64
from tests.vectors.formats import small_log as log
from tests.vectors.formats.cases import Case, Folder, Given, coded, flipped


def proof_cases() -> dict[str, Case]:
    """Return the cases by file."""
    good = log.proof()
    entry = log.ENTRIES[log.PROVEN].decode()
    trust = {"origin": log.ORIGIN, "log_keys": [log.LOG.vkeys[0]]}
    cases = Folder("proof", "proof", {"proof": good, "entry": entry, "trust": trust})
    cases.accepted("good", "The sixth entry of twelve.", {"index": log.PROVEN, "size": len(log.ENTRIES)})
    _proof_forms(cases, good)
    _proofs_leading_nowhere(cases, good)
    _proofs_by_others(cases, good, trust)
    return cases.cases


def _proof_forms(cases: Folder, good: str) -> None:
    lines = good.split("\n")
    nodes = lines[2 : lines.index("")]
    for name, code, says, text in (
        ("nothing", "proof-parts", "No bytes.", ""),
        ("header-missing", "proof-header", "The first line says what it is.", good.partition("\n")[2]),
        ("header-of-version-2", "proof-header", "Another version.", good.replace("@v1", "@v2")),
        ("index-missing", "proof-index", "An entry has a place.", good.replace("index 5\n", "")),
        ("index-twice", "proof-hash", "One place.", good.replace("index 5\n", "index 5\nindex 5\n")),
        ("index-negative", "proof-index", "A place from 0.", good.replace("index 5", "index -5")),
        ("index-with-leading-zero", "proof-index", "Another spelling.", good.replace("index 5", "index 05")),
        (
            "index-of-twenty-digits",
            "proof-index",
            "More than any log has.",
            good.replace("index 5", f"index {10**19}"),
        ),
        (
            "index-in-other-digits",
            "proof-index",
            "Digits of another script.",
            good.replace("index 5", "index \u0665"),
        ),
        (
            "extra-after-index",
            "proof-hash",
            "Extra comes first.",
            good.replace("index 5\n", "index 5\nextra eA==\n"),
        ),
        (
            "extra-without-padding",
            "proof-extra",
            "Padding left out.",
            good.replace("index 5", "extra eA\nindex 5"),
        ),
        (
            "extra-with-loose-bits",
            "proof-extra",
            "Another spelling.",
            good.replace("index 5", "extra eB==\nindex 5"),
        ),
        (
            "extra-twice",
            "proof-index",
            "Extra once.",
            good.replace("index 5", "extra eA==\nextra eA==\nindex 5"),
        ),
        ("node-of-31-bytes", "proof-hash", "A hash has 32.", good.replace(nodes[0], b64(bytes(31)))),
        ("node-in-hex", "proof-hash", "Another coding.", good.replace(nodes[0], "0" * 64)),
        (
            "sixty-four-nodes",
            "proof-path",
            "Longer than any path.",
            good.replace(nodes[0], "\n".join([nodes[0]] * 64)),
        ),
        (
            "blank-line-in-path",
            "checkpoint-lines",
            "The note begins too early.",
            good.replace(nodes[1], nodes[1] + "\n"),
        ),
        ("carriage-returns", "proof-parts", "Lines ended in two characters.", good.replace("\n", "\r\n")),
        (
            "not-utf-8",
            "proof-utf8",
            "Bytes that are no text.",
            coded(good.encode().replace(b"index", b"ind\xffx")),
        ),
    ):
        cases.refused(name, code, says, proof=text)
    cases.refused("checkpoint-missing", "proof-parts", "No note.", proof=good.partition("\n\n")[0] + "\n\n")
    cases.refused("no-blank-line", "proof-parts", "The note is not apart.", proof=good.replace("\n\n", "\n"))
    unsigned = good.rpartition("\n\n")[0] + "\n\n"
    cases.refused("checkpoint-without-signature", "note-shape", "Nobody signed.", proof=unsigned)
    zero = good.replace("\n12\n", "\n012\n")
    cases.refused("checkpoint-size-with-leading-zero", "checkpoint-size", "Another spelling.", proof=zero)


def _proofs_leading_nowhere(cases: Folder, good: str) -> None:
    lines = good.split("\n")
    nodes = lines[2 : lines.index("")]
    cases.refused(
        "index-of-its-neighbour", "inclusion-root", "Another place.", proof=good.replace("index 5", "index 4")
    )
    cases.refused(
        "index-beyond-the-tree",
        "inclusion-index",
        "No such place.",
        proof=good.replace("index 5", "index 12"),
    )
    cases.refused("entry-changed", "inclusion-root", "Another entry.", entry="entry-6")
    cases.refused(
        "node-changed", "inclusion-root", "Another hash.", proof=good.replace(nodes[1], b64(bytes(32)))
    )
    swapped = good.replace(f"{nodes[0]}\n{nodes[1]}", f"{nodes[1]}\n{nodes[0]}")
    cases.refused("nodes-swapped", "inclusion-root", "Two hashes in the wrong order.", proof=swapped)
    cases.refused(
        "node-removed", "inclusion-short", "A hash too few.", proof=good.replace(f"{nodes[-1]}\n", "", 1)
    )
    added = good.replace(nodes[-1], f"{nodes[-1]}\n{nodes[-1]}", 1)
    cases.refused("node-added", "inclusion-long", "A hash too many.", proof=added)
    cases.refused("no-path", "inclusion-short", "No hashes.", proof=good.replace("\n".join(nodes) + "\n", ""))
    smaller = log.proof(note=log.LOG.sign(log.checkpoint(11), log.SIGNED_AT_S))
    cases.refused(
        "checkpoint-of-a-smaller-tree", "inclusion-root", "Another tree of this log.", proof=smaller
    )


def _proofs_by_others(cases: Folder, good: str, trust: Given) -> None:
    signature = good.rstrip("\n").rpartition(" ")[2]
    cases.refused(
        "signature-bit-changed", "signature", "One bit of the signature.", proof=flipped(good, signature)
    )
    by_another = log.proof(note=log.note_of(log.log_signature(word="another")))
    cases.refused("checkpoint-by-another-key", "unsigned", "Not the log's key.", proof=by_another)
    two_keys = {**trust, "log_keys": list(log.LOG_OF_BOTH.vkeys)}
    cases.refused("second-signature-missing", "unsigned", "Both keys must have signed.", trust=two_keys)
    other = {**trust, "origin": "ledger.example/other"}
    cases.refused("another-origin", "other-log", "The log that is trusted is another.", trust=other)
    cases.refused(
        "no-key-trusted", "no-keys", "Without a key nothing is checked.", trust={**trust, "log_keys": []}
    )
    policy = f"log {log.LOG.vkeys[0]}\nwitness one {log.WITNESSES['one'].vkey}\nquorum one\n"
    unmet = {**trust, "witness_policy": policy}
    cases.refused("quorum-not-met", "quorum", "Nobody cosigned.", trust=unmet)
    met = {"index": log.PROVEN, "size": len(log.ENTRIES)}
    witnessed = log.proof(note=log.cosigned("one"))
    cases.accepted("witnessed", "With the cosignature that is asked for.", met, proof=witnessed, trust=unmet)
    both = log.proof(note=log.LOG_OF_BOTH.sign(log.checkpoint(), log.SIGNED_AT_S))
    cases.accepted("of-both-kinds", "Ed25519 and ML-DSA-44.", met, proof=both, trust=two_keys)
    with_extra = log.proof(extra=b"of the application")
    cases.accepted("with-extra", "Extra is the application's.", met, proof=with_extra)
