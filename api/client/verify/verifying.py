"""The verification of one file: an award, a record with awards inside, or a bundle of either.

Every check is answered, whatever the others say, with two exceptions: what cannot be read, and what
carries a bad signature, is not looked into any further.

Source: CREDENTIALS.md 6; SPEC.md 5, 6.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import Malformed
from . import checks, facts, jsonld, profile, receipt, signing_key, status
from .issued import Issuance, Issuances
from .list_records import ListRecords
from .opened import Receipt
from .plain import counted
from .proofs import Secured
from .reading import NOT_A_CREDENTIAL, Received, read
from .signing_key import When
from .status import Fetch, Lists
from .trust import Trust
from .verdict import (
    NAMES,
    WORST,
    Answer,
    Result,
    Verdict,
    checks_of,
    failed,
    headline_of,
    not_checked,
    passed,
    worst_of,
)

READABLE = passed("readable", "The file could be read.")
UNREAD = not_checked("unread", "Not looked at, because the file could not be read.")
NOT_ONE = not_checked(UNREAD.code, "Not looked at, because this is not a credential.")
BAD_SIGNATURE = not_checked("bad-signature", "Not looked at, because the signature does not hold.")
IN_FORCE, REVOKED, NOT_KNOWN = "in force", "revoked", "not known"
_NAMED_MAX = 3
_RECEIPTS = 7  # the number of their check
_HOLDS = (Result.PASSED, Result.WARNING)

Answers = dict[int, Answer]


def verify(data: bytes, *, trust: Trust | None, fetch: Fetch | None = None, now_us: int) -> Verdict:
    """Verify a credential or a bundle.

    Args:
        data: the bytes of a credential (JSON, at most 1 MB) or of a bundle (ZIP, at most 4 MB).
        trust: whose word counts; None: what depends on it answers "could not be checked".
        fetch: gets current status lists of issuers in the trust file; None: no network, the list of
            the bundle is used.
        now_us: the present, microseconds since 1970.

    Returns:
        Nine checks and what the credential says. Never raises for anything in `data`.
    """
    try:
        received = read(data)
    except Malformed as error:
        unread = NOT_ONE if error.code == NOT_A_CREDENTIAL else UNREAD
        unreadable = dict.fromkeys(NAMES, unread) | {1: failed(error.code, str(error))}
        return Verdict(checks_of(unreadable), {})
    canonical = jsonld.pinned().canonical
    records = ListRecords(received.list_records, trust, now_us)
    lists = Lists(received.status_lists, fetch, trust, canonical, records)
    documents = (received.credential, *_inner(received.credential))
    issuances = Issuances(received.issued, documents, trust, now_us)
    setting = _Setting(received, trust, lists, issuances, now_us)
    return _record(setting) if profile.is_record(received.credential) else _single(setting)


@dataclass(frozen=True, slots=True)
class _Setting:
    """What every check of one verification may ask for."""

    received: Received
    trust: Trust | None
    lists: Lists
    issuances: Issuances
    now_us: int


@dataclass(frozen=True, slots=True)
class _Examined:
    """One award with its answers to checks 2 to 9.

    Attributes:
        after: it was signed when the log had at least that many records, by the receipt inside it;
            None without one.
    """

    award: facts.Award
    answers: Answers
    after: int | None

    @property
    def state(self) -> str:
        """Whether it counts: known only where the signature and its key hold, for anyone can sign a list."""
        if self.answers[6].code == status.REVOKED:
            return REVOKED
        holds = all(self.answers[number].result in _HOLDS for number in (3, 4, 6))
        return IN_FORCE if holds else NOT_KNOWN


# ------------------------------------------------------------------ one award


def _single(setting: _Setting) -> Verdict:
    examined = _examine(setting.received.credential, setting, sidecar=_first(setting.received.receipts))
    answers = {1: READABLE} | examined.answers
    stray = setting.issuances.stray
    if stray is not None and answers[3].result is not Result.FAILED:
        answers[7] = worst_of([answers[7], stray])
    return Verdict(checks_of(answers), examined.award.summary(examined.state))


def _examine(document: Mapping[str, Any], setting: _Setting, sidecar: bytes | None = None) -> _Examined:
    """Answer checks 2 to 9 for one award.

    Args:
        document: the award.
        setting: what the checks may ask for.
        sidecar: the receipt beside it in a bundle; used where the award carries none itself.
    """
    award = facts.award_of(document)
    secured = _secured(document)
    answers = {
        2: profile.check(secured, profile.award_faults(document)),
        3: checks.signatures(secured),
    }
    if answers[3].result is Result.FAILED:
        return _Examined(award, answers | _unlooked(BAD_SIGNATURE), None)
    found = _receipt(award.receipt, sidecar)
    size = found.checkpoint.size if isinstance(found, Receipt) else None
    # A receipt beside it may be younger than it is.
    after = size if award.receipt is not None else None
    trust, now_us = setting.trust, setting.now_us
    method, dids = checks.signing_method(secured), setting.received.did_documents
    issuance = setting.issuances.of(document, method, award.issuer)
    in_log = receipt.check(found, award, facts.product_number(document), trust, now_us)
    answers |= {
        4: signing_key.check(method, award.issuer, When(after, issuance, size), trust, dids),
        5: checks.dates(document, award, now_us),
        6: status.check(document, setting.lists, now_us),
        7: _with_issuance(in_log, issuance),
        8: checks.provider_recognised(award, size, trust),
        9: checks.accredited(award, size, now_us, trust),
    }
    return _Examined(award, answers, after)


def _with_issuance(in_log: Answer, issuance: Issuance) -> Answer:
    """Return the answer to check 7 with what the receipt of signing adds to it."""
    if issuance.answer is None:
        return in_log
    if in_log.result is issuance.answer.result is Result.PASSED:
        return passed(in_log.code, f"{in_log.sentence} {issuance.answer.sentence}")
    return worst_of([in_log, issuance.answer])


def _secured(document: Mapping[str, Any]) -> Secured | Malformed:
    try:
        return Secured(document, jsonld.pinned().canonical)
    except Malformed as error:
        return error


def _receipt(carried: str | None, sidecar: bytes | None) -> Receipt | Malformed | None:
    try:
        if carried is None and sidecar is not None:
            carried = sidecar.decode("utf-8")
        return None if carried is None else receipt.read_receipt(carried)
    except UnicodeDecodeError:
        return Malformed("the receipt is not text")
    except Malformed as error:
        return error


# ------------------------------------------------------------------ a record, and the awards inside


def _record(setting: _Setting) -> Verdict:
    document = setting.received.credential
    secured = _secured(document)
    form = profile.check(secured, profile.record_faults(document))
    signed = checks.signatures(secured)
    awards = [_examine(award, setting) for award in _inner(document)]
    own: Answers = {2: form, 3: signed}
    if signed.result is Result.FAILED:
        own |= _unlooked(BAD_SIGNATURE)
    else:
        own |= _own_answers(document, secured, awards, setting)
    answers = {number: _together(number, own.get(number), awards) for number in range(2, 10)}
    if signed.result is Result.FAILED:
        answers |= _unlooked(BAD_SIGNATURE)
    summaries = [_summary(examined) for examined in awards]
    return Verdict(checks_of({1: READABLE} | answers), facts.record_summary(document, summaries))


def _own_answers(
    document: Mapping[str, Any], secured: Secured | Malformed, awards: list[_Examined], setting: _Setting
) -> Answers:
    """Answer for the record itself what can be asked of it: it has no award's receipt, no accreditation."""
    issuer = profile.issuer_of(document)
    named = document.get("issuer")
    name = named.get("name") if isinstance(named, Mapping) else None
    # It holds the awards, so it was signed after the youngest of the receipts inside them.
    after = max((examined.after for examined in awards if examined.after is not None), default=None)
    method, dids = checks.signing_method(secured), setting.received.did_documents
    issuance = setting.issuances.of(document, method, issuer)
    in_log = [answer for answer in (setting.issuances.stray, issuance.answer) if answer is not None]
    own = {
        4: signing_key.check(method, issuer, When(after, issuance, after), setting.trust, dids),
        5: checks.dates(document, None, setting.now_us),
        8: checks.operator_recognised(issuer, name, setting.trust),
    }
    if "credentialStatus" in document:
        own[6] = status.check(document, setting.lists, setting.now_us)
    if in_log:
        own[7] = worst_of(in_log)
    return own


