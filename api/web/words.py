"""The words pages use: codes said in plain English, dates and sizes as people write them.

Te reo Māori words are only those that official documents use for the same thing, listed in
DOMAIN.md 10.1: what is not there waits for a licensed translator.
"""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from markupsafe import Markup, escape

from ledger.clock import CIVIL_ZONE, instant
from ledger.policy.framework import GRADE_NAMES, notional_hours

KILO = 1000
_KIND = " (Micro-credential)"

TE_REO = {
    "level": "Te Kaupae",
    "credits": "Ngā Whiwhinga",
    "version": "Te Putanga",
    "developer": "Te Kaihanga Tohu",
    "review": "Te rā arotake",
    "published": "Te rā whakaputa",
    "outcomes": "Te Tauāki ā-Hua",
    "purpose": "Te Tirohanga Whānui",
    "pathways": "Ngā huarahi mātauranga",
    "contact": "Whakapā",
}
STATUSES = {
    "current": "Current",
    "expiring": "Expiring",
    "discontinued": "Discontinued",
}
STATUS_SENTENCES = {
    "current": "Learners can begin it now.",
    "expiring": "No new learners can begin. Those who have begun can finish.",
    "discontinued": "No longer offered. Awards of it remain valid.",
}
# How a listing's status today reads beside an award: it never lessens the award.
LISTING_OF_AN_AWARD = {
    "current": "On the register",
    "expiring": "Being phased out; award remains valid",
    "discontinued": "No longer offered; award remains valid",
}
CAUSES = {
    "replaced": "replaced by another",
    "no_longer_needed": "no longer needed",
    "overdue_review": "its review was overdue",
    "developer_closed": "its developer closed",
    "expiry_ended": "the time to finish it ended",
    "decision": "decided by the regulator",
}
REVIEW_OUTCOMES = {
    "continue": "continues as it is",
    "change": "continues with changes",
    "replace": "to be replaced",
    "retire": "to be retired",
}
QA_APPROACHES = {
    "standard": "Standard evaluation",
    "thotk": "Te Hono o Te Kahurangi, evaluation by kaupapa Māori",
}
LANGUAGES = {"en": "English", "mi": "te reo Māori", "nzsl": "New Zealand Sign Language"}
METHODS = {
    "assessed": "assessed",
    "rpl": "recognised from prior learning",
    "crt": "recognised from earlier credit",
}
MODES = {
    "classroom": "in a classroom",
    "online": "online",
    "blended": "online and in person",
    "workplace": "at work",
    "noho": "noho",
}
BASES = {
    "approval_holder": "as holder of the approval",
    "accredited": "as an accredited provider",
    "developer_good_reason": "as its developer, for good reason",
    "nzqa_good_reason": "as regulator, for good reason",
}
REVOCATIONS = {
    "issued_in_error": "it was issued in error",
    "wrong_learner": "it was recorded for the wrong person",
    "integrity": "of a breach of academic integrity",
    "provider_authority_void": "the provider had no authority to award it",
    "duplicate": "it was recorded twice",
    "learner_request": "the learner asked for it",
}
KINDS = {
    "nzqa": "Qualifications authority",
    "ssb_ito": "Industry training organisation",
    "ssb_wdc": "Workforce development council",
    "ssb_isb": "Industry skills board",
    "ssb_other": "Standard-setting body",
    "university": "University",
    "nzist": "Institute of skills and technology",
    "polytechnic": "Polytechnic",
    "wananga": "Wānanga",
    "pte": "Private training establishment",
    "gte": "Government training establishment",
    "school": "School",
    "kura": "Kura",
    "employer": "Employer",
    "professional_body": "Professional body",
    "iwi_org": "Iwi organisation",
    "overseas_body": "Overseas body",
    "unz": "Universities' quality body",
    "tec": "Funding agency",
    "moe": "Ministry",
    "operator": "Operator of this ledger",
}
# Broad fields of the New Zealand Standard Classification of Education: the first two digits of a code.
FIELDS = {
    "01": "Natural and physical sciences",
    "02": "Information technology",
    "03": "Engineering and related technologies",
    "04": "Architecture and building",
    "05": "Agriculture, environmental and related studies",
    "06": "Health",
    "07": "Education",
    "08": "Management and commerce",
    "09": "Society and culture",
    "10": "Creative arts",
    "11": "Food, hospitality and personal services",
    "12": "Mixed field programmes",
}
ROLES = {"provider": "Provider", "developer": "Developer", "ssb": "Standard-setting body"}
SUPPORT = {
    "granted": "supports it",
    "declined": "did not support it; the regulator listed it all the same",
    "not_required": "support was not required",
}
RESULTS = {
    "passed": "Passed",
    "failed": "Failed",
    "warning": "Note",
    "not_checked": "Not checked",
}

# Who read somebody's record, as what, and what for: the closed lists of `ledger.access.rows`.
READERS = {
    "learner": "You",
    "operator": "Staff of this ledger",
    "organisation": "An organisation",
    "system": "This ledger itself",
}
READS = {
    "record_page": "your record, as a page",
    "record_json": "your record, as plain data",
    "record_clr": "your whole record, signed",
    "record_bundle": "your whole record, as a bundle",
    "award_badge": "one award, as a credential",
    "award_bundle": "one award, as a bundle",
    "receipt": "the receipt for something it sent about you",
    "name": "your name",
    "nsn": "who you are, by your NSN",
    "access_log": "this list",
    "everything": "every record of everybody",
}
PURPOSES = {
    "own_record": "to see it yourself",
    "own_statement": "to prove what it said itself",
    "learner_request": "because you asked for it",
    "correction": "to correct something",
    "support": "to find out why something did not work",
    "legal": "because the law requires it",
    "forgetting": "to decide about forgetting you",
    "integrity": "to check that nothing was altered; nobody is shown what is in it",
    "demonstration": "for this demonstration",
    "unstated": "no reason was given",
}

