"""What a ledger serves about itself, read to be held to its log: status lists, trust file, register.

Source: LEDGER.md 3, 5; SPEC.md 5; Bitstring Status List v1.0.
"""

from collections.abc import Sequence
from datetime import date
from typing import Any
from urllib.parse import urlencode, urlsplit

from api.client.errors import ClientError
from api.client.verify import Trust
from api.client.verify.jsonld import pinned
from api.client.verify.status import StatusList as OpenList
from api.client.verify.status import open_status_list
from api.operations.asking import Site
from ledger.domain.register import Register
from ledger.encoding.strict_json import parse
from ledger.errors import LedgerError, Malformed
from ledger.monitor.findings import Findings
from ledger.monitor.rebuilding import differences
from ledger.monitor.statuses import Served, StatusList
from projections.exports.status_list import StatusBits
from projections.exports.trust import trust_file
from projections.trust_facts import trust_of

LIST_MAX_BYTES = 1 << 20
TRUST_MAX_BYTES = 16 << 20
_PAGE_MAX_BYTES = 4 << 20
_PAGES_MAX = 10_000
_PAGES_MAX_BYTES = 64 << 20  # all of them together
# Nothing of the log says these: when the file was made, and which witnesses its operator asks.
_NOT_FROM_THE_LOG = ("made_at", "witness_policy")


# ------------------------------------------------------------------ status lists


def status_list(ledger: Site, one: StatusList, trust: Trust | None) -> Served:
    """Return a status list as it is served, its signature checked.

    Args:
        ledger: where it is served.
        one: issuer's number and list's number.
        trust: whose keys may sign it; None: that somebody signed it is checked, not who.

    Raises:
        Absent, Unavailable: it is not served.
        Malformed: `status-form`: it cannot be read, is another list's, or its signature does not hold.
    """
    path = f"status/{one[0]}/{one[1]}"
    data = ledger.get(path, LIST_MAX_BYTES, "application/vc, application/json")
    try:
        return _served(parse(data, size_max_bytes=LIST_MAX_BYTES), path, trust)
    except LedgerError:
        raise
    except ClientError as error:
        raise Malformed(f"it cannot be read: {error}", code="status-form") from error
    except Exception as error:
        # Whoever serves it must not be able to end the look at the rest, whatever nobody thought of.
        raise Malformed(f"it cannot be read: {type(error).__name__}", code="status-form") from error


def _served(document: Any, path: str, trust: Trust | None) -> Served:
    url, issuer = _member(document, "id"), _member(document, "issuer")
    if urlsplit(url).path != f"/{path}":
        raise Malformed("it is another list's document", code="status-form")
    opened = open_status_list(document, url, issuer, trust, pinned().canonical)
    if not isinstance(opened, OpenList):
        raise Malformed(opened.sentence, code="status-form")
    subject = document["credentialSubject"]
    return Served(document["validFrom"], StatusBits.decoded(subject["encodedList"]).digest())


def _member(document: Any, name: str) -> str:
    value = document.get(name) if isinstance(document, dict) else None
    if not isinstance(value, str):
        raise Malformed(f"it has no {name}", code="status-form")
    return value


# ------------------------------------------------------------------ the trust file


def served_trust(ledger: Site) -> dict[str, Any]:
    """Return the trust file as it is served; Malformed when it is none."""
    data = ledger.get("trust.json", TRUST_MAX_BYTES, "application/json")
    try:
        Trust.parse(data)
    except ClientError as error:
        raise Malformed(f"trust.json is no trust file: {error}", code="trust") from error
    content: dict[str, Any] = parse(data, size_max_bytes=TRUST_MAX_BYTES)
    return content


