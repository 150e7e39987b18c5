"""The public register of the demonstration: listings, accreditations, statuses and reviews.

From `catalogue.json`, with three things put as the rules of the day would have had them:

* a listing from before 2023-01-16 is reviewed every 12 months, whatever the catalogue says;
* a provider that is not the developer is accredited from 2022-08-01 at the earliest (rule R30);
* a provider's listing from 2023-01-16 on shows the standard-setting body's answer (rule R18), among
  them one that was declined, and none needed for universities and te ao Māori.
"""

import calendar
from datetime import date, timedelta
from typing import Any

from api.cli.demo import PROVIDER
from api.cli.demo.bodies import FOUNDED, REGULATOR, board

THIRD_PARTY_FROM = date(2022, 8, 1)
RULES_2023_FROM = date(2023, 1, 16)
REVIEW_MONTHS_BEFORE_2023 = 12
ACCREDITATION_ENDED = ("6050", date(2026, 6, 30))  # 95001's, so that the day after is too late
DECLINED = "6024"
REVIEWED = ("6001", "6006", "6010", "6022", "6036", "6044")
_EXPIRING_MONTHS = 24
_SUPPORT_DAYS_BEFORE = 56
_OF_THE_REGULATOR = "NZQA_MQS"  # coverage of the regulator's own standards service
_UNIVERSITY_BOARDS = {
    "6016": "ELECTROTECH_IT",
    "6017": "AUTO_TRANSPORT_LOGISTICS",
    "6018": "AUTO_TRANSPORT_LOGISTICS",
}
_MEMBERS = (
    "code", "version", "title", "purpose", "relevance", "level", "credits", "nzsced", "outcomes",
    "assessment", "developer", "qa_approach", "listed_on", "pathways", "languages",
)  # fmt: skip

Statement = dict[str, Any]


def statements(catalogue: list[dict[str, Any]]) -> list[Statement]:
    """Return what the regulator says about micro-credentials, day by day from the oldest."""
    dated = [item for entry in catalogue for item in _about(entry)]
    code, ended_on = ACCREDITATION_ENDED
    dated.append((ended_on, _accreditation_ended(code, ended_on)))
    # Of one day: in the order given, so that a listing stands before what is said about it.
    return [said for _, said in sorted(dated, key=lambda item: item[0])]


def _about(entry: dict[str, Any]) -> list[tuple[date, Statement]]:
    listed_on = date.fromisoformat(entry["listed_on"])
    dated = [(listed_on, _listing(entry, listed_on))]
    dated += [_accreditation(entry, provider, listed_on) for provider in entry["accredited_providers"]]
    dated += _statuses(entry)
    if entry["code"] in REVIEWED:
        dated.append(_review(entry))
    return dated


def _said(kind: str, entry: dict[str, Any], **members: Any) -> Statement:
    return {
        "type": f"microcredential.{kind}",
        "v": 1,
        "code": entry["code"],
        "version": entry["version"],
        **members,
    }


def _listing(entry: dict[str, Any], listed_on: date) -> Statement:
    members = {name: entry[name] for name in _MEMBERS if name in entry}
    old = listed_on < RULES_2023_FROM
    members["review_months"] = REVIEW_MONTHS_BEFORE_2023 if old else entry["review_months"]
    if not old and isinstance(entry["developer"], int):
        members["ssb_support"] = _support(entry, listed_on)
    return {"type": "microcredential.registered", "v": 1, **members}


def _support(entry: dict[str, Any], listed_on: date) -> dict[str, str]:
    code, coverage = entry["code"], entry["coverage"]
    answered_on = (listed_on - timedelta(days=_SUPPORT_DAYS_BEFORE)).isoformat()
    if code in _UNIVERSITY_BOARDS:
        return {"outcome": "not_required", "ssb": board(_UNIVERSITY_BOARDS[code]), "on": answered_on}
    if coverage == _OF_THE_REGULATOR:
        return {"outcome": "not_required", "ssb": str(REGULATOR), "on": answered_on}
    return {
        "outcome": "declined" if code == DECLINED else "granted",
        "ssb": board(coverage),
        "on": answered_on,
    }


def valid_from(entry: dict[str, Any], provider: int) -> date:
    """Return the day from which a provider is accredited: the listing's, unless the law came later."""
    listed_on = date.fromisoformat(entry["listed_on"])
    return listed_on if provider == entry["developer"] else max(listed_on, THIRD_PARTY_FROM)


def _accreditation(entry: dict[str, Any], provider: int, listed_on: date) -> tuple[date, Statement]:
    begins = valid_from(entry, provider)
    assert begins >= listed_on >= FOUNDED
    members = {"provider": provider, "code": entry["code"], "versions": [entry["version"]]}
    return begins, {"type": "accreditation.granted", "v": 1, **members, "valid_from": begins.isoformat()}


def _accreditation_ended(code: str, ended_on: date) -> Statement:
    members = {"provider": PROVIDER, "code": code, "ended_on": ended_on.isoformat(), "reason": "surrendered"}
    return {"type": "accreditation.ended", "v": 1, **members}


def expiring_from(entry: dict[str, Any]) -> date | None:
    """Return the day from which nobody new may begin: two years before a discontinuation."""
    since = date.fromisoformat(entry["status_from"])
    if entry["status"] == "discontinued":
        return months_later(since, -_EXPIRING_MONTHS)
    return since if entry["status"] == "expiring" else None


def _statuses(entry: dict[str, Any]) -> list[tuple[date, Statement]]:
    expiring, since = expiring_from(entry), date.fromisoformat(entry["status_from"])
    dated = []
    if expiring is not None:
        members = {"status": "expiring", "from": expiring.isoformat(), "cause": "no_longer_needed"}
        dated.append((expiring, _said("status_set", entry, **members)))
    if entry["status"] == "discontinued":
        members = {"status": "discontinued", "from": since.isoformat(), "cause": "expiry_ended"}
        dated.append((since, _said("status_set", entry, **members)))
    return dated


def _review(entry: dict[str, Any]) -> tuple[date, Statement]:
    next_due = date.fromisoformat(entry["review_due"])
    reviewed_on = months_later(next_due, -int(entry["review_months"]))
    assert reviewed_on >= RULES_2023_FROM, "older rules know no period but 12 months"
    members = {
        "reviewed_on": reviewed_on.isoformat(),
        "outcome": "continue",
        "next_due": next_due.isoformat(),
    }
    return reviewed_on, _said("reviewed", entry, **members)


def months_later(day: date, months: int) -> date:
    """Return the same day of the month so many months on, or the month's last; months may be negative."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))
