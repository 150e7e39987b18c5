"""Mutations of policies, and of what is held against them."""

from typing import Any

from ledger.log.cosignature import ED25519_COSIGNATURE_TYPE, Ed25519Cosigner
from ledger.log.note import ED25519_TYPE, VerifierKey
from tests.vectors.formats import small_log as log
from tests.vectors.formats.cases import Case, Folder, coded


def policy_cases() -> dict[str, Case]:
    """Return the cases by file."""
    logs = f"log {log.LOG.vkeys[0]} https://ledger.example/log\n"
    one, two, three = (f"witness {name} {log.WITNESSES[name].vkey}\n" for name in ("one", "two", "three"))
    ed25519_only = f"{logs}{one}{three}group some 1 one three\nquorum some\n"
    small = log.cosigned("one")
    cases = Folder("policy", "policy", {"policy": ed25519_only, "note": small})
    at = log.SIGNED_AT_S
    cases.accepted("good", "One of two witnesses is enough.", {"witnesses": {"one": at}})
    _policies_met(cases, logs, (one, two, three))
    _policies_not_met(cases, logs, (one, two, three))
    for name, code, says, text in _policy_forms(logs, one, three):
        cases.refused(name, code, says, policy=text)
    return cases.cases


def _policies_met(cases: Folder, logs: str, witnesses: tuple[str, ...]) -> None:
    one, _two, three = witnesses
    at = log.SIGNED_AT_S
    lines = "".join(witnesses)
    both = {"witnesses": {"one": at, "two": at}}
    kinds = f"{logs}{lines}group two-of-three 2 one two three\nquorum two-of-three\n"
    note = log.cosigned("one", "two")
    cases.accepted("both-kinds", "Ed25519 and ML-DSA-44 cosign.", both, policy=kinds, note=note)
    nested = f"{logs}{lines}group a all one two\ngroup b any a three\nquorum b\n"
    cases.accepted("groups-in-groups", "A group counts like a witness.", both, policy=nested, note=note)
    cases.accepted("no-witnesses", "None are asked for.", {"witnesses": {}}, policy=f"{logs}quorum none\n")
    single = f"{logs}{one}quorum one\n"
    cases.accepted("one-witness", "A witness may be the quorum.", {"witnesses": {"one": at}}, policy=single)
    no_log = f"{one}quorum one\n"
    cases.accepted("no-log-named", "The log is known otherwise.", {"witnesses": {"one": at}}, policy=no_log)
    loose = f"# whom we believe\n\n\t {logs}  {one}\tquorum\tone\n# end"
    cases.accepted("spaces-and-comments", "Tabs, spaces, comments.", {"witnesses": {"one": at}}, policy=loose)
    opaque = coded(one.replace(" one ", " ÿ ").encode("latin-1") + b"quorum \xff\n")
    cases.accepted("opaque-name", "A name is any bytes.", {"witnesses": {"\u00ff": at}}, policy=opaque)
    second = (
        f"{logs}log {VerifierKey(log.ORIGIN, 1, log.ed25519('old').public_key().public_bytes_raw())}\n{one}"
    )
    cases.accepted(
        "one-of-two-logs",
        "Of several log keys one is enough.",
        {"witnesses": {"one": at}},
        policy=f"{second}quorum one\n",
    )
    held = log.WITNESSES["one"].cosign(log.text_of().encode(), at)
    broken = log.WITNESSES["three"].cosign(log.text_of(11).encode(), at)
    cases.accepted(
        "one-cosignature-does-not-hold",
        "What does not hold counts as none, and spoils nothing.",
        {"witnesses": {"one": at}},
        note=log.note_of(log.log_signature(), broken, held),
    )
    del three


def _policies_not_met(cases: Folder, logs: str, witnesses: tuple[str, ...]) -> None:
    one, two, three = witnesses
    cases.refused("cosignature-removed", "quorum", "Nobody cosigned.", note=log.cosigned())
    all_of = f"{logs}{one}{three}group some all one three\nquorum some\n"
    cases.refused("threshold-not-reached", "quorum", "One of two is not all.", policy=all_of)
    other = f"{logs}{three}quorum three\n"
    cases.refused("another-witness", "quorum", "Somebody else cosigned.", policy=other)
    of_two = f"{logs}{one}{two}quorum two\n"
    cases.refused("other-kind-missing", "quorum", "The ML-DSA-44 witness did not.", policy=of_two)
    wrong = log.note_of(
        log.log_signature(), log.WITNESSES["one"].cosign(log.text_of(11).encode(), log.SIGNED_AT_S)
    )
    cases.refused("cosigned-another-size", "quorum", "A cosignature of another tree.", note=wrong)
    twice = log.note_of(
        log.log_signature(),
        log.WITNESSES["one"].cosign(log.text_of().encode(), log.SIGNED_AT_S),
        log.WITNESSES["one"].cosign(log.text_of(11).encode(), log.SIGNED_AT_S),
    )
    cases.refused("cosigned-well-and-badly", "quorum", "Of one witness all must hold.", note=twice)
    foreign = log.note_of(
        log.log_signature(word="another"), log.WITNESSES["one"].cosign(log.text_of().encode(), 1)
    )
    cases.refused("log-unknown", "policy-log", "Witnessed, and not by a log that is known.", note=foreign)
    bad = log.note_of(
        log.signature_by(log.VKEY, bytes(64)), log.WITNESSES["one"].cosign(log.text_of().encode(), 1)
    )
    cases.refused("log-signature-does-not-hold", "policy-log", "A log key's signature must hold.", note=bad)


