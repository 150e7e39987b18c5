"""The checks by rule id: pure functions of a rule set and the facts of one act."""

import calendar
from datetime import date, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ledger.policy import law, rules
from ledger.policy.findings import Finding
from ledger.policy.rules import Conferral

MC_2018, MC_2020, MC_2022 = (law.by_id(one) for one in ("MC-2018", "MC-2020", "MC-2022"))
MC_2023, MC_2025, MC_2026 = (law.by_id(one) for one in ("MC-2023", "MC-2025", "MC-2026"))
DAYS = st.dates(date(1950, 1, 1), date(2150, 12, 31))


def codes(findings: tuple[Finding, ...]) -> list[str]:
    """Return the codes of findings, in order."""
    return [one.code for one in findings]


# ------------------------------------------------------------------ dates


@pytest.mark.parametrize(
    ("day", "months", "later"),
    [
        (date(2021, 6, 30), 12, date(2022, 6, 30)),
        (date(2026, 1, 31), 1, date(2026, 2, 28)),
        (date(2024, 1, 31), 1, date(2024, 2, 29)),
        (date(2024, 2, 29), 12, date(2025, 2, 28)),
        (date(2026, 11, 30), 3, date(2027, 2, 28)),
        (date(2026, 12, 15), 1, date(2027, 1, 15)),
    ],
)
def test_months_are_clamped_to_the_end_of_the_month(day: date, months: int, later: date) -> None:
    """The same day of the month, or the last one where that month is shorter."""
    assert rules.add_months(day, months) == later


@given(DAYS, st.integers(0, 600))
def test_months_agree_with_a_plain_twin(day: date, months: int) -> None:
    """Counting on month by month, and then looking for the day, gives the same date."""
    year, month = day.year, day.month
    for _ in range(months):
        year, month = (year + 1, 1) if month == 12 else (year, month + 1)
    last = calendar.monthrange(year, month)[1]

    assert rules.add_months(day, months) == date(year, month, min(day.day, last))


@given(DAYS, st.integers(0, 600), st.integers(0, 40))
def test_later_days_are_never_due_earlier(day: date, months: int, further: int) -> None:
    """Deadlines keep the order of the days they count from."""
    assert rules.add_months(day, months) <= rules.add_months(day + timedelta(days=further), months)


