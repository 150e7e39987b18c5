"""What the rules say about a row or a statement: codes, and the sentences people read.

A finding carries a code and the few public facts its sentence needs: never a name, an NSN or a
birth date. Codes are permanent. Most are those of DOMAIN.md 7.3; ours are 801 to 831 for statements
about the public register, 841 to 849 and E111 for forgetting, E911 for values outside a code list, and
E920. Columns are named as in a statement; a door that reads CSV names them as its header does (`code`
there is `mc_code`).
"""

from collections.abc import Mapping
from typing import NamedTuple

BLOCK, WARN, INFO, HOLD = "block", "warn", "info", "hold"


class Finding(NamedTuple):
    """One remark of the rules.

    severity: block and hold stop the row, warn and info do not.
    column: which column or member it is about, None when the whole row or file.
    params: what the sentence is filled with.
    """

    code: str
    rule: str | None
    severity: str
    column: str | None
    params: tuple[tuple[str, str], ...]


class Entry(NamedTuple):
    """A line of the catalogue: what every finding with one code has in common."""

    severity: str
    column: str | None
    rule: str | None
    message: str
    fix: str


def finding(code: str, /, *, column: str | None = None, **params: object) -> Finding:
    """Return a finding with that code; params fill its sentences, column overrides the usual one."""
    entry = CATALOGUE[code]
    texts = tuple((name, str(value)) for name, value in params.items())
    return Finding(code, entry.rule, entry.severity, column or entry.column, texts)


def sentence(found: Finding) -> str:
    """Return what is wrong and where, in plain English."""
    return CATALOGUE[found.code].message.format_map(_params(found))


def fix(found: Finding) -> str:
    """Return what to do about it, in plain English."""
    return CATALOGUE[found.code].fix.format_map(_params(found))


def _params(found: Finding) -> dict[str, str]:
    return {"column": found.column or "row", **dict(found.params)}


_IDENTITY: Mapping[str, Entry] = {
    "E101": Entry(
        BLOCK,
        "nsn",
        None,
        "The NSN is not 9 or 10 digits.",
        "Copy the NSN again from the student index; spreadsheets like to drop a leading zero.",
    ),
    "E102": Entry(
        BLOCK,
        "nsn",
        None,
        "No learner with this NSN is registered here.",
        "Check the NSN. If it is right, ask the registry to register the learner, then post the row again.",
    ),
    "E103": Entry(
        BLOCK,
        "nsn",
        None,
        "The NSN belongs to somebody else: nothing given beside it agrees with the person on record.",
        "Check the NSN, the name id and the date of birth against your enrolment form.",
    ),
    "E104": Entry(
        HOLD,
        "name_id",
        None,
        "The name id and the date of birth do not agree with each other about who this is.",
        "Correct the one that is wrong and post the row again. Nothing was recorded.",
    ),
    "E106": Entry(
        BLOCK,
        "date_of_birth",
        None,
        "The date of birth would make the learner younger than {youngest} or older than {oldest}.",
        "Check the year of birth.",
    ),
    "E111": Entry(
        HOLD,
        "nsn",
        None,
        "The person with this NSN was forgotten here: nothing is recorded about them any more.",
        "Take the row out of your file. If the person studies again, ask the regulator's privacy officer.",
    ),
}

_TARGET: Mapping[str, Entry] = {
    "E201": Entry(
        BLOCK,
        "code",
        "R11",
        "No micro-credential with the code {code} is on the register.",
        "Check the code against the register.",
    ),
    "E202": Entry(
        BLOCK,
        "version",
        "R11",
        "Micro-credential {code} has no version {version} on the register.",
        "Use a listed version, or leave the version out to use the one that was current.",
    ),
    "E203": Entry(
        BLOCK,
        "outcome",
        "R10",
        "{outcome} is not a learning outcome of {code} version {version}.",
        "Use one of: {outcomes}.",
    ),
    "E206": Entry(
        BLOCK,
        "code",
        "R22",
        "{code} is not the code of a micro-credential. An equivalence statement is never studied or awarded.",
        "Use the four-digit code of a listed micro-credential.",
    ),
    "W208": Entry(
        WARN,
        "version",
        "R11",
        "Version {version} of {code} was not the latest on {date}: version {latest} was.",
        "Nothing to do if the learner did begin the older version.",
    ),
}

