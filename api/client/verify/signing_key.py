"""Check 4: the key was the issuer's, and counted where the log says that the document was signed.

A document says itself when it was signed, and a thief of the key can write any day there. Two things
cannot be set back: the place in the log of the record of its signing, which is the latest at which
it can have been signed (with a bundle), and the checkpoint in the receipt inside it, before which it
cannot have been signed. Where a key ended, the second alone never passes: a thief can put an old
receipt into a new document.

Source: SPEC.md 5; LEDGER.md 2 (keys count by log position); CREDENTIALS.md 6.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import ClientError
from .issued import Issuance
from .keys import Key, Standing
from .plain import long_date, new_zealand_day, shown
from .proofs import Method
from .reading import read_object
from .trust import Trust
from .verdict import NO_TRUST, OLD_TRUST, Answer, failed, not_checked, passed, warning

_ASK = "ask for the bundle (ZIP), which holds the receipt of its signing"
_STOLEN = "declared the key it is signed with stolen"


@dataclass(frozen=True, slots=True)
class When:
    """What the log shows of when a document was signed.

    Attributes:
        after: it was signed when the log had at least that many records; None where nothing shows it.
        issuance: the record of its signing, where the bundle brings its receipt.
        newest: how many records the log had by any receipt of the document; None without one.
    """

    after: int | None
    issuance: Issuance
    newest: int | None


def check(
    method: Method | None, issuer: str | None, when: When, trust: Trust | None, dids: Sequence[bytes] = ()
) -> Answer:
    """Answer check 4 for one document.

    Args:
        method: how it was signed.
        issuer: the DID of who is said to have signed it.
        when: what the log shows of that.
        trust: whose keys count, and where.
        dids: DID documents of a bundle; they came with the document and are no proof by themselves.
    """
    if method is None or issuer is None:
        return not_checked("key-unknown", "It does not say with which key it was signed.")
    if method.controller != issuer:
        return failed("key-of-another", "It is signed with a key of somebody else than its issuer.")
    if trust is None:
        return _without_trust(method, issuer, dids)
    return _judged(method, issuer, when, trust)


def _judged(method: Method, issuer: str, when: When, trust: Trust) -> Answer:
    """Answer by what the trust file says of the issuer's key."""
    known = trust.party(issuer)
    key = None if known is None else known.key(method.multikey)
    if key is None and trust.older_than(when.issuance.position or when.newest):
        return OLD_TRUST
    if known is None:
        return not_checked(
            "key-issuer-unknown",
            "The trust file does not know its issuer, so it could not be checked whose key signed it.",
        )
    name = shown(known.name, 80)
    if key is None:
        return failed("key-not-registered", f"It is signed with a key that was never registered for {name}.")
    if when.issuance.position is None:
        return _unrecorded(key, name, when.after)
    return _BY_STANDING[key.standing(when.issuance.position)](key, name, when.issuance)


def _not_yet(_key: Key, name: str, _issuance: Issuance) -> Answer:
    return failed(
        "key-not-yet", f"It is signed with a key that was not yet registered for {name} when it was made."
    )


def _ended(key: Key, name: str, _issuance: Issuance) -> Answer:
    if key.suspected_from is None:
        return _retired(name)
    return failed("key-retired", f"It was signed after {name} had withdrawn the key, which was stolen.")


def _valid(key: Key, name: str, issuance: Issuance) -> Answer:
    later = "" if key.suspected_from is None else " That key was stolen later."
    first_at = None if issuance.witnessed is None else issuance.witnessed.first_at
    seen = (
        ""
        if first_at is None
        else f", which witnesses had seen on record by {long_date(new_zealand_day(first_at))}"
    )
    return passed(
        "key",
        f"The key it is signed with was registered for {name}, and counted when it was signed{seen}.{later}",
    )


def _suspect(_key: Key, name: str, _issuance: Issuance) -> Answer:
    return not_checked(
        "key-suspect",
        f"{name} {_STOLEN}, and has not yet settled whether it was the one who signed this: ask {name}.",
    )


def _reaffirmed(_key: Key, name: str, _issuance: Issuance) -> Answer:
    return warning(
        "key-reaffirmed", f"{name} {_STOLEN}, and stands by what was signed then: this was its own."
    )


def _annulled(_key: Key, name: str, _issuance: Issuance) -> Answer:
    return failed("key-annulled", f"{name} {_STOLEN}, and says that this was not its own.")


_BY_STANDING: dict[Standing, Callable[[Key, str, Issuance], Answer]] = {
    Standing.NOT_YET: _not_yet,
    Standing.ENDED: _ended,
    Standing.VALID: _valid,
    Standing.SUSPECT: _suspect,
    Standing.REAFFIRMED: _reaffirmed,
    Standing.ANNULLED: _annulled,
}


def _unrecorded(key: Key, name: str, after: int | None) -> Answer:
    """Answer where nothing shows the latest at which it was signed: a key that ended cannot pass."""
    end, since = key.span.end, key.suspected_from
    if end is None:  # a suspected key has an end: see `keys.read_key`
        return _valid(key, name, Issuance())
    if after is not None and since is not None and after >= since and not _may_stand(key, after):
        return failed(
            "key-compromised",
            f"{name} {_STOLEN}, and this was made after that. Ask for one that is signed anew.",
        )
    if after is not None and after >= end:
        return _retired(name)
    if since is None:
        return not_checked(
            "key-when",
            f"{name} no longer uses the key it is signed with, and nothing shows that it was signed before: "
            f"{_ASK}.",
        )
    return not_checked(
        "key-compromised-when",
        f"{name} {_STOLEN}; nothing shows that this was signed before that: {_ASK}.",
    )


def _may_stand(key: Key, after: int) -> bool:
    """Return whether its receipt could still show a place that the issuer stands by."""
    return any(last > after for _, last in key.reaffirmed)


def _retired(name: str) -> Answer:
    return failed("key-retired", f"It is signed with a key that {name} no longer used when it was made.")


def _without_trust(method: Method, issuer: str, dids: Sequence[bytes]) -> Answer:
    found = next(
        (one for one in map(_did_document, dids) if one is not None and one.get("id") == issuer), None
    )
    listed = found.get("assertionMethod") if found is not None else None
    if isinstance(listed, list) and f"{method.controller}#{method.multikey}" not in listed:
        return not_checked(
            "key-not-in-document",
            "The issuer's document beside it does not name the key it was signed with. Get a trust file.",
        )
    return not_checked(NO_TRUST, "Without a trust file it could not be checked whose key signed it.")


def _did_document(data: bytes) -> dict[str, Any] | None:
    try:
        return read_object(data)
    except ClientError:
        return None