def compare_trust(
    content: dict[str, Any], register: Register, founding_leaf: bytes, findings: Findings
) -> None:
    """Compare a served trust file with what the log makes one, as at the file's own position.

    Args:
        content: the trust file.
        register: as at its position.
        founding_leaf: the leaf hash of the log's first entry.
        findings: `trust` for every difference.
    """
    made = trust_of(register, content["as_at_position"], 0, founding_leaf, "")
    expected = parse(trust_file(made), size_max_bytes=TRUST_MAX_BYTES)
    for name in _NOT_FROM_THE_LOG:
        expected[name] = content[name]
    for place, what in differences(_named(expected), _named(content)):
        findings.add("trust", f"trust.json {place}", what)


def _named(content: dict[str, Any]) -> dict[str, Any]:
    """Return a trust file with issuers and listings by name, so that a difference is told where it is."""
    return {
        **content,
        "issuers": {one["did"]: one for one in content["issuers"]},
        "microcredentials": {f"{one['code']}/{one['version']}": one for one in content["microcredentials"]},
    }


# ------------------------------------------------------------------ the register's own pages


def served_pages(ledger: Site) -> list[tuple[date, dict[str, Any]]]:
    """Return every entry of the register's pages, each with the day it is shown for.

    Raises:
        Absent, Unavailable: a page is not to be had.
        Malformed: `pages`: a page is none, or there is no end of them; `too-large`: all together are.
    """
    found: list[tuple[date, dict[str, Any]]] = []
    left_bytes = _PAGES_MAX_BYTES
    following = "register?format=json"
    for _ in range(_PAGES_MAX):
        data = ledger.get(following, min(_PAGE_MAX_BYTES, left_bytes), "application/json")
        left_bytes -= len(data)
        page = parse(data, size_max_bytes=_PAGE_MAX_BYTES)
        try:
            on, entries, after = date.fromisoformat(page["as_on"]), page["found"], page["after"]
            found += [(on, dict(one)) for one in entries]
        except (ValueError, TypeError, LookupError) as error:
            raise Malformed("a page of the register cannot be read", code="pages") from error
        if after is None:
            return found
        following = f"register?{urlencode({'format': 'json', 'after': str(after)})}"
    raise Malformed("the pages of the register do not end", code="pages")


def compare_pages(
    entries: Sequence[tuple[date, dict[str, Any]]], registers: Sequence[Register], findings: Findings
) -> None:
    """Compare the entries of the register's pages with the listings that the log makes.

    Args:
        entries: as `served_pages` returns them.
        registers: as at checkpoints before and after they were read: what one of them says is right.
        findings: `pages` for what differs, is missing, or is not in the log.
    """
    shown = {str(one.get("code")) for _, one in entries}
    for on, one in entries:
        code = str(one.get("code"))
        wrong = [list(differences(_entry(register, code, on), one)) for register in registers]
        if all(wrong):
            for place, what in wrong[-1]:
                findings.add("pages", f"/register {code} {place}".rstrip(), what)
    for code in sorted(set.intersection(*(set(register.versions) for register in registers)) - shown):
        findings.add("pages", f"/register {code}", "is on no page, and the log lists it")


def _entry(register: Register, code: str, on: date) -> dict[str, Any] | None:
    """Return what a page says of a micro-credential on a day: its newest version by then."""
    listed = [register.microcredentials[code, version] for version in register.versions.get(code, ())]
    newest = next((one for one in reversed(listed) if one.listed_on <= on), None)
    if newest is None:
        return None
    developer = register.organisation(newest.developer)
    delivering = {
        provider
        for (provider, held), accreditation in register.accreditations.items()
        if held == code
        and any(one.on(on) and newest.mc_version in one.versions for one in accreditation.grants)
    }
    return {
        "code": code,
        "version": newest.mc_version,
        "title": newest.title,
        "level": newest.level,
        "credits": newest.credits,
        "nzsced": newest.nzsced,
        "status": newest.status_on(on),
        "developer": {
            "reference": newest.developer,
            "name": newest.developer if developer is None else developer.name_en,
        },
        "listed_on": newest.listed_on.isoformat(),
        "providers": len(delivering),
    }
