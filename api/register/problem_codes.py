"""Every code that an answer of this ledger can carry, in words: what problem `type` addresses lead to.

A test compares this table with the codes in the source: none is missing here, none is left over.
"""

import re
from typing import NamedTuple

from ledger.policy.findings import BLOCK, CATALOGUE, HOLD, Entry


class Code(NamedTuple):
    """A code, the status it comes with, and what it means."""

    code: str
    status: str
    meaning: str


class Group(NamedTuple):
    """Codes that belong together; `places` are further codes that name where something does not check."""

    heading: str
    note: str
    codes: tuple[Code, ...]
    places: tuple[str, ...] = ()
    places_note: str = "Status 500 also comes with the name of what does not check:"


def _codes(*rows: tuple[str, int, str]) -> tuple[Code, ...]:
    return tuple(Code(code, str(status), meaning) for code, status, meaning in rows)


_REQUESTS = _codes(
    ("malformed", 400, "Something in the request cannot be read. The sentence says what and where."),
    ("empty", 400, "Nothing was sent to be checked. Choose a file, or paste the text of a credential."),
    ("search", 400, "A field of a search cannot be read. The sentence says which, and what it takes."),
    ("cursor", 400, "The cursor of a page is not one of ours. Begin again at the first page."),
    ("refused", 422, "The request can be read, and a rule says no. The sentence says which."),
    ("entry-size", 422, "A fact is too large for the public log. Shorten its texts."),
    ("not-found", 404, "There is nothing at this address, or not any more."),
    ("lost", 404, "It was recorded, and an old copy of the ledger was put back. Post the same again."),
    ("redacted", 404, "What the record said was cleared when its disposal period ended. Its entry stays."),
    ("persona", 404, "Nobody on the list of invented learners has that id. Choose one from the list."),
    ("no-awards", 404, "A signed record holds at least one award in force, and this record has none yet."),
    ("method-not-allowed", 405, "The address does not answer to that method."),
    ("not-acceptable", 406, "What is here does not come in the form asked for. Ask for another."),
    ("format", 406, "The address knows other formats. The sentence names them."),
    ("not-a-file", 406, "The submission came signed, not as a file, so it cannot be answered as one."),
    ("too-slow", 408, "The body came too slowly, and was given up. Send it again, or in smaller parts."),
    ("too-large", 413, "The body is larger than the address takes. Split it."),
    ("media-type", 415, "The body is of a kind that the address does not read. Check its Content-Type."),
)
_AUTHORITY = _codes(
    ("token", 401, "The address needs the token of your organisation, in an Authorization header."),
    ("sign-in", 401, "The address shows somebody’s own record, and nobody is signed in."),
    ("signature", 401, "A signature does not hold. Sign again; nothing was recorded."),
    ("unauthorised", 403, "The key or token is known, and does not count for this."),
    ("receipt-key", 503, "No receipt can be signed now, so nothing was recorded. Post the same again later."),
    ("custody", 403, "The ledger does not keep the key that this needs. Sign with your own."),
    ("foreign", 403, "Another site made your browser send this. Send it from a page of this ledger."),
    ("not-founded", 503, "The ledger is not founded yet. Its operator has to found it."),
)
_FIRST = _codes(
    ("conflict", 409, "Somebody was first. Read what is there now, and decide again."),
    ("stale", 409, "The decision rests on something that has moved meanwhile. Post again."),
    ("taken", 409, "A value that only one may hold is held already."),
)
_LATER = _codes(
    ("unavailable", 503, "Not now. Try again after the seconds that Retry-After names."),
    ("busy", 503, "Too much is going on at once. The same bytes can be posted again safely."),
    (
        "checking",
        503,
        "A check took too long, or ended before its time. Try again; a smaller file is quicker.",
    ),
    ("unpublished", 503, "It is recorded, and not in a published checkpoint yet. Ask again shortly."),
    ("hsm", 503, "The hardware module that holds a key does not answer. The operator has to look."),
    ("hsm-pin", 503, "The hardware module does not take its PIN. The operator has to look."),
    ("view", 503, "The view is being built. Ask again shortly."),
    ("views", 503, "The views have not caught up with the ledger yet. Ask again shortly."),
    ("vault", 503, "The keys that open personal data are not at hand. The operator has to look."),
    ("epoch-file", 503, "The keys of the vault cannot turn here. The operator has to look."),
    ("passphrase", 403, "The file with the passphrase of the ledger is not there. The operator has to look."),
    ("telemetry", 422, "Traces are to be sent, and what sends them is not installed. The operator looks."),
    ("storage", 503, "The disk does not answer as it should. The operator has to look."),
    ("sqlite", 503, "The database library could corrupt what it writes. The operator has to look."),
    ("upgraded", 503, "The ledger's files were upgraded by a newer program. The operator has to start that."),
    ("clock", 503, "The clock has gone back: nothing is written or signed until it is right."),
    ("rollback", 503, "The database is older than what was published. Reading goes on, writing stops."),
    ("split", 503, "Database and anchor tell two histories. Reading goes on, writing stops."),
    ("anchor", 503, "What vouches for the database does not check. Reading goes on, writing stops."),
)
_DOCUMENTS = _codes(
    ("annulled", 422, "The award was annulled: its provider never made it."),
    ("suspect", 422, "The key that the award was made with was declared stolen. The registrar settles it."),
    ("export-bundle", 422, "A bundle could not be put together as it must be."),
    ("export-issuer", 422, "A document would have been signed by somebody who is not its issuer."),
    ("export-key", 422, "The key of the issuer cannot sign this kind of document."),
    ("export-method", 422, "A method of assessment has no words in the document."),
    ("export-profile", 422, "A document is not exactly of the profile, so it is not signed."),
    ("export-proof", 422, "A document carries a signature already."),
    ("export-trust", 422, "The trust file would say something that cannot be."),
    ("jsonld", 400, "A document uses terms that no pinned context defines."),
    ("status-index", 422, "A place lies outside the status list."),
)
# Each names the place where what is stored failed a check.
_PLACES = (
    "access", "authority", "disposal", "encoding", "fields", "frontier", "head", "read-back", "sealed",
    "state", "status-list", "submission", "tile", "topic", "witness",
)  # fmt: skip
_LOG = _codes(
    ("policy", 400, "A policy of logs and witnesses cannot be used. The sentence says which line, and why."),
    ("proof-shape", 422, "A proof cannot belong to the entry and the tree size that are named with it."),
)
# Each names what cannot be read, or does not hold, in something of the log.
_OF_THE_LOG = (
    "add-checkpoint-ascii", "add-checkpoint-hash", "add-checkpoint-old", "add-checkpoint-proof-lines",
    "add-checkpoint-size", "add-checkpoint-too-long",
    "bundle-count", "bundle-cut", "checkpoint-lines", "checkpoint-origin", "checkpoint-root",
    "checkpoint-size", "checkpoint-too-long", "consistency-empty", "consistency-equal", "consistency-long",
    "consistency-root", "consistency-short", "consistency-sizes", "cosignature-name", "cosignature-time",
    "hash-size", "inclusion-index", "inclusion-long", "inclusion-root", "inclusion-short", "note-control",
    "note-shape", "note-signatures", "note-too-long", "note-utf8", "policy-group", "policy-key-twice",
    "policy-key-type", "policy-key-utf8", "policy-line", "policy-log", "policy-member",
    "policy-member-twice", "policy-name", "policy-quorum", "policy-quorum-count", "policy-text",
    "policy-threshold", "policy-words", "proof-extra", "proof-hash", "proof-header", "proof-index",
    "proof-parts", "proof-path", "proof-too-long", "quorum", "signature-base64", "signature-empty",
    "signature-line", "subtree-range", "tile-path", "tile-path-form", "tile-size", "unsigned",
    "vkey-base64", "vkey-empty", "vkey-hash", "vkey-key", "vkey-shape", "vkey-type",
    "witness-size",
)  # fmt: skip
_FAULTS = _codes(
    ("internal", 500, "Something went wrong here. Nothing half-done was recorded; try again later."),
    ("corrupt", 500, "What the ledger holds does not check."),
    ("epoch", 500, "The vault and its key file are of two epochs: one is an old copy. The operator looks."),
)
_PLACEHOLDER = re.compile(r"(?<!\{)\{(\w+)\}")