def _policy_forms(logs: str, one: str, three: str) -> list[tuple[str, str, str, Any]]:
    witness = log.WITNESSES["one"].vkey
    as_log = VerifierKey(
        log.ORIGIN, ED25519_COSIGNATURE_TYPE, log.ed25519("log").public_key().public_bytes_raw()
    )
    as_witness = VerifierKey(witness.name, ED25519_TYPE, witness.key)
    again = Ed25519Cosigner("witness.example/again", log.ed25519("one")).vkey
    return [
        ("nothing", "policy-quorum-count", "A policy has a quorum.", ""),
        ("quorum-missing", "policy-quorum-count", "A policy has a quorum.", f"{logs}{one}"),
        ("quorum-twice", "policy-quorum-count", "Exactly one.", f"{logs}{one}quorum one\nquorum one\n"),
        ("quorum-not-defined", "policy-quorum", "The name stands nowhere.", f"{logs}{one}quorum two\n"),
        (
            "quorum-before-its-witness",
            "policy-quorum",
            "Names are defined above.",
            f"{logs}quorum one\n{one}",
        ),
        (
            "quorum-with-two-names",
            "policy-quorum",
            "Exactly one name.",
            f"{logs}{one}{three}quorum one three\n",
        ),
        ("unknown-line", "policy-line", "A line of another kind.", f"{logs}{one}monitor one\nquorum one\n"),
        (
            "line-named-like-a-property",
            "policy-line",
            "A line of another kind.",
            f"{logs}{one}constructor one\nquorum one\n",
        ),
        ("log-without-key", "policy-words", "A log has a key.", f"log\n{one}quorum one\n"),
        (
            "log-key-changed",
            "vkey-hash",
            "The hash of the key is wrong.",
            f"{logs.replace('+A', '+B')}{one}quorum one\n",
        ),
        (
            "log-key-of-a-witness-type",
            "policy-key-type",
            "A log does not sign in that way.",
            f"log {as_log}\n{one}quorum one\n",
        ),
        (
            "witness-key-of-a-log-type",
            "policy-key-type",
            "A witness signs with a time.",
            f"witness one {as_witness}\nquorum one\n",
        ),
        (
            "log-with-three-words",
            "policy-words",
            "A key and an address.",
            f"{logs[:-1]} more\n{one}quorum one\n",
        ),
        (
            "comment-after-a-line",
            "policy-words",
            "A comment is a line.",
            f"{logs}{one[:-1]} # mine\nquorum one\n",
        ),
        ("log-key-twice", "policy-key-twice", "The same key.", f"{logs}{logs}{one}quorum one\n"),
        (
            "witness-key-twice",
            "policy-key-twice",
            "One key under two names.",
            f"{logs}{one}witness again {again}\nquorum one\n",
        ),
        (
            "witness-name-twice",
            "policy-name",
            "A name stands once.",
            f"{logs}{one}{three.replace(' three ', ' one ')}quorum one\n",
        ),
        (
            "witness-named-none",
            "policy-name",
            "The name is taken.",
            f"{logs}{one.replace(' one ', ' none ')}quorum none\n",
        ),
        ("witness-without-key", "policy-words", "A witness has a key.", f"{logs}witness one\nquorum one\n"),
        ("group-empty", "policy-group", "A group has members.", f"{logs}{one}group g any\nquorum g\n"),
        (
            "group-named-like-a-witness",
            "policy-name",
            "A name stands once.",
            f"{logs}{one}{three}group one any three\nquorum one\n",
        ),
        (
            "group-in-itself",
            "policy-member",
            "Members are defined above.",
            f"{logs}{one}group g any one g\nquorum g\n",
        ),
        (
            "member-not-defined",
            "policy-member",
            "Members are defined above.",
            f"{logs}{one}group g any one two\nquorum g\n",
        ),
        (
            "member-none",
            "policy-member",
            "None is no member.",
            f"{logs}{one}group g any one none\nquorum g\n",
        ),
        (
            "member-twice",
            "policy-member-twice",
            "It counts once.",
            f"{logs}{one}group g any one one\nquorum g\n",
        ),
        (
            "member-of-two-groups",
            "policy-member-twice",
            "It counts once.",
            f"{logs}{one}group g any one\ngroup h any one\nquorum g\n",
        ),
        ("threshold-zero", "policy-threshold", "At least one.", f"{logs}{one}group g 0 one\nquorum g\n"),
        (
            "threshold-too-high",
            "policy-threshold",
            "No more than there are.",
            f"{logs}{one}group g 2 one\nquorum g\n",
        ),
        (
            "threshold-with-leading-zero",
            "policy-threshold",
            "Another spelling.",
            f"{logs}{one}group g 01 one\nquorum g\n",
        ),
        (
            "threshold-no-number",
            "policy-threshold",
            "All, any or a number.",
            f"{logs}{one}group g most one\nquorum g\n",
        ),
        (
            "threshold-named-like-a-property",
            "policy-threshold",
            "All, any or a number.",
            f"{logs}{one}group g constructor one\nquorum g\n",
        ),
        (
            "carriage-returns",
            "policy-text",
            "A control character.",
            f"{logs}{one}quorum one\n".replace("\n", "\r\n"),
        ),
        ("zero-byte", "policy-text", "A control character.", f"{logs}{one}quorum one\n\0"),
        (
            "key-name-not-utf-8",
            "policy-key-utf8",
            "The name of a key is text.",
            coded(f"{logs}witness one ".encode() + b"\xff" + b"+11223344+AQ==\nquorum one\n"),
        ),
    ]
