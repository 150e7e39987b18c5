"""Every view beside its slow, plain twin: the aggregates that the same history makes."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.authority import keyring_of
from ledger.domain.award import REVOKED
from ledger.domain.base import PUBLIC
from ledger.domain.microcredential import Microcredential
from ledger.domain.register import Register
from projections.catalogue import Views
from tests.projections.histories import OUTCOMES, Stand, a_random_world, a_stand

SEEDS = st.integers(min_value=0, max_value=2**32)
DAYS = [date(2025, 12, 31) + timedelta(days=20 * step) for step in range(20)]


@contextmanager
def folded(seed: int) -> Iterator[tuple[Views, Stand, Register]]:
    """Give the views of a world, and the register that its events make, with their positions."""
    with TemporaryDirectory() as folder:
        stand = a_stand(Path(folder), a_random_world(seed))
        register = Register()
        for position, event in enumerate(stand.world.history, 1):
            if event.PRIVACY == PUBLIC:
                register.apply(event, position)
        views = Views(stand, batch=13)
        yield views, stand, register
        views.close()


@settings(max_examples=15)
@given(seed=SEEDS)
def test_what_learners_hold_is_what_their_aggregates_say(seed):
    """Awards, results, best results and states are those of the enrolments and awards themselves."""
    with folded(seed) as (views, stand, _):
        world = stand.world
        for human in world.humans.values():
            held = views.record_of_achievement.held(human.learner_id)
            enrolments = {one.id: one for one in world.enrolments.values() if one.learner == human.learner_id}
            awards = {one.id: one for held_by in world.awards.values() for one in held_by}
            awards = {name: one for name, one in awards.items() if one.learner == human.learner_id}
            assert {one.enrolment_id for one in held.enrolments} == enrolments.keys()
            assert {one.award_id for one in held.awards} == awards.keys()
            for shown in held.enrolments:
                enrolment = enrolments[shown.enrolment_id]
                for outcome in OUTCOMES:
                    made = [
                        (one.attempt, one.grade, one.method, one.assessed_on)
                        for one in shown.attempts_at(outcome)
                    ]
                    assert made == [tuple(one) for one in enrolment.attempts.get(outcome, ())]
                    best, plain = shown.best(outcome), enrolment.best(outcome)
                    assert (best is None) == (plain is None)
                    assert best is None or (best.grade, best.attempt) == (plain.grade, plain.attempt)
            for shown in held.awards:
                award = awards[shown.award_id]
                assert shown.state == award.state
                assert shown.results == award.results
                assert shown.state_since == (award.revoked_from or award.conferred_on)
                assert views.record_of_achievement.award_of_credential(award.credential_id) == shown
            in_force = sum(award.state != REVOKED for award in awards.values())
            assert [one.state for one in held.awards[:in_force]] == ["in_force"] * in_force


@settings(max_examples=15)
@given(seed=SEEDS)
def test_the_register_says_what_the_aggregates_say(seed):
    """Listings, their status on any day, and who may deliver them are those of the register itself."""
    with folded(seed) as (views, _, register):
        view = views.public_register
        for (code, version), plain in register.microcredentials.items():
            listing = view.listing(code, version)
            for name in Microcredential.__annotations__.keys() - {"mc_version", "outcome_ids"}:
                assert getattr(listing, name) == getattr(plain, name), name
            assert listing.versions == register.versions[code]
            for day in DAYS:
                assert listing.status_on(day) == plain.status_on(day)
                delivering = {
                    provider
                    for (provider, granted_code), accreditation in register.accreditations.items()
                    if granted_code == code and accreditation.covers(version, day)
                }
                assert {one.provider for one in listing.providers_on(day)} == delivering
        assert view.listing("6022") == view.listing("6022", max(register.versions["6022"]))
        assert view.listing("9999") is None
        assert view.regulator_name() == register.organisation(95000).name_en


@settings(max_examples=15)
@given(seed=SEEDS)
def test_the_directory_says_what_the_aggregates_say(seed):
    """Roles, keys by position and accreditations are those of the register, founding keys among them."""
    with folded(seed) as (views, _, register):
        directory = views.directory
        for organisation in directory.organisations():
            plain = register.organisation(organisation.stream)
            assert organisation.label == plain.label
            assert directory.organisation(plain.label) == organisation
            assert directory.organisation(organisation.stream) == organisation
            assert [(one.role, one.valid_from, one.ended_on) for one in organisation.roles] == [
                (one.role, one.valid_from, one.ended_on) for one in plain.roles
            ]
            grants = [
                (code, grant.versions, grant.valid_from, grant.ended_on)
                for (provider, code), accreditation in register.accreditations.items()
                if provider == organisation.number
                for grant in accreditation.grants
            ]
            assert sorted(
                (one.code, one.versions, one.valid_from, one.ended_on) for one in organisation.accreditations
            ) == sorted(grants)
        for plain in keyring_of(register):
            key = directory.key(plain.kid)
            assert (key.organisation, key.registered_at, key.ended_at, frozenset(key.purposes)) == (
                plain.organisation,
                plain.registered_at,
                plain.ended_at,
                plain.purposes,
            )
        assert {key.purposes[0] for key in directory.operator_keys()} == {
            "checkpoint",
            "receipt",
            "credential",
        }


@settings(max_examples=15)
@given(seed=SEEDS)
def test_status_lists_say_what_the_awards_say(seed):
    """The bits that are set are those of revoked awards, and no others."""
    with folded(seed) as (views, stand, _):
        awards = [one for held in stand.world.awards.values() for one in held]
        lists = {(one.awarded_by, one.status_list) for one in awards}
        assert set(views.status.lists()) == lists
        for issuer, number in lists:
            revoked = {
                one.status_index
                for one in awards
                if (one.awarded_by, one.status_list, one.state) == (issuer, number, REVOKED)
            }
            assert set(views.status.revoked(issuer, number)) == revoked
