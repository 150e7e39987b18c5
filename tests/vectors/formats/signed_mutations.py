"""Mutations of signed notes, verifier keys, checkpoints and cosignatures."""

from collections.abc import Callable
from typing import Any

from ledger.encoding.strict_json import b64
from ledger.log.cosignature import (
    ED25519_COSIGNATURE_TYPE,
    MLDSA44_TYPE,
    MldsaCosigner,
    mldsa_message,
)
from ledger.log.note import ED25519_TYPE, VerifierKey
from tests.vectors.formats import small_log as log
from tests.vectors.formats.cases import Case, Folder, coded, flipped

SMALL_ORDER = bytes([1]) + bytes(31)
FITS_ANYTHING = bytes([1]) + bytes(63)  # what a point of that order takes for a signature over any text


def signed_cases() -> dict[str, Case]:
    """Return the cases by file."""
    return {**_notes(), **_keys(), **_checkpoints(), **_cosignatures()}


# ------------------------------------------------------------------ signed notes


def _notes() -> dict[str, Case]:
    good, vkey = log.LOG.sign(log.checkpoint(), log.SIGNED_AT_S), log.LOG.vkeys[0]
    line = good.splitlines()[-1]
    blob = line.split(" ")[2]
    cases = Folder("note", "signed", {"note": good, "vkey": vkey})
    cases.accepted("good", "A note that the log signed.", {"time": None})
    for name, code, says, changed in _NOTE_FORMS:
        cases.refused(name, code, says, note=changed(good))
    changed_text = good.replace("\n12\n", "\n13\n")
    cases.refused("text-changed", "signature", "Another size than was signed.", note=changed_text)
    more = good.replace("\n\n", "\nmore\n\n")
    cases.refused("line-added-to-text", "signature", "A fourth line in the text.", note=more)
    marked = coded(b"\xef\xbb\xbf" + good.encode())
    cases.refused("byte-order-mark", "signature", "A mark before the text is part of it.", note=marked)
    other = good.replace(f"— {log.ORIGIN}", "— ledger.example/other")
    cases.refused("name-changed", "unsigned", "The signature line names another key.", note=other)
    cases.refused(
        "key-id-changed",
        "unsigned",
        "The key id is another.",
        note=good.replace(blob, "AAAA" + blob[4:]),
    )
    cases.refused("signature-bit-changed", "signature", "One bit of the signature.", note=flipped(good, blob))
    two = log.note_of(log.log_signature(), log.signature_by(log.VKEY, bytes(64)))
    cases.refused(
        "second-signature-does-not-hold",
        "signature",
        "Two signatures by one key, of which one holds.",
        note=two,
    )
    by_another = log.note_of(log.log_signature(word="another"))
    cases.refused("signed-by-another-key", "unsigned", "A key that the log does not have.", note=by_another)
    cut = log.note_of(log.signature_by(log.VKEY, log.log_signature().blob[:-1]))
    cases.refused("signature-cut", "signature", "63 bytes of a signature.", note=cut)
    longer = log.note_of(log.signature_by(log.VKEY, log.log_signature().blob + b"\0"))
    cases.refused("signature-too-long", "signature", "65 bytes of a signature.", note=longer)
    unknown = good + f"— {log.ORIGIN} {b64(b'abcd' + bytes(70))}\n"
    cases.accepted("unknown-signature-beside", "A key nobody knows signed too.", {"time": None}, note=unknown)
    return cases.cases


def _loosened(note: str) -> str:
    """Return the note with an unused bit of its last base64 group set."""
    body = note.rstrip("\n")
    stem = body.rstrip("=")
    signs = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    last = signs[signs.index(stem[-1]) + 1]
    return f"{stem[:-1]}{last}{'=' * (len(body) - len(stem))}\n"