_AUTHORITY: Mapping[str, Entry] = {
    "E301": Entry(
        BLOCK,
        None,
        "R16",
        "Organisation {organisation} was not a provider on {date}.",
        "Check the date. Only a registered provider may deliver, assess or award.",
    ),
    "E302": Entry(
        BLOCK,
        None,
        "R16",
        "You may not post for organisation {organisation}.",
        "Post with a key or token of that organisation.",
    ),
    "E303": Entry(
        BLOCK,
        "assessed_on",
        "R16",
        "Organisation {organisation} was not accredited for {code} version {version} on {date}{standing}.",
        "Check the date, or ask the regulator about your accreditation.",
    ),
    "E306": Entry(
        BLOCK,
        "start_on",
        "R11",
        "{code} version {version} was not yet listed on {date}; it is listed from {listed_on}.",
        "Check the date and the version.",
    ),
    "E307": Entry(
        BLOCK,
        "start_on",
        "R11",
        "{code} version {version} has been expiring since {expiring_from}: no learner can start on {date}.",
        "Check the start date, or enrol the learner in what replaces it.",
    ),
    "E308": Entry(
        BLOCK,
        "start_on",
        "R11",
        "{code} version {version} was discontinued on {discontinued_on}; {date} is too late.",
        "It can be awarded only where every requirement was met by the day it was discontinued.",
    ),
    "E310": Entry(
        BLOCK,
        "enrolment_ref",
        None,
        "You have no enrolment with this reference for this learner in {code}{version}.",
        "Check the reference, the learner and the code, or post the enrolment first.",
    ),
    "E311": Entry(
        BLOCK,
        "enrolment_ref",
        None,
        "The enrolment was completed on {completed_on}: a result of {date} cannot be added to it.",
        "Check the date of assessment, or post a new enrolment.",
    ),
}

_RESULT: Mapping[str, Entry] = {
    "E401": Entry(
        BLOCK,
        "grade",
        "R10",
        "The grade {grade} cannot be used here.",
        "Use {allowed}.",
    ),
    "E408": Entry(
        BLOCK,
        "evidence_sha256",
        "R10",
        "The digest of the evidence is not 64 lower-case hexadecimal digits.",
        "Give the SHA-256 of the evidence file as text, or leave it out.",
    ),
    "E402": Entry(
        BLOCK,
        "attempt",
        None,
        "Attempt {attempt} on {outcome} does not follow: the next one is {next}.",
        "Leave the attempt number out, or post the attempts in order.",
    ),
}

_DATES: Mapping[str, Entry] = {
    "E501": Entry(
        BLOCK,
        None,
        None,
        "{column} is not a date that can be read.",
        "Write dates as year-month-day, for example 2026-03-31.",
    ),
    "E502": Entry(
        BLOCK,
        None,
        None,
        "{column} is {date}, which is after today, {today}.",
        "Check the date; post the row when it has happened.",
    ),
    "E503": Entry(
        BLOCK,
        "assessed_on",
        None,
        "The assessment of {date} is before the enrolment began on {start_on}.",
        "Check both dates. Only recognition of prior learning (rpl) may be earlier.",
    ),
    "E504": Entry(
        BLOCK,
        "completed_on",
        "R10",
        "The completion date {date} is before the last result that counts, of {last}.",
        "The completion date can be {last} at the earliest.",
    ),
    "E505": Entry(
        BLOCK,
        "conferred_on",
        None,
        "The award would be conferred on {date}, before it was completed on {completed_on}.",
        "Check both dates.",
    ),
    "W506": Entry(
        WARN,
        "completed_on",
        None,
        "Completed on {date}, and reported after {due}: completions are due within {months} months.",
        "Nothing to correct; post completions sooner.",
    ),
}

