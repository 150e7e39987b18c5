"""What a learner's record shows, and what it leaves out."""

import base64
import json
from datetime import date
from pathlib import Path

import pytest

from ledger.clock import microseconds
from ledger.errors import Absent
from projections.catalogue import Views
from projections.record_of_achievement import RecordOfAchievement, TreeState
from projections.record_of_achievement.record import masked, record_of
from tests.projections.histories import ManyAwards, Stand, a_class, a_stand
from tests.support.world import ANA, BEN, MIDDAY, PROVIDER, World, a_result, a_study

GOLDEN = Path(__file__).parent / "golden" / "record-of-achievement.json"
TREE = TreeState(size=100, root=bytes(range(32)), host="ledger.example")


def record(views: Views, human=ANA) -> RecordOfAchievement:
    """Return a learner's record as on the day of the world, under a checkpoint that is always the same."""
    held = views.record_of_achievement.held(human.learner_id)
    return record_of(held, views.public_register, views.unsealer, TREE, microseconds(MIDDAY))


def opened(world: World, folder: Path) -> tuple[Views, Stand]:
    """Return the views of a world."""
    stand = a_stand(folder, ManyAwards(**vars(world)))
    return Views(stand), stand


def a_life() -> World:
    """Return a world in which Ana has an award, one that was revoked, and something in progress."""
    world = ManyAwards(**vars(a_study()))
    world.listing("6033", title="Pāua Farming (Micro-credential)", level=3, credits=5, nzsced="050799")
    world.listing(
        "6044",
        title="Whāriki (Micro-credential)",
        outcomes=("LO1", "LO2", "LO3"),
        level=3,
        credits=10,
        pathways="Leads to a certificate in weaving.",
        qa_approach="thotk",
        languages=["mi", "en"],
    )
    for code in ("6033", "6044"):
        world.accredited(PROVIDER, code)
        world.enrolled(ANA, code, start_on=date(2026, 2, int(code[-1]) + 1))
    for outcome, grade in (("LO1", "M"), ("LO2", "N"), ("LO2", "A")):
        world.say(
            "assessment.not_achieved" if grade == "N" else "assessment.passed",
            **a_result(ANA, outcome, grade=grade, assessed_on=date(2026, 3, 2)),
        )
    world.awarded(ANA)
    for outcome in ("LO1", "LO2"):
        method = "rpl" if outcome == "LO1" else "assessed"
        world.must("assessment.passed", **a_result(ANA, outcome, "6033", method=method))
    revoked = {"reason": "issued_in_error", "effective_on": date(2026, 10, 7)}
    world.must("award.revoked", by=PROVIDER, award=world.awarded(ANA, "6033"), **revoked)
    world.must("assessment.not_achieved", **a_result(ANA, "LO1", "6044", grade="N"))
    world.must("assessment.passed", **a_result(ANA, "LO1", "6044", grade="E", language="mi"))
    world.must("assessment.not_achieved", **a_result(ANA, "LO2", "6044", grade="N"))
    world.status("6022", "expiring", date(2026, 10, 2))
    world.status("6022", "discontinued", date(2026, 11, 1))
    return world


def test_a_record_is_the_golden_one(tmp_path):
    """One learner's whole record, byte for byte of its JSON: what other programs read must not change.

    After a change that is meant: `python -m tests.projections.test_record_of_achievement` writes it anew.
    """
    views, _ = opened(a_life(), tmp_path)

    assert record(views).as_json() == json.loads(GOLDEN.read_text(encoding="utf-8"))


def test_awards_in_force_come_first_and_newest_first(tmp_path):
    """A revoked award stands last, however new; among those in force the newest is on top."""
    views, _ = opened(a_life(), tmp_path)

    shown = record(views)

    assert [(one.held.code, one.held.state) for one in shown.awards] == [
        ("6022", "in_force"),
        ("6033", "revoked"),
    ]
    assert shown.awards[1].as_json()["public_reason"] == "issued_in_error"
    assert shown.awards[1].as_json()["state_since"] == "2026-10-07"


def test_a_revoked_award_does_not_count(tmp_path):
    """Credits, number of awards, first and last day are those of the awards in force."""
    views, _ = opened(a_life(), tmp_path)

    summary = record(views).summary.as_json()

    assert summary == {
        "credits_by_level": [{"level": 4, "micro_credentials": 20, "unduplicated_total": 20}],
        "micro_credentials_in_force": 1,
        "first_awarded": "2026-09-30",
        "last_awarded": "2026-09-30",
    }


def test_the_best_result_counts_and_every_attempt_is_told(tmp_path):
    """Not achieved, then Excellence: the outcome shows Excellence, and the learner sees both attempts."""
    views, _ = opened(a_life(), tmp_path)

    (enrolment,) = record(views).in_progress

    first, second, third = enrolment.outcomes
    assert (first.grade, [one.grade for one in first.attempts]) == ("E", ["N", "E"])
    assert (second.grade, [one.attempt for one in second.attempts]) == (None, [1])
    assert (third.grade, third.attempts) == (None, ())
    assert enrolment.achieved == 1