_NOTE_FORMS: tuple[tuple[str, str, str, Callable[[str], Any]], ...] = (
    ("nothing", "note-shape", "No bytes at all.", lambda _: ""),
    (
        "no-blank-line",
        "note-shape",
        "Text and signatures run into each other.",
        lambda note: note.replace("\n\n", "\n"),
    ),
    ("no-text", "note-shape", "Signatures without a text.", lambda note: "\n\n" + note.split("\n\n")[1]),
    ("no-signature", "note-shape", "A text and a blank line.", lambda note: note.split("\n\n")[0] + "\n\n"),
    ("no-final-newline", "note-shape", "The last line is not ended.", lambda note: note[:-1]),
    ("line-after-signatures", "signature-line", "A line that is no signature.", lambda note: note + "more\n"),
    ("blank-line-after-signatures", "note-shape", "A blank line at the end.", lambda note: note + "\n"),
    ("hyphen-for-dash", "signature-line", "A hyphen for the dash.", lambda note: note.replace("— ", "- ")),
    ("two-spaces-after-dash", "signature-line", "Two spaces.", lambda note: note.replace("— ", "—  ")),
    (
        "space-after-signature",
        "signature-line",
        "A space at the end of the line.",
        lambda note: note[:-1] + " \n",
    ),
    (
        "name-missing",
        "signature-line",
        "A signature without a name.",
        lambda note: note.replace(f"— {log.ORIGIN}", "—"),
    ),
    (
        "name-with-plus",
        "signature-line",
        "A name with a plus.",
        lambda note: note.replace(f"— {log.ORIGIN}", "— a+b"),
    ),
    (
        "name-with-no-break-space",
        "signature-line",
        "A name with a space.",
        lambda note: note.replace(f"— {log.ORIGIN}", "— a\u00a0b"),
    ),
    (
        "base64-without-padding",
        "signature-base64",
        "Padding left out.",
        lambda note: note.replace("=\n", "\n", 2).replace("=\n", "\n"),
    ),
    ("base64-of-urls", "signature-base64", "The other alphabet.", lambda note: note[:-10] + "-_" + note[-8:]),
    ("base64-with-loose-bits", "signature-base64", "Another spelling of the same bytes.", _loosened),
    (
        "signature-of-key-id-only",
        "signature-empty",
        "Four bytes.",
        lambda note: note.rpartition(" ")[0] + " AAAAAA==\n",
    ),
    (
        "carriage-returns",
        "note-control",
        "Lines ended in two characters.",
        lambda note: note.replace("\n", "\r\n"),
    ),
    ("tab-in-text", "note-control", "A control character.", lambda note: note.replace("12", "12\t")),
    ("zero-byte-in-text", "note-control", "A control character.", lambda note: note.replace("12", "12\0")),
    ("not-utf-8", "note-utf8", "Bytes that are no text.", lambda note: coded(b"\xff" + note.encode())),
    (
        "a-hundred-and-one-signatures",
        "note-signatures",
        "More signatures than a reader takes.",
        lambda note: note + f"— x {b64(b'abcdef')}\n" * 100,
    ),
)


def _loosened(note: str) -> str:
    """Return the note with the unused bits of its last base64 group set."""
    body = note.rstrip("\n")
    stem = body.rstrip("=")
    signs = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    last = signs[signs.index(stem[-1]) + 1]
    return f"{stem[:-1]}{last}{'=' * (len(body) - len(stem))}\n"