_AWARD: Mapping[str, Entry] = {
    "E601": Entry(
        BLOCK,
        None,
        "R10",
        "Not every learning outcome of {code} is achieved; missing: {outcomes}.",
        "Post the missing results first.",
    ),
    "E602": Entry(
        BLOCK,
        "basis_reason",
        "18",
        "An award on the basis {basis} needs a reason.",
        "Write the reason in basis_reason.",
    ),
    "E603": Entry(
        BLOCK,
        None,
        None,
        "The learner already holds {code}: award {award}.",
        "Nothing to do, unless that award is wrong and has to be revoked first.",
    ),
    "E604": Entry(
        BLOCK,
        "basis",
        "18",
        "Organisation {organisation} may not award {code} on the basis {basis} on {date}.",
        "Bases on that day: {allowed}. Each belongs to its own holder.",
    ),
}

_REPEAT_AND_FILE: Mapping[str, Entry] = {
    "E701": Entry(
        BLOCK,
        "row_ref",
        None,
        "This row was posted before with other content.",
        "If the first one was wrong, ask for a correction. A new fact needs a row_ref of its own.",
    ),
    "W702": Entry(
        WARN,
        None,
        None,
        "This row was posted before and is unchanged.",
        "Nothing to do.",
    ),
    "E901": Entry(
        BLOCK,
        None,
        None,
        "What stands in {column} cannot be read there, or does not belong there.",
        "Check it against the description of the format. A file is comma-separated text with a header "
        "line, or a signed submission.",
    ),
    "W902": Entry(
        WARN,
        None,
        None,
        "The column {column} is not known here and was not read.",
        "Remove it, or check the spelling.",
    ),
    "E903": Entry(
        BLOCK,
        None,
        None,
        "The file is not UTF-8.",
        "Save it as CSV UTF-8.",
    ),
    "E904": Entry(
        BLOCK,
        None,
        None,
        "{column} is missing.",
        "Fill it in and post the row again.",
    ),
    "E905": Entry(
        BLOCK,
        None,
        None,
        "The file has more than {limit} rows.",
        "Split it into smaller files.",
    ),
    "E906": Entry(
        BLOCK,
        "row_ref",
        None,
        "The same row_ref stands on another row of this file.",
        "Give every row a row_ref of its own.",
    ),
    "E907": Entry(
        BLOCK,
        None,
        None,
        "A spreadsheet has changed what stood in {column}.",
        "Format the column as text before you fill it in, and export again.",
    ),
    "E908": Entry(
        BLOCK,
        None,
        None,
        "This submission id was used before with other content.",
        "Use a new id for new content; the first answer to the old one can still be fetched.",
    ),
    "E909": Entry(
        BLOCK,
        None,
        None,
        "The signature, or the key it was made with, does not count for this organisation.",
        "Sign with a key registered to your organisation for submissions and not retired.",
    ),
    "W910": Entry(
        WARN,
        None,
        None,
        "{column} was read as day/month/year.",
        "Write dates as year-month-day, for example 2026-03-31.",
    ),
    "E920": Entry(
        BLOCK,
        None,
        None,
        "Another row of this submission was refused, and it was to be recorded whole or not at all.",
        "Correct the rows with findings of their own and post everything again.",
    ),
    "E911": Entry(
        BLOCK,
        None,
        None,
        "{column} has a value that is not in its list.",
        "Use one of: {allowed}.",
    ),
}