# What became of a witness that was asked last: the states of `ledger.cosigning`.
WITNESS_STATES = {
    "": "not since the start",
    "cosigned": "cosigned",
    "unreachable": "no answer",
    "refused": "refused",
    "bad-answer": "answered with a signature that does not hold",
    "ahead": "has seen more records than are here",
    "other-history": "has seen another history",
}


def day(value: date | str | None) -> Markup:
    """Return `30 October 2026` for a civil date, its machine form beside it; nothing for None."""
    if value is None:
        return Markup()
    found = date.fromisoformat(value) if isinstance(value, str) else value
    return _time(found.isoformat(), f"{found.day} {found:%B %Y}")


def moment(value: int | str) -> Markup:
    """Return an instant as people in New Zealand write it.

    Args:
        value: microseconds since 1970, or RFC 3339 text.
    """
    found = instant(value) if isinstance(value, int) else datetime.fromisoformat(value)
    here = found.astimezone(CIVIL_ZONE)
    return _time(found.strftime("%Y-%m-%dT%H:%M:%SZ"), f"{here.day} {here:%B %Y, %H:%M}")


def time_of_day(value: int) -> Markup:
    """Return `13:00` for microseconds since 1970, as clocks in New Zealand show it."""
    found = instant(value)
    return _time(found.strftime("%Y-%m-%dT%H:%M:%SZ"), f"{found.astimezone(CIVIL_ZONE):%H:%M}")


def grade(letter: str) -> str:
    """Return a grade in words."""
    return GRADE_NAMES.get(letter, letter)


def said(table: Mapping[str, str], code: str | None) -> str:
    """Return a code in words; the code itself where no words are known, nothing for None."""
    return "" if code is None else table.get(code, code)


def counted(number: int, one: str, many: str | None = None) -> str:
    """Return `1 credit`, `20 credits`, `1 240 records`."""
    return f"{grouped(number)}\u00a0{one if number == 1 else many or one + 's'}"


def grouped(number: int) -> str:
    """Return a number with a narrow space between thousands."""
    return f"{number:,}".replace(",", "\u202f")


def size(credit_value: int) -> str:
    """Return `20 credits ≈ 200 hours`: what a credit value means to somebody who has never met one."""
    hours = notional_hours(credit_value)
    return f"{counted(credit_value, 'credit')} ≈\u00a0{counted(hours, 'hour')}"


def file_size(size_bytes: int) -> str:
    """Return `42 KB`; what is smaller than one is told as one."""
    return f"{max(1, round(size_bytes / KILO))}\u00a0KB"


def title(text: str) -> Markup:
    """Return a title with the words every title of its kind must carry set apart from its own."""
    own = text.removesuffix(_KIND)
    if own == text:
        return escape(text)
    return Markup('{} <span class="kind">(Micro-credential)</span>').format(own)


def short_title(text: str) -> str:
    """Return a title without the words of its kind, for lists where everything is of that kind."""
    return text.removesuffix(_KIND)


def capital(text: str) -> str:
    """Return a text with a capital first."""
    return text[:1].upper() + text[1:]


def field(nzsced: str) -> str:
    """Return the broad field that an NZSCED code lies in; the code itself where it lies in none."""
    return FIELDS.get(nzsced[:2], nzsced)


def sentence(text: str) -> str:
    """Return a text as a sentence: a capital first, a full stop last."""
    return f"{capital(text)}{'' if text.endswith(('.', '!', '?')) else '.'}"


def code_spans(text: str) -> Markup:
    """Return a text in which what stands between backticks is set as code."""
    parts = [
        Markup("<code>{}</code>").format(part) if place % 2 else escape(part)
        for place, part in enumerate(text.split("`"))
    ]
    return Markup().join(parts)


def te_reo(word: str) -> Markup:
    """Return the te reo Māori heading that goes before the English one, marked as such for screen readers."""
    return Markup('<span lang="mi">{}</span>').format(TE_REO[word])


def _time(machine: str, people: str) -> Markup:
    return Markup('<time datetime="{}">{}</time>').format(machine, people.replace(" ", "\u00a0", 1))


FILTERS: dict[str, Any] = {
    "day": day,
    "moment": moment,
    "time_of_day": time_of_day,
    "grade": grade,
    "counted": counted,
    "grouped": grouped,
    "size": size,
    "file_size": file_size,
    "field": field,
    "title_of": title,
    "short_title": short_title,
    "capital": capital,
    "sentence": sentence,
    "code_spans": code_spans,
}
TABLES: dict[str, Mapping[str, str]] = {
    "witness_states": WITNESS_STATES,
    "statuses": STATUSES,
    "status_sentences": STATUS_SENTENCES,
    "listing_of_an_award": LISTING_OF_AN_AWARD,
    "causes": CAUSES,
    "review_outcomes": REVIEW_OUTCOMES,
    "qa_approaches": QA_APPROACHES,
    "languages": LANGUAGES,
    "methods": METHODS,
    "modes": MODES,
    "bases": BASES,
    "revocations": REVOCATIONS,
    "fields": FIELDS,
    "kinds": KINDS,
    "roles": ROLES,
    "support": SUPPORT,
    "results": RESULTS,
    "readers": READERS,
    "reads_of": READS,
    "purposes": PURPOSES,
}