def _keys() -> dict[str, Case]:
    vkey = log.LOG.vkeys[0]
    name, identity, coded_key = vkey.split("+", 2)
    note = log.LOG.sign(log.checkpoint(), log.SIGNED_AT_S)
    cases = Folder("vkey", "signed", {"note": note, "vkey": vkey})
    cases.accepted("good", "The verifier key of the log.", {"time": None})
    changed = f"{int(identity, 16) ^ 1:08x}"
    cases.refused(
        "hash-changed", "vkey-hash", "The hash is of another key.", vkey=f"{name}+{changed}+{coded_key}"
    )
    cases.refused(
        "hash-in-capitals",
        "vkey-shape",
        "The hash in capitals.",
        vkey=f"{name}+{identity.upper()}+{coded_key}",
    )
    cases.refused("hash-too-short", "vkey-shape", "Seven digits.", vkey=f"{name}+{identity[:7]}+{coded_key}")
    cases.refused(
        "name-changed", "vkey-hash", "The hash covers the name.", vkey=f"other+{identity}+{coded_key}"
    )
    cases.refused("name-missing", "vkey-shape", "A key has a name.", vkey=f"+{identity}+{coded_key}")
    cases.refused("key-missing", "vkey-empty", "Two parts.", vkey=f"{name}+{identity}")
    cases.refused(
        "key-without-padding",
        "vkey-base64",
        "Padding left out.",
        vkey=vkey.rstrip("=") + ("" if "=" in vkey else "A"),
    )
    cases.refused("newline-at-end", "vkey-base64", "A newline is no part of a key.", vkey=vkey + "\n")
    empty = str(VerifierKey(name, ED25519_TYPE, b""))
    cases.refused("type-only", "vkey-empty", "A type and no key.", vkey=empty)
    another = str(VerifierKey(name, ED25519_TYPE, log.ed25519("another").public_key().public_bytes_raw()))
    cases.refused("another-key", "unsigned", "A key of the same name that did not sign.", vkey=another)
    for label, kind, key, code, says in (
        ("small-order", ED25519_TYPE, SMALL_ORDER, "vkey-key", "A point of small order signs anything."),
        (
            "not-reduced",
            ED25519_TYPE,
            b"\xf0" + b"\xff" * 30 + b"\x7f",
            "vkey-key",
            "A second spelling of a point.",
        ),
        ("key-of-31-bytes", ED25519_TYPE, bytes(range(31)), "vkey-key", "A key that is cut."),
        ("type-unknown", 0x7F, bytes(range(32)), "vkey-type", "A type that nobody defined."),
        ("type-of-ecdsa", 0x02, bytes(range(65)), "vkey-type", "A type that the log never uses."),
    ):
        odd = VerifierKey(name, kind, key)
        blob = FITS_ANYTHING if kind == ED25519_TYPE else bytes(72)
        signed = log.note_of(log.log_signature(), log.signature_by(odd, blob))
        cases.refused(label, code, says, vkey=str(odd), note=signed)
    return cases.cases


# ------------------------------------------------------------------ checkpoints


def _checkpoints() -> dict[str, Case]:
    good = log.text_of()
    origin, size, root = good.splitlines()
    cases = Folder("checkpoint", "checkpoint", {"text": good})
    cases.accepted("good", "Three lines.", {"origin": origin, "size": int(size), "root": root})
    empty = log.text_of(0)
    none = {"origin": origin, "size": 0, "root": empty.splitlines()[2]}
    cases.accepted("of-an-empty-tree", "A log begins with nothing.", none, text=empty)
    for name, code, says, lines in (
        ("nothing", "checkpoint-lines", "No bytes.", ""),
        ("extension-line", "checkpoint-lines", "A fourth line.", f"{good}more\n"),
        ("blank-line-at-end", "checkpoint-lines", "A blank line.", f"{good}\n"),
        ("no-final-newline", "checkpoint-lines", "The last line is not ended.", good[:-1]),
        ("origin-empty", "checkpoint-origin", "A log has a name.", f"\n{size}\n{root}\n"),
        ("origin-missing", "checkpoint-lines", "Two lines.", f"{size}\n{root}\n"),
        ("origin-with-tab", "checkpoint-origin", "A control character.", f"a\tb\n{size}\n{root}\n"),
        ("size-empty", "checkpoint-size", "No size.", f"{origin}\n\n{root}\n"),
        ("size-with-leading-zero", "checkpoint-size", "Another spelling.", f"{origin}\n0{size}\n{root}\n"),
        ("size-with-plus", "checkpoint-size", "Another spelling.", f"{origin}\n+{size}\n{root}\n"),
        ("size-negative", "checkpoint-size", "No size.", f"{origin}\n-{size}\n{root}\n"),
        ("size-in-hex", "checkpoint-size", "Another spelling.", f"{origin}\n0xc\n{root}\n"),
        (
            "size-in-other-digits",
            "checkpoint-size",
            "Digits of another script.",
            f"{origin}\n\u0661\u0662\n{root}\n",
        ),
        ("size-with-underscore", "checkpoint-size", "Another spelling.", f"{origin}\n1_2\n{root}\n"),
        (
            "size-of-twenty-digits",
            "checkpoint-size",
            "More than any log has.",
            f"{origin}\n{10**19}\n{root}\n",
        ),
        ("space-after-size", "checkpoint-size", "A space.", f"{origin}\n{size} \n{root}\n"),
        ("root-missing", "checkpoint-lines", "Two lines.", f"{origin}\n{size}\n"),
        ("root-empty", "checkpoint-root", "No root.", f"{origin}\n{size}\n\n"),
        ("root-of-31-bytes", "checkpoint-root", "A root has 32.", f"{origin}\n{size}\n{b64(bytes(31))}\n"),
        ("root-of-33-bytes", "checkpoint-root", "A root has 32.", f"{origin}\n{size}\n{b64(bytes(33))}\n"),
        (
            "root-without-padding",
            "checkpoint-root",
            "Padding left out.",
            f"{origin}\n{size}\n{root.rstrip('=')}\n",
        ),
        (
            "root-of-url-alphabet",
            "checkpoint-root",
            "The other alphabet.",
            f"{origin}\n{size}\n{'-' * 42}8=\n",
        ),
        ("root-with-loose-bits", "checkpoint-root", "Another spelling.", f"{origin}\n{size}\n{'A' * 42}B=\n"),
        ("root-in-hex", "checkpoint-root", "Another coding.", f"{origin}\n{size}\n{'0' * 64}\n"),
        (
            "carriage-returns",
            "checkpoint-origin",
            "Lines ended in two characters.",
            good.replace("\n", "\r\n"),
        ),
        ("not-utf-8", "checkpoint-lines", "Bytes that are no text.", coded(b"\xff" + good.encode())),
        ("too-long", "checkpoint-too-long", "A name of 2 048 bytes.", f"{'o' * 2048}\n{size}\n{root}\n"),
    ):
        cases.refused(name, code, says, text=lines)
    return cases.cases