_REGISTER: Mapping[str, Entry] = {
    "E801": Entry(
        BLOCK,
        "credits",
        "R01",
        "{credits} credits is outside {min} to {max}, which the rules of {ruleset} allow.",
        "Change the size, or split the learning.",
    ),
    "E802": Entry(
        BLOCK,
        "level",
        "R03",
        "Level {level} is not a level of the framework.",
        "Use a level from {min} to {max}.",
    ),
    "E803": Entry(
        BLOCK,
        "title",
        "R27",
        "The title contains “{word}”, which may be taken for a qualification.",
        "Choose a title without that word.",
    ),
    "E804": Entry(
        BLOCK,
        "review_months",
        "R19",
        "A review period of {months} months is not allowed by the rules of {ruleset}.",
        "Allowed: {allowed} months.",
    ),
    "E805": Entry(
        BLOCK,
        "ssb_support",
        "R18",
        "The developer is a provider, and no standard-setting body's answer of {date} or before is shown.",
        "Ask the body first; give its answer (granted, declined or not_required), its code and the date.",
    ),
    "I806": Entry(
        INFO,
        "ssb_support",
        "R18",
        "The standard-setting body {ssb} declined support on {date}. That does not prevent the listing.",
        "Nothing to do.",
    ),
    "E807": Entry(
        BLOCK,
        "provider",
        "R17",
        "Organisation {organisation} sets standards and hosts no learning on {date}: no accreditation.",
        "Accredit a registered provider.",
    ),
    "E808": Entry(
        BLOCK,
        "provider",
        "R30",
        "By the rules of {ruleset} only the developer, {developer}, can be accredited for {code}.",
        "Other providers can be accredited from {possible_from}.",
    ),
    "E809": Entry(
        BLOCK,
        "organisation",
        None,
        "Organisation {organisation} is not registered here.",
        "Register it first, or check the number.",
    ),
    "E810": Entry(
        BLOCK,
        "number",
        None,
        "{organisation} is not a usable number or body code, or is held already.",
        "Give a number from 1 to 99999, or a body code, that no organisation holds.",
    ),
    "E811": Entry(
        BLOCK,
        None,
        None,
        "Organisation {organisation} may not say this.",
        "Only {allowed} may.",
    ),
    "E812": Entry(
        BLOCK,
        None,
        None,
        "{what} is registered already.",
        "Nothing to do, unless a new version or a later period was meant.",
    ),
    "E813": Entry(
        BLOCK,
        "status",
        "8",
        "{code} version {version} is {status}: it cannot become {wanted}.",
        "The order is current, expiring, discontinued.",
    ),
    "E814": Entry(
        BLOCK,
        "code",
        None,
        "{code} version {version} is not on the register.",
        "Register the listing first, or check code and version.",
    ),
    "E815": Entry(
        BLOCK,
        "award",
        None,
        "There is no such award.",
        "Check the award's id.",
    ),
    "E816": Entry(
        BLOCK,
        "award",
        None,
        "The award was revoked already, from {date}.",
        "Nothing to do.",
    ),
    "E817": Entry(
        BLOCK,
        "jwk",
        None,
        "This key is registered already, cannot be used here, or the proof that you hold it does not check.",
        "Make a new Ed25519 or P-256 key; its proof signs {{organisation, origin, thumbprint}}.",
    ),
    "E818": Entry(
        BLOCK,
        "nsn",
        None,
        "A learner with this NSN is registered already.",
        "Nothing to do; a wrong name or birth date is put right by a correction.",
    ),
    "E819": Entry(
        BLOCK,
        None,
        None,
        "{column} is {date}, before the first rules for micro-credentials of {first}.",
        "Check the date.",
    ),
    "E820": Entry(
        BLOCK,
        "role",
        "R16",
        "An organisation of kind {kind} cannot hold the role {role} from {date}.",
        "A standard-setting body can be a provider only for a while, from 2026, with transitional set.",
    ),
    "E821": Entry(
        BLOCK,
        "hours",
        "R04",
        "{hours} hours do not agree with {credits} credits.",
        "Leave hours out: they are {expected}.",
    ),
    "E822": Entry(
        BLOCK,
        "outcomes",
        "R10",
        "The listing needs at least one learning outcome, each with its own id and a text.",
        "Check the outcomes.",
    ),
    "E823": Entry(
        BLOCK,
        "version",
        None,
        "Version {version} of {code} does not follow: the next one is {next}.",
        "Versions count from 1 without gaps.",
    ),
    "E824": Entry(
        BLOCK,
        None,
        None,
        "{column} is {date}, before {earliest}, when what it ends or changes began.",
        "Check the date.",
    ),
    "E825": Entry(
        BLOCK,
        None,
        None,
        "There is nothing in force to end: {what}.",
        "Check what was meant; it may have ended already.",
    ),
    "E826": Entry(
        BLOCK,
        "kid",
        None,
        "No such key is registered, or it was retired or revoked already.",
        "Check the key's thumbprint.",
    ),
    "E828": Entry(
        BLOCK,
        "first",
        None,
        "Positions {first} to {last} are not among those at which this key is suspect.",
        "Name positions from the one it is suspected from to the one that revoked it.",
    ),
    "E829": Entry(
        BLOCK,
        "kid",
        None,
        "This is the registrar's last key: without one nobody could say anything about the register.",
        "Register the next one first, in the same submission or before: `roa keys rotate`.",
    ),
    "E830": Entry(
        BLOCK,
        "kid",
        None,
        "This is the last Ed25519 key of the log: without one nobody could read its checkpoints.",
        "Register the next one in the same submission, before this: `roa keys rotate OPERATOR checkpoint`.",
    ),
    "E831": Entry(
        BLOCK,
        None,
        None,
        "{column} holds what looks like a student number or an e-mail address: the log is public for ever.",
        "Take it out: nothing that is said about the register names a person.",
    ),
    "E827": Entry(
        BLOCK,
        None,
        None,
        "This ledger is founded already.",
        "A ledger is founded once, by its first record.",
    ),
}

