"""What the framework fixes for every rule set: levels, credits as hours, grades, code lists."""

LEVEL_MIN, LEVEL_MAX = 1, 10
LEVELS = range(LEVEL_MIN, LEVEL_MAX + 1)
HOURS_PER_CREDIT = 10

NOT_ACHIEVED = "N"
GRADE_ORDER = {"N": 0, "A": 1, "M": 2, "E": 3}
GRADE_NAMES = {
    "N": "Not Achieved",
    "A": "Achieved",
    "M": "Achieved with Merit",
    "E": "Achieved with Excellence",
}
GRADES_ACHIEVED = frozenset("AME")

ORGANISATION_KINDS = frozenset(
    {
        "nzqa",
        "ssb_ito",
        "ssb_wdc",
        "ssb_isb",
        "ssb_other",
        "university",
        "nzist",
        "polytechnic",
        "wananga",
        "pte",
        "gte",
        "school",
        "kura",
        "employer",
        "professional_body",
        "iwi_org",
        "overseas_body",
        "unz",
        "tec",
        "moe",
        "operator",  # ours: whoever runs this ledger
    }
)
ROLES = frozenset({"provider", "developer", "ssb"})
KEY_PURPOSES = frozenset(
    {"submission", "keys", "checkpoint", "credential", "receipt", "api", "webhook", "forgetting"}
)
# Why a learner is forgotten: the law that asks for it, or the disposal that ends the keeping.
FORGETTING_BASES = frozenset(
    {
        "privacy_act_2020",  # a request under it, or keeping longer than it allows (IPP 9)
        "public_records_act_2005",  # a disposal authority under it is due
        "court_order",
        "whanau_request",  # of a deceased learner
        "registered_in_error",
    }
)
CUSTODIES = frozenset({"own", "delegated"})
QA_APPROACHES = frozenset({"standard", "thotk"})
LANGUAGES = frozenset({"en", "mi", "nzsl"})
MODES = frozenset({"classroom", "online", "blended", "workplace", "noho"})
METHODS = frozenset({"assessed", "rpl"})
FUNDING = frozenset({"employer", "learner", "philanthropic", "other"})
FUNDING_PREFIX = "tec_"  # followed by the fund's code
STATUS_CAUSES = frozenset(
    {
        "replaced",
        "no_longer_needed",
        "overdue_review",
        "developer_closed",
        "expiry_ended",
        "decision",
    }
)
REVIEW_OUTCOMES = frozenset({"continue", "change", "replace", "retire"})
SUPPORT_OUTCOMES = frozenset({"granted", "declined", "not_required"})
AWARD_BASES = ("approval_holder", "accredited", "developer_good_reason", "nzqa_good_reason")
GOOD_REASON_BASES = frozenset({"developer_good_reason", "nzqa_good_reason"})
KEY_END_REASONS = frozenset({"stolen", "lost", "replaced", "ceased"})
ACCREDITATION_END_REASONS = frozenset({"withdrawn", "surrendered", "closed", "replaced"})
REVOCATION_REASONS = frozenset(
    {
        "issued_in_error",
        "wrong_learner",
        "integrity",
        "provider_authority_void",
        "duplicate",
        "learner_request",
    }
)

_SSB_PREFIX = "ssb_"
_CODE_DIGITS = 4
_SENTENCES = {
    1: "Can carry out simple tasks in familiar settings, closely supervised.",
    2: "Can apply known solutions to familiar problems, with general supervision.",
    3: "Can choose between known solutions and work with some independence.",
    4: "Can solve familiar and sometimes unfamiliar problems, and manage own work under broad guidance.",
    5: "Can use broad knowledge to solve familiar and unfamiliar problems, and manage own work and learning.",
    6: "Can analyse problems and carry complete responsibility for own work, and some for a team.",
    7: "Can apply specialised knowledge, analyse unfamiliar and complex problems, and take responsibility.",
    8: "Can work with advanced knowledge, judge and solve complex problems, and begin to lead.",
    9: "Can master a field, research or create at its edge, and lead where answers are not known.",
    10: "Can create new knowledge at the very front of a field, and answer for it.",
}


def notional_hours(credit_value: int) -> int:
    """Return the hours of learning that a credit value stands for; derived when shown, never stored.

    Source: DOMAIN.md 2, R04; 4.1, definition of credit value.
    """
    return credit_value * HOURS_PER_CREDIT


def level_sentence(level: int) -> str:
    """Return in plain words what somebody at that level can do; level is 1 to 10.

    Our own short reading for learners and employers; it does not replace the official descriptors.
    """
    return _SENTENCES[level]


def is_ssb(kind: str) -> bool:
    """Return whether that kind of organisation sets standards (industry training organisation to ISB)."""
    return kind.startswith(_SSB_PREFIX)


def is_code(text: str) -> bool:
    """Return whether a text has the shape of a reporting code: four digits.

    Anything else, such as the number of an equivalence statement, can never be awarded.
    Source: DOMAIN.md 4.1, reporting code; R22.
    """
    return len(text) == _CODE_DIGITS and text.isascii() and text.isdigit()


def is_funding(code: str) -> bool:
    """Return whether a text is one of the funding codes: a listed one, or `tec_` and a fund."""
    return code in FUNDING or (code.startswith(FUNDING_PREFIX) and len(code) > len(FUNDING_PREFIX))