def _inner(document: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [award for award in profile.inner_credentials(document) if isinstance(award, Mapping)]


def _together(number: int, own: Answer | None, awards: list[_Examined]) -> Answer:
    """Return the worst of a record's answer and its awards', and say whose it is."""
    inner = [(at, examined.answers[number]) for at, examined in enumerate(awards)]
    if own is None and not inner:
        return not_checked("no-awards", "The record holds no award that could be looked at.")
    results = [answer.result for _, answer in inner] + ([] if own is None else [own.result])
    worst = next(result for result in WORST if result in results)
    if worst is Result.PASSED:
        # Of its receipts a record says itself which it has; of the rest it speaks for its awards too.
        more = f" {own.sentence}" if own is not None and number == _RECEIPTS else ""
        return _all_passed(number, len(awards), more)
    told = [] if own is None or own.result is not worst else [("The record itself", own)]
    told += [
        (f"Award {at + 1} of {len(awards)}, {awards[at].award.label}", answer)
        for at, answer in inner
        if answer.result is worst
    ]
    everyone = "Every award in it" if own is None else "The record and every award in it"
    return Answer(worst, told[0][1].code, _told(told, everyone if 1 < len(told) == len(results) else None))


def _told(told: list[tuple[str, Answer]], everyone: str | None) -> str:
    """Return who is told what, each sentence once; `everyone` names them where all are told something."""
    sentences: dict[str, list[str]] = {}
    for who, answer in told:
        sentences.setdefault(answer.sentence, []).append(who)
    if everyone is not None and len(sentences) == 1:
        return f"{everyone}: {told[0][1].sentence}"
    said = [f"{_named(who)}: {sentence}" for sentence, who in sentences.items()]
    more = [] if len(said) <= _NAMED_MAX else [f"And {len(said) - _NAMED_MAX} more things like these."]
    return " ".join(said[:_NAMED_MAX] + more)


def _named(who: list[str]) -> str:
    rest = len(who) - _NAMED_MAX
    return "; ".join(who[:_NAMED_MAX]) + (f"; and {counted(rest, 'more award')}" if rest > 0 else "")


# What is said where the record and every award in it pass: with one award, with several.
_ALL = {
    2: ("The record and {awards} are set out as they should be, and a signature covers all they hold.",) * 2,
    3: ("The signatures of the record and {awards} hold: nothing was changed since they were signed.",) * 2,
    4: ("The keys that signed the record and {awards} were their issuers', and counted then.",) * 2,
    5: ("The dates of the record and {awards} are in order, and nothing has expired.",) * 2,
    6: (
        "The award in it has not been revoked, by the list of its issuer.",
        "None of {awards} has been revoked, by the lists of their issuers.",
    ),
    7: (
        "The award in it is in the public ledger, and every detail agrees, the learner's name included.",
        "All of {awards} are in the public ledger, and every detail agrees, the learner's name included.",
    ),
    8: ("The issuers of the record and {awards} are recognised by your trust file.",) * 2,
    9: (
        "On the day of award the provider was accredited, and the micro-credential listed.",
        "On the day of each of {awards} the provider was accredited, and the micro-credential listed.",
    ),
}


def _all_passed(number: int, awards: int, more: str) -> Answer:
    one, several = _ALL[number]
    if awards == 1:
        return passed("all", one.format(awards="the award in it") + more)
    return passed("all", several.format(awards=f"the {counted(awards, 'award')} in it") + more)


def _summary(examined: _Examined) -> dict[str, Any]:
    answered = checks_of(examined.answers)
    return examined.award.summary(examined.state) | {
        "result": headline_of(answered),
        "checks": [check.as_json() for check in answered],
    }


def _unlooked(answer: Answer) -> Answers:
    return dict.fromkeys(range(4, 10), answer)


def _first(values: tuple[bytes, ...]) -> bytes | None:
    return values[0] if values else None