_FORGETTING: Mapping[str, Entry] = {
    "E841": Entry(
        BLOCK,
        "learner",
        None,
        "No learner with this id is known here.",
        "Check the id; `roa forget request` finds it by the NSN.",
    ),
    "E842": Entry(
        BLOCK, "learner", None, "This learner is forgotten already.", "There is nothing left to forget."
    ),
    "E843": Entry(
        BLOCK,
        "learner",
        None,
        "Forgetting this learner was requested already: {forgetting}.",
        "Approve that request, or withdraw it and make another.",
    ),
    "E844": Entry(
        BLOCK,
        "forgetting",
        None,
        "The key that requested a forgetting cannot approve it: it takes two people.",
        "Ask another privacy officer to approve it with a key of their own.",
    ),
    "E845": Entry(
        BLOCK, "forgetting", None, "No such request is known here.", "Look at what `roa forget list` shows."
    ),
    "E846": Entry(
        BLOCK,
        "forgetting",
        None,
        "This request is {state} already.",
        "Nothing is done twice; what was withdrawn is requested anew.",
    ),
    "E847": Entry(
        BLOCK,
        "forgetting",
        None,
        "The key that made this request was revoked since: nobody can tell who asked.",
        "Withdraw the request and make another with a key that counts.",
    ),
    "E848": Entry(
        BLOCK,
        None,
        None,
        "{column} holds what looks like a student number or an e-mail address: this outlives the learner.",
        "Name the authority by its reference, and no person.",
    ),
    "E849": Entry(
        BLOCK,
        "level",
        None,
        "This learner is not forgotten yet: streams are cleared when that was done long enough ago.",
        "Request level 1 first.",
    ),
}

CATALOGUE: Mapping[str, Entry] = {
    **_IDENTITY,
    **_TARGET,
    **_AUTHORITY,
    **_RESULT,
    **_DATES,
    **_AWARD,
    **_REPEAT_AND_FILE,
    **_REGISTER,
    **_FORGETTING,
}