# ------------------------------------------------------------------ cosignatures


def _cosignatures() -> dict[str, Case]:
    return {
        **_cosignatures_of("ed25519", "one"),
        **_cosignatures_of("mldsa44", "two"),
        **_log_mldsa(),
    }


def _cosignatures_of(folder: str, name: str) -> dict[str, Case]:
    """Return the cases of one kind of cosigner."""
    cosigner = log.WITNESSES[name]
    vkey, text, time_s = cosigner.vkey, log.text_of(), log.SIGNED_AT_S
    mine = cosigner.cosign(text.encode(), time_s)
    good = log.note_of(log.log_signature(), mine)
    cases = Folder(f"cosignature-{folder}", "signed", {"note": good, "vkey": str(vkey)})
    cases.accepted("good", "A witness cosigned.", {"time": time_s})
    earlier = cosigner.cosign(text.encode(), time_s - 60)
    twice = log.note_of(log.log_signature(), mine, earlier)
    cases.accepted("twice", "Of two that hold, the earlier counts.", {"time": time_s - 60}, note=twice)
    removed = log.note_of(log.log_signature())
    cases.refused("removed", "unsigned", "The witness did not sign.", note=removed)
    later = log.signature_by(vkey, (time_s + 1).to_bytes(8, "big") + mine.blob[8:])
    cases.refused("time-changed", "signature", "The time is signed too.", note=log.note_of(later))
    flipped = log.signature_by(vkey, mine.blob[:-1] + bytes([mine.blob[-1] ^ 1]))
    cases.refused("bit-changed", "signature", "One bit of the signature.", note=log.note_of(flipped))
    cut = log.signature_by(vkey, mine.blob[:-1])
    cases.refused("cut", "signature", "A byte is missing.", note=log.note_of(cut))
    only = log.signature_by(vkey, mine.blob[:8])
    cases.refused("time-only", "cosignature-time", "A time and no signature.", note=log.note_of(only))
    short = log.signature_by(vkey, mine.blob[:5])
    cases.refused("time-cut", "cosignature-time", "Half a time.", note=log.note_of(short))
    early = cosigner.cosign(text.encode(), 2**63)
    cases.refused("time-of-64-bits", "cosignature-time", "A time beyond 63 bits.", note=log.note_of(early))
    for label, says, other in (
        ("size-changed", "Signed for another size.", log.text_of(11)),
        ("root-changed", "Signed for another root.", text.replace(text.splitlines()[2], b64(bytes(32)))),
        ("origin-changed", "Signed for another log.", text.replace(log.ORIGIN, "ledger.example/other")),
    ):
        cases.refused(label, "signature", says, note=log.note_of(cosigner.cosign(other.encode(), time_s)))
    second = log.note_of(mine, log.signature_by(vkey, mine.blob[:8] + bytes(len(mine.blob) - 8)))
    cases.refused("second-does-not-hold", "signature", "Two, of which one holds.", note=second)
    if vkey.type == ED25519_COSIGNATURE_TYPE:
        _ed25519_only(cases)
    else:
        _mldsa_only(cases)
    return cases.cases