def groups() -> tuple[Group, ...]:
    """Return every group, in the order of the page."""
    return (
        Group("Requests", "Change the request as the sentence says, and send it again.", _REQUESTS),
        Group("Who may", "Keys, tokens and sign-in.", _AUTHORITY),
        Group("Somebody was first", "Nothing was recorded; read again, then decide.", _FIRST),
        Group("Try again later", "The request is in order. Reading usually goes on.", _LATER),
        Group("Documents", "A document could not be made or signed.", _DOCUMENTS),
        Group(
            "Notes, checkpoints and proofs",
            "The formats of the log are read strictly, each in its one form.",
            _LOG,
            _OF_THE_LOG,
            "Statuses 400 and 403 also come with the name of what cannot be read, or does not hold:",
        ),
        Group("Faults of the ledger", "Not yours to mend; its operator is told.", _FAULTS, _PLACES),
        Group(
            "Findings about rows and statements",
            "What the rules say of single rows of a submission. A refused row never stops the others.",
            tuple(_finding(code, CATALOGUE[code]) for code in sorted(CATALOGUE, key=_order)),
        ),
    )


def _finding(code: str, entry: Entry) -> Code:
    status = {BLOCK: "row refused", HOLD: "row held"}.get(entry.severity, "note")
    words = _PLACEHOLDER.sub(lambda match: f"[{match[1].replace('_', ' ')}]", f"{entry.message} {entry.fix}")
    return Code(code, status, words.replace("{{", "{").replace("}}", "}"))


def _order(code: str) -> tuple[str, str]:
    return code[1:], code[:1]
