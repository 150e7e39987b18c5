"""`trust.json`: what a verifier must already trust, as at one position of the log, and its signature."""

import unicodedata
from collections.abc import Iterable
from datetime import date
from typing import Any

from ledger.clock import rfc3339
from ledger.encoding import strict_json
from ledger.errors import Refusal
from ledger.keys.signer import Signer, jws_sign
from projections.exports.model import (
    TrustFile,
    TrustIssuer,
    TrustKey,
    TrustLogKey,
    TrustMicrocredential,
    TrustOperator,
)

FORMAT = "achievement-ledger/trust/v1"
SIGNATURE_TYPE = "achievement-trust+jws"
HASH_BYTES = 32


def trust_file(trust: TrustFile) -> bytes:
    """Return the exact bytes of `trust.json`: JCS, lists sorted, so that the same facts give the same bytes.

    Raises:
        Refusal: a log without a key that must verify, an issuer, key or version named twice, positions
            that do not follow each other, a hash that is none, or text that is not NFC.

    Source: BUILD.md 7; SPEC.md 5.
    """
    _check(trust)
    content = {
        "format": FORMAT,
        "made_at": rfc3339(trust.made_at_us),
        "as_at_position": trust.as_at_position,
        "origin": trust.origin,
        "founding_entry_hash": strict_json.b64url(trust.founding_entry_hash),
        "log_keys": [_log_key(key) for key in sorted(trust.log_keys, key=_log_key_order)],
        "witness_policy": trust.witness_policy,
        "operator": {
            "did": trust.operator.did,
            "name": trust.operator.name,
            "keys": _keys(trust.operator.keys),
        },
        "issuers": [_issuer(issuer) for issuer in sorted(trust.issuers, key=lambda issuer: issuer.number)],
        "microcredentials": [
            _microcredential(listed)
            for listed in sorted(trust.microcredentials, key=lambda listed: (listed.code, listed.version))
        ],
    }
    _refuse_unnormalised(content, "")
    return strict_json.canonical(content)


def trust_signature(trust: bytes, signer: Signer) -> str:
    """Return the operator's detached JWS over the exact bytes of a trust file: `header..signature`.

    Source: RFC 7515 appendix F; BUILD.md 7.
    """
    header, _, signature = jws_sign(signer, trust, SIGNATURE_TYPE).split(".")
    return f"{header}..{signature}"


def _check(trust: TrustFile) -> None:
    if len(trust.founding_entry_hash) != HASH_BYTES:
        raise _refusal("founding_entry_hash must be 32 bytes")
    if not any(key.must_verify for key in trust.log_keys):
        raise _refusal("log_keys must name a key that has to verify, or any note would do")
    if trust.as_at_position < 1:
        raise _refusal("as_at_position must be a position of the log, from 1")
    holders: list[TrustOperator | TrustIssuer] = [trust.operator, *trust.issuers]
    keys = [key for holder in holders for key in holder.keys]
    counting: list[TrustKey | TrustLogKey] = [*trust.log_keys, *keys]
    for key in counting:
        _check_positions(key, trust.as_at_position)
    _refuse_twice("log_keys", (key.vkey for key in trust.log_keys))
    _refuse_twice("issuers", (issuer.number for issuer in trust.issuers))
    _refuse_twice("issuers", (holder.did for holder in holders))
    # A key that two bodies share would make the one's word the other's.
    _refuse_twice("keys", (key.multibase for key in keys))
    _refuse_twice("microcredentials", ((listed.code, listed.version) for listed in trust.microcredentials))


def _check_positions(key: TrustKey | TrustLogKey, as_at: int) -> None:
    last = as_at if key.to_position is None else key.to_position
    if not 1 <= key.from_position <= last or last > as_at:
        raise _refusal("a key must count from a position of the log, to one not before it")


def _refuse_twice(where: str, names: Iterable[object]) -> None:
    named = list(names)
    if len(set(named)) != len(named):
        raise _refusal(f"{where} holds one twice")


def _refuse_unnormalised(value: Any, path: str) -> None:
    if isinstance(value, str):
        if not unicodedata.is_normalized("NFC", value):
            raise _refusal(f"{path} must be in Unicode form NFC")
    elif isinstance(value, dict):
        for name, member in value.items():
            _refuse_unnormalised(member, f"{path}.{name}" if path else name)
    elif isinstance(value, list):
        for index, member in enumerate(value):
            _refuse_unnormalised(member, f"{path}[{index}]")


def _refusal(why: str) -> Refusal:
    return Refusal(f"trust file: {why}", code="export-trust")


def _log_key_order(key: TrustLogKey) -> tuple[int, str]:
    return key.from_position, key.vkey


def _log_key(key: TrustLogKey) -> dict[str, Any]:
    return {
        "vkey": key.vkey,
        "from": key.from_position,
        "to": key.to_position,
        "must_verify": key.must_verify,
    }


def _keys(keys: Iterable[TrustKey]) -> list[dict[str, Any]]:
    return [_key(key) for key in sorted(keys, key=lambda key: (key.from_position, key.multibase))]


def _key(key: TrustKey) -> dict[str, Any]:
    return {
        "multibase": key.multibase,
        "purpose": key.purpose,
        "from": key.from_position,
        "to": key.to_position,
        "suspected_from": key.suspected_from,
        "reaffirmed": sorted(map(list, key.reaffirmed)),
        "annulled": sorted(map(list, key.annulled)),
    }


def _issuer(issuer: TrustIssuer) -> dict[str, Any]:
    return {
        "did": issuer.did,
        "number": issuer.number,
        "name": issuer.name,
        "keys": _keys(issuer.keys),
        "accreditations": [
            {
                "code": granted.code,
                "versions": sorted(granted.versions),
                "from": granted.valid_from.isoformat(),
                "to": _day(granted.ended_on),
            }
            for granted in sorted(
                issuer.accreditations, key=lambda granted: (granted.code, granted.valid_from)
            )
        ],
    }


def _microcredential(listed: TrustMicrocredential) -> dict[str, Any]:
    return {
        "code": listed.code,
        "version": listed.version,
        "title": listed.title,
        "level": listed.level,
        "credits": listed.credits,
        "outcomes": [{"id": name, "text": text} for name, text in listed.outcomes],
        "listed_on": listed.listed_on.isoformat(),
        "expiring_from": _day(listed.expiring_from),
        "discontinued_on": _day(listed.discontinued_on),
    }


def _day(day: date | None) -> str | None:
    return None if day is None else day.isoformat()