@given(DAYS, st.sampled_from((12, 24, 36)))
def test_a_review_falls_in_the_same_month_some_years_later(listed_on: date, months: int) -> None:
    """Periods are whole years: month stays, day stays but for 29 February."""
    due = rules.review_due(listed_on, months)

    assert (due.year - listed_on.year, due.month) == (months // 12, listed_on.month)
    assert due.day == listed_on.day or (listed_on.month, listed_on.day, due.day) == (2, 29, 28)


# ------------------------------------------------------------------ listings


@example(0)
@example(1)
@example(4)
@example(5)
@example(40)
@example(41)
@given(st.integers(-50, 100))
def test_r01_size_is_the_range_of_the_rule_set(credit_value: int) -> None:
    """5 to 40 credits in 2018, 1 to 40 since 2023."""
    assert (rules.r01_credits(MC_2018, credit_value) == ()) is (5 <= credit_value <= 40)
    assert (rules.r01_credits(MC_2023, credit_value) == ()) is (1 <= credit_value <= 40)


@example(0)
@example(1)
@example(10)
@example(11)
@given(st.integers(-5, 20))
def test_r03_any_level_of_the_framework(level: int) -> None:
    """Levels 1 to 10, at all times."""
    assert (rules.r03_level(MC_2018, level) == ()) is (1 <= level <= 10)


@pytest.mark.parametrize(("hours", "found"), [(None, []), (200, []), (199, ["E821"]), (20, ["E821"])])
def test_r04_hours_may_only_agree(hours: int | None, found: list[str]) -> None:
    """Hours are ten times the credits; a figure that says otherwise is refused."""
    assert codes(rules.r04_hours(MC_2026, 20, hours)) == found


@pytest.mark.parametrize(
    "outcomes",
    [[], [("LO1", "x"), ("LO1", "y")], [("", "x")], [("LO1", "  ")]],
    ids=["none", "twice", "no-id", "no-text"],
)
def test_r10_a_listing_names_its_outcomes(outcomes: list[tuple[str, str]]) -> None:
    """What is to be assessed has an id of its own, and a text."""
    assert codes(rules.r10_outcomes(outcomes)) == ["E822"]


@pytest.mark.parametrize(
    ("title", "word"),
    [
        ("National Diploma in Drones", "National"),
        ("Drones for New  Zealand Farms", "New  Zealand"),
        ("A Master's View", "Master"),
        ("Undergraduate Statistics", "Undergraduate"),
        ("Under-graduate Statistics", "Under-graduate"),
        ("Steps to a DEGREE", "DEGREE"),
    ],
)
def test_a_title_that_reads_like_a_qualification(title: str, word: str) -> None:
    """Words stand as whole words in any case, with or without their hyphen."""
    (found,) = rules.title_words(MC_2023, title)

    assert (found.code, found.params) == ("E803", (("word", word),))


@pytest.mark.parametrize(
    "title",
    [
        "International Trade",
        "Mastering Spreadsheets",
        "Doctoring Engines",
        "Degrees of Freedom",
        "Postgraduation Planning",
        "Nationality Law Basics",
    ],
)
def test_a_word_inside_another_word_is_none(title: str) -> None:
    """A naive search for parts of words would refuse these wrongly."""
    assert rules.title_words(MC_2023, title) == ()


def test_titles_are_free_before_the_title_rule() -> None:
    """The word list is of January 2023."""
    assert rules.title_words(MC_2022, "National Diploma in Drones") == ()


@pytest.mark.parametrize(
    ("ruleset", "kind", "support", "found"),
    [
        (MC_2018, "pte", None, []),
        (MC_2022, "pte", None, []),
        (MC_2023, "pte", None, ["E805"]),
        (MC_2023, "ssb_wdc", None, []),
        (MC_2023, "nzqa", None, []),
        (MC_2023, "pte", ("granted", "WDC:X", date(2023, 4, 1)), []),
        (MC_2023, "pte", ("not_required", "WDC:X", date(2023, 4, 1)), []),
        (MC_2023, "pte", ("declined", "WDC:X", date(2023, 4, 1)), ["I806"]),
        (MC_2023, "pte", ("granted", "WDC:X", date(2023, 5, 1)), []),
        (MC_2023, "pte", ("granted", "WDC:X", date(2023, 5, 2)), ["E805"]),
        (MC_2023, "pte", ("maybe", "WDC:X", date(2023, 4, 1)), ["E805"]),
        (MC_2023, "nzqa", ("maybe", "WDC:X", date(2023, 4, 1)), ["E805"]),
    ],
)
def test_r18_support_is_sought_not_needed(
    ruleset: law.RuleSet, kind: str, support: tuple[str, str, date] | None, found: list[str]
) -> None:
    """Since 2023 a provider brings an answer given by then; "declined" is told, and does not block."""
    assert codes(rules.r18_support(ruleset, kind, date(2023, 5, 1), support)) == found


@pytest.mark.parametrize(
    ("ruleset", "months", "found"),
    [(MC_2018, 12, []), (MC_2018, 24, ["E804"]), (MC_2023, 36, []), (MC_2023, 18, ["E804"])],
)
def test_r19_review_periods(ruleset: law.RuleSet, months: int, found: list[str]) -> None:
    """Every year at first; one, two or three years since 2023."""
    assert codes(rules.r19_review_period(ruleset, months)) == found


# ------------------------------------------------------------------ authority


@pytest.mark.parametrize(
    ("kind", "day", "transitional", "counts"),
    [
        ("pte", date(2024, 1, 1), None, False),
        ("pte", date(2024, 1, 1), False, True),
        ("ssb_wdc", date(2024, 1, 1), False, False),
        ("ssb_wdc", date(2024, 1, 1), True, False),
        ("ssb_isb", date(2026, 3, 1), False, False),
        ("ssb_isb", date(2026, 3, 1), True, True),
    ],
)
def test_r16_r17_who_counts_as_a_provider(
    kind: str, day: date, *, transitional: bool | None, counts: bool
) -> None:
    """Standard-setting bodies do not, but for boards while they host."""
    ruleset = law.rules_on(day)

    assert rules.counts_as_provider(ruleset, kind, day, transitional=transitional) is counts
    refused = rules.r16_provider(ruleset, "95001", kind, day, column="start_on", transitional=transitional)
    assert codes(refused) == ([] if counts else ["E301"])
    barred = rules.r17_accreditable(ruleset, "95001", kind, day, transitional=transitional)
    assert codes(barred) == (["E807"] if kind.startswith("ssb_") and not counts else [])


def test_r30_says_from_when_it_would_be_possible() -> None:
    """The refusal names the day on which the law changed."""
    (found,) = rules.r30_owner_delivers(MC_2020, "6022", "95002", "95001")

    assert found.code == "E808"
    assert dict(found.params)["possible_from"] == "2022-08-01"
    assert rules.r30_owner_delivers(MC_2020, "6022", "95001", "95001") == ()
    assert rules.r30_owner_delivers(MC_2022, "6022", "95002", "95001") == ()


@pytest.mark.parametrize(
    ("kind", "role", "transitional", "possible"),
    [
        ("pte", "provider", False, True),
        ("pte", "provider", True, False),
        ("employer", "provider", False, False),
        ("ssb_isb", "provider", False, False),
        ("ssb_isb", "provider", True, True),
        ("ssb_isb", "ssb", False, True),
        ("nzqa", "ssb", False, True),
        ("pte", "ssb", False, False),
        ("professional_body", "developer", False, True),
    ],
)
def test_roles_fit_kinds(kind: str, role: str, *, transitional: bool, possible: bool) -> None:
    """Providers teach, standard-setting bodies set standards, anybody recognised may develop."""
    found = rules.role_possible(MC_2026, kind, role, date(2026, 3, 1), transitional=transitional)

    assert codes(found) == ([] if possible else ["E820"])


# ------------------------------------------------------------------ enrolment and award


@example(-1)
@example(0)
@example(299)
@example(300)
@example(699)
@example(700)
@given(st.integers(-400, 1200))
def test_r11_agrees_with_the_order_of_statuses(days: int) -> None:
    """Not listed, current, expiring, discontinued: one of them holds on any day."""
    listed_on = date(2024, 1, 1)
    expiring_from, discontinued_on = listed_on + timedelta(days=300), listed_on + timedelta(days=700)

    found = rules.r11_open_to_enrol(
        "6022",
        1,
        listed_on=listed_on,
        expiring_from=expiring_from,
        discontinued_on=discontinued_on,
        start_on=listed_on + timedelta(days=days),
    )

    expected = "E306" if days < 0 else "" if days < 300 else "E307" if days < 700 else "E308"
    assert codes(found) == ([expected] if expected else [])


@given(st.dictionaries(st.sampled_from(("LO1", "LO2", "LO3")), st.sampled_from("NAME")))
def test_r10_names_exactly_what_is_missing(grades: dict[str, str]) -> None:
    """N satisfies nothing; A, M and E do."""
    missing = [outcome for outcome in ("LO1", "LO2", "LO3") if grades.get(outcome, "N") == "N"]

    found = rules.r10_every_outcome("6022", ("LO1", "LO2", "LO3"), grades)

    assert [dict(one.params)["outcomes"] for one in found] == ([", ".join(missing)] if missing else [])


def _conferral(basis: str, *, reason: str | None = None, who: str = "") -> Conferral:
    return Conferral(
        basis=basis,
        reason=reason,
        organisation="95001",
        code="6022",
        conferred_on=date(2026, 3, 1),
        is_developer="developer" in who,
        is_provider="provider" in who,
        is_regulator="regulator" in who,
    )


@pytest.mark.parametrize(
    ("ruleset", "conferral", "found"),
    [
        (MC_2026, _conferral("accredited", who="provider"), []),
        (MC_2026, _conferral("approval_holder", who="developer provider"), []),
        (MC_2026, _conferral("approval_holder", who="provider"), ["E604"]),
        (MC_2026, _conferral("approval_holder", who="developer"), ["E604"]),
        (MC_2026, _conferral("developer_good_reason", who="developer"), ["E602"]),
        (MC_2026, _conferral("developer_good_reason", who="developer", reason="  "), ["E602"]),
        (MC_2026, _conferral("developer_good_reason", who="developer", reason="provider closed"), []),
        (MC_2026, _conferral("developer_good_reason", who="provider", reason="x"), ["E604"]),
        (MC_2026, _conferral("nzqa_good_reason", who="regulator", reason="provider closed"), []),
        (MC_2026, _conferral("nzqa_good_reason", who="regulator"), ["E602"]),
        (MC_2026, _conferral("nzqa_good_reason", who="provider", reason="x"), ["E604"]),
        (MC_2026, _conferral("because", who="regulator developer provider"), ["E604"]),
        (MC_2022, _conferral("developer_good_reason", who="developer", reason="x"), ["E604"]),
        (MC_2022, _conferral("accredited", who="provider"), []),
    ],
)
def test_rule_18_every_basis_has_its_holder(
    ruleset: law.RuleSet, conferral: Conferral, found: list[str]
) -> None:
    """Good-reason bases need a reason, their own organisation, and rule 18, which is of 2023."""
    assert codes(rules.rule_18_basis(ruleset, conferral)) == found


@example(89)  # the last day in time
@example(90)  # the first day late
@given(st.integers(-30, 200))
def test_late_is_after_the_same_day_three_months_on(days: int) -> None:
    """Reported on the last day is in time; before any rule said so nothing is late."""
    completed_on = date(2026, 2, 10)
    reported_on = completed_on + timedelta(days=days)

    late = codes(rules.reported_in_time(MC_2026, completed_on, reported_on)) == ["W506"]

    assert late is (reported_on > date(2026, 5, 10))
    assert rules.reported_in_time(MC_2022, completed_on, reported_on) == ()


@pytest.mark.parametrize(
    ("met_on", "found"),
    [(date(2026, 9, 29), []), (date(2026, 9, 30), []), (date(2026, 10, 1), ["E308"])],
)
def test_rule_8_after_discontinuation(met_on: date, found: list[str]) -> None:
    """Who had everything by the day of discontinuation is awarded, then or later; nobody else is."""
    refused = rules.rule_8_award("6022", 1, discontinued_on=date(2026, 9, 30), met_on=met_on)

    assert codes(refused) == found
    assert rules.rule_8_award("6022", 1, discontinued_on=None, met_on=met_on) == ()


def test_before_the_first_rules_nothing_is_decided() -> None:
    """The refusal names the first day on which it would have been possible."""
    (found,) = rules.before_first_rules(law.by_id("PRE-2018"), "listed_on", date(2018, 3, 1))

    assert (found.code, found.column) == ("E819", "listed_on")
    assert dict(found.params)["first"] == "2018-08-22"
    assert rules.before_first_rules(MC_2018, "listed_on", date(2018, 8, 22)) == ()


@pytest.mark.parametrize("ruleset", [MC_2025, MC_2026], ids=lambda one: one.id)
def test_ranges_hold_their_ends(ruleset: law.RuleSet) -> None:
    """Both ends of a range belong to it."""
    assert ruleset.credits is not None
    assert ruleset.credits.min in ruleset.credits
    assert ruleset.credits.max in ruleset.credits
    assert ruleset.credits.max + 1 not in ruleset.credits