def test_an_enrolment_that_led_to_an_award_is_not_in_progress(tmp_path):
    """Its attempts stand with the award, whether that is in force or not."""
    views, _ = opened(a_life(), tmp_path)

    shown = record(views)

    assert [one.held.code for one in shown.in_progress] == ["6044"]
    assert [len(one.attempts) for one in shown.awards[0].outcomes] == [1, 2]
    assert [one.method_summary for one in shown.awards] == ["assessed", "mixed"]


def test_a_discontinued_listing_does_not_lessen_an_award(tmp_path):
    """The status of the listing is told as it is and as it was at completion; a note says what that means."""
    views, _ = opened(a_life(), tmp_path)

    shown = record(views)

    assert (shown.awards[0].status_now, shown.awards[0].status_at_completion) == ("discontinued", "current")
    assert any("no longer offered" in note and "remains valid" in note for note in shown.notes)
    assert any("revoked" in note for note in shown.notes)


def test_the_version_is_the_newest_position_about_this_learner(tmp_path):
    """What happens to others leaves the version as it is; a new result moves it to its own position."""
    stand = a_stand(tmp_path, a_study())
    views = Views(stand)
    first = record(views).version

    stand.world.enrolled(BEN)
    stand.record()
    views.catch_up()
    assert record(views).version == first

    stand.world.passed(ANA, "LO1")
    position = stand.record()
    views.catch_up()
    assert record(views).version == position


def test_the_root_is_written_as_in_the_checkpoint(tmp_path):
    """Who compares record and checkpoint compares two equal texts."""
    views, _ = opened(a_study(), tmp_path)

    shown = record(views).as_json()

    assert base64.b64decode(shown["root"]) == TREE.root
    assert shown["tree_size"] == TREE.size


def test_a_forgotten_learner_has_no_name(tmp_path):
    """Once the key is gone, what is open is still there, and nobody can say whose it is."""
    views, stand = opened(a_life(), tmp_path)

    stand.vault.forget(ANA.learner_id)

    shown = record(views).as_json()
    assert shown["learner"] == {"display_name": None, "legal_name": None, "nsn_masked": None}
    assert shown["summary"]["micro_credentials_in_force"] == 1


def test_only_the_end_of_an_nsn_is_shown():
    """Three digits are enough for the learner to see that it is theirs."""
    assert masked("0123456785") == "•••••• 785"


def test_a_record_made_through_the_catalogue_names_the_learner(tmp_path):
    """`Views.record` brings register, keys and checkpoint along; an unknown learner is absent."""
    views, _ = opened(a_life(), tmp_path)

    shown = views.record(ANA.learner_id)

    assert shown.learner.legal_name == "Ana Brook"
    assert shown.awards[0].status_list == "https://ledger.example/status/95001/1"
    with pytest.raises(Absent):
        views.record(BEN.learner_id)


def test_awards_are_found_for_exports(tmp_path):
    """By its own id, or by that of the verifiable credential about it; unknown ones are None."""
    views, _ = opened(a_life(), tmp_path)
    view = views.record_of_achievement
    held = view.held(ANA.learner_id)

    for award in held.awards:
        assert view.award(award.award_id) == view.award_of_credential(award.credential_id) == award
    assert view.award(ANA.learner_id) is None
    assert view.award_of_credential(ANA.learner_id) is None
    assert held.enrolment(held.awards[0].enrolment_id).code == "6022"
    assert held.enrolment(ANA.learner_id) is None


def test_what_is_counted(tmp_path):
    """Awards in force, learners, and the learner with the most awards."""
    views, _ = opened(a_life(), tmp_path)
    view = views.record_of_achievement

    assert (view.awards_in_force(), view.learners()) == (1, 1)
    assert view.learner_with_most_awards() == (ANA.learner_id, view.held(ANA.learner_id).awards[0].award_id)


def test_examples_show_different_records(tmp_path):
    """A demonstration gets learners to whom different things have happened, each once."""
    world = a_class(7)
    world.enrolled(BEN)
    world.must("assessment.not_achieved", **a_result(BEN, "LO1", grade="N"))
    views, _ = opened(world, tmp_path)

    told = views.record_of_achievement.examples(4)

    assert len({learner for learner, _ in told}) == 4
    stories = {story: learner for learner, story in told}
    assert stories["an outcome to try again"] == BEN.learner_id
    assert "an award that was revoked" in stories
    assert "one award" in stories
    assert views.record_of_achievement.examples(0) == []


if __name__ == "__main__":
    from tempfile import TemporaryDirectory

    with TemporaryDirectory() as place:
        content = record(opened(a_life(), Path(place))[0]).as_json()
    GOLDEN.write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
