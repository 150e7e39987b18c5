"""Codes said in words, and nothing made up in te reo Māori."""

from datetime import date

import pytest

from api.web import words
from ledger.access import rows
from ledger.domain.microcredential import CURRENT, DISCONTINUED, EXPIRING
from ledger.policy import framework


@pytest.mark.parametrize(
    ("table", "codes"),
    [
        (words.STATUSES, {CURRENT, EXPIRING, DISCONTINUED}),
        (words.STATUS_SENTENCES, {CURRENT, EXPIRING, DISCONTINUED}),
        (words.LISTING_OF_AN_AWARD, {CURRENT, EXPIRING, DISCONTINUED}),
        (words.CAUSES, framework.STATUS_CAUSES),
        (words.REVIEW_OUTCOMES, framework.REVIEW_OUTCOMES),
        (words.QA_APPROACHES, framework.QA_APPROACHES),
        (words.LANGUAGES, framework.LANGUAGES),
        (words.MODES, framework.MODES),
        (words.BASES, set(framework.AWARD_BASES)),
        (words.REVOCATIONS, framework.REVOCATION_REASONS),
        (words.KINDS, framework.ORGANISATION_KINDS),
        (words.ROLES, framework.ROLES),
        (words.SUPPORT, framework.SUPPORT_OUTCOMES),
        (words.READERS, rows.WHO),
        (words.READS, rows.WHAT),
        (words.PURPOSES, rows.WHY),
    ],
)
def test_every_code_has_words(table, codes):
    """A code that the rules know never reaches a page as a code."""
    assert table.keys() == set(codes)


def test_every_method_has_words():
    """The methods that the rules know now, and the one that earlier credit will bring."""
    assert words.METHODS.keys() == framework.METHODS | {"crt"}


# What official documents in use in 2026 call these things (DOMAIN.md 10.1). No word may be coined.
OFFICIAL = {
    "Te Kaupae": "level",
    "Ngā Whiwhinga": "credits",
    "Te Putanga": "version",
    "Te Kaihanga Tohu": "developer",
    "Te rā arotake": "review date",
    "Te rā whakaputa": "publication date",
    "Te Tauāki ā-Hua": "outcome statement",
    "Te Tirohanga Whānui": "strategic purpose, overview",
    "Ngā huarahi mātauranga": "education pathways",
    "Whakapā": "contact",
}


def test_te_reo_words_are_official_ones():
    """Every Māori word is one that official documents use for the same thing, macrons included."""
    assert set(words.TE_REO.values()) == OFFICIAL.keys()
    assert words.te_reo("credits") == '<span lang="mi">Ngā Whiwhinga</span>'


def test_days_and_instants_are_written_for_people_here():
    """A day as it is; an instant as clocks in New Zealand showed it, in summer and in winter."""
    assert words.day(date(2026, 10, 3)) == '<time datetime="2026-10-03">3\u00a0October 2026</time>'
    assert words.day("2026-10-03") == words.day(date(2026, 10, 3))
    assert words.day(None) == ""
    summer, winter = words.moment("2026-12-31T11:30:00Z"), words.moment("2026-07-01T11:30:00Z")
    assert summer == '<time datetime="2026-12-31T11:30:00Z">1\u00a0January 2027, 00:30</time>'
    assert winter.endswith(">1\u00a0July 2026, 23:30</time>")
    assert words.moment(1_798_716_600_000_000) == summer
    clock = words.time_of_day(1_798_716_600_000_000)
    assert clock == '<time datetime="2026-12-31T11:30:00Z">00:30</time>'


def test_numbers_are_written_for_people():
    """One credit, many credits, thousands apart, sizes of files."""
    assert words.size(1) == "1\u00a0credit ≈\u00a010\u00a0hours"
    assert words.size(20) == "20\u00a0credits ≈\u00a0200\u00a0hours"
    assert words.grouped(1234567) == "1\u202f234\u202f567"
    assert words.counted(0, "award") == "0\u00a0awards"
    assert words.file_size(12) == "1\u00a0KB"
    assert words.file_size(41_600) == "42\u00a0KB"


def test_the_words_of_its_kind_stand_apart_in_a_title():
    """The title's own words first; what looks like markup stays text."""
    told = words.title("Barista <b> (Micro-credential)")

    assert told == 'Barista &lt;b&gt; <span class="kind">(Micro-credential)</span>'
    assert words.title("No <kind>") == "No &lt;kind&gt;"
    assert words.short_title("Barista (Micro-credential)") == "Barista"
    assert words.short_title("(Micro-credential) first") == "(Micro-credential) first"


def test_a_sentence_begins_large_and_ends():
    """What errors say becomes a sentence, once."""
    assert words.sentence("nothing here") == "Nothing here."
    assert words.sentence("Try again!") == "Try again!"
    assert words.said({"a": "b"}, "a") == "b"
    assert words.said({"a": "b"}, "c") == "c"
    assert words.said({"a": "b"}, None) == ""


def test_fields_of_study_have_names():
    """The broad field of an NZSCED code; an unknown code stays as it is."""
    assert words.field("040399") == "Architecture and building"
    assert words.field("990000") == "990000"
    assert list(words.FIELDS) == [f"{number:02}" for number in range(1, 13)]


def test_commands_in_a_sentence_are_set_as_code():
    """What stands between backticks; what looks like markup stays text, inside and outside."""
    assert words.code_spans("Run `roa <x>`, then <b>.") == "Run <code>roa &lt;x&gt;</code>, then &lt;b&gt;."
    assert words.code_spans("nothing") == "nothing"