def _ed25519_only(cases: Folder) -> None:
    key = log.ed25519("one")
    vkey, text, time_s = log.WITNESSES["one"].vkey, log.text_of(), log.SIGNED_AT_S
    plain = log.signature_by(vkey, time_s.to_bytes(8, "big") + key.sign(text.encode()))
    cases.refused("over-the-text-alone", "signature", "Signed as a log signs.", note=log.note_of(plain))
    as_log = VerifierKey(vkey.name, ED25519_TYPE, vkey.key)
    cases.refused("key-as-that-of-a-log", "unsigned", "The type is part of the key id.", vkey=str(as_log))
    small = VerifierKey(vkey.name, ED25519_COSIGNATURE_TYPE, SMALL_ORDER)
    anything = log.note_of(log.signature_by(small, bytes(8) + FITS_ANYTHING))
    cases.refused("small-order", "vkey-key", "A point of small order.", vkey=str(small), note=anything)


def _mldsa_only(cases: Folder) -> None:
    key, vkey = log.mldsa("two"), log.WITNESSES["two"].vkey
    text, time_s, head = log.text_of(), log.SIGNED_AT_S, log.checkpoint()
    message = mldsa_message(vkey.name, time_s, head)
    place = message.index(head.origin.encode()) + len(head.origin.encode())

    def signed(said: bytes) -> str:
        return log.note_of(log.signature_by(vkey, time_s.to_bytes(8, "big") + key.sign(said)))

    old_way = f"cosignature/v1\ntime {time_s}\n{text}".encode()
    cases.refused("over-the-text", "signature", "Signed as an Ed25519 witness signs.", note=signed(old_way))
    later_start = message[:place] + (1).to_bytes(8, "big") + message[place + 8 :]
    cases.refused(
        "start-not-zero", "signature", "Signed for a tree that begins later.", note=signed(later_start)
    )
    nameless = message.replace(bytes([len(vkey.name)]) + vkey.name.encode(), b"\0", 1)
    cases.refused(
        "cosigner-not-named", "signature", "Signed without the cosigner's name.", note=signed(nameless)
    )
    short = VerifierKey(vkey.name, MLDSA44_TYPE, vkey.key[:-1])
    cut = log.note_of(log.signature_by(short, bytes(2428)))
    cases.refused("key-cut", "vkey-key", "1 311 bytes of a key.", vkey=str(short), note=cut)
    long = VerifierKey("w" * 256, MLDSA44_TYPE, vkey.key)
    named = log.note_of(log.signature_by(long, bytes(2428)))
    cases.refused(
        "name-of-256-bytes", "cosignature-name", "A name has at most 255.", vkey=str(long), note=named
    )


def _log_mldsa() -> dict[str, Case]:
    """Return the cases of the log's own second signature."""
    good, vkey = log.LOG_OF_BOTH.sign(log.checkpoint(), log.SIGNED_AT_S), log.LOG_OF_BOTH.vkeys[1]
    cases = Folder("log-mldsa44", "signed", {"note": good, "vkey": vkey})
    cases.accepted("good", "The log signs its own checkpoints twice.", {"time": log.SIGNED_AT_S})
    alone = log.LOG.sign(log.checkpoint(), log.SIGNED_AT_S)
    cases.refused("removed", "unsigned", "Ed25519 alone is not enough.", note=alone)
    text = log.text_of()
    other = MldsaCosigner(log.ORIGIN, log.mldsa("another")).cosign(text.encode(), log.SIGNED_AT_S)
    foreign = log.note_of(log.log_signature(), other)
    cases.refused("by-another-key", "unsigned", "A key that the log does not have.", note=foreign)
    witness = MldsaCosigner("witness.example/two", log.mldsa("log")).cosign(text.encode(), log.SIGNED_AT_S)
    under = log.note_of(log.log_signature(), witness)
    cases.refused("under-a-witness-name", "unsigned", "The name is the origin.", note=under)
    return cases.cases
