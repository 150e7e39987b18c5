"""The public register: replayed from events, forked for nothing, never changed behind a reader's back."""

from datetime import date
from typing import Any

import pytest

from ledger.domain.base import PUBLIC
from ledger.domain.organisation import OrganisationRoleGranted
from ledger.domain.register import KeyPositions, Register
from ledger.ids import public_id
from ledger.keys.signer import thumbprint
from tests.support.world import (
    ANA,
    MIDDAY,
    ORIGIN,
    PROVIDER,
    REGULATOR,
    TODAY,
    World,
    a_jwk,
    a_study,
    a_world,
    an_award,
    codes,
)


def a_full_world() -> World:
    """Return a world in which every public topic has happened."""
    world = a_study()
    world.must(
        "key.registered",
        organisation=PROVIDER,
        jwk=a_jwk(7),
        purposes=["submission", "keys"],
        custody="own",
        not_before=date(2026, 1, 1),
        possession="a.b.c",
    )
    (kid,) = world.register.keys
    world.must("key.retired", organisation=PROVIDER, kid=kid, from_=date(2026, 10, 1))
    world.must("organisation.role_ended", organisation=PROVIDER, role="provider", ended_on=date(2026, 10, 1))
    world.must(
        "microcredential.reviewed", code="6022", version=1, reviewed_on=date(2026, 2, 1), outcome="continue"
    )
    world.status("6022", "expiring", date(2026, 6, 1))
    world.accreditation_ended(PROVIDER, "6022", date(2026, 9, 30))
    return world


def replayed(world: World) -> Register:
    """Return a register built from the world's public events alone."""
    register = Register()
    for position, event in enumerate(world.history, 1):
        if event.PRIVACY == PUBLIC:
            register.apply(event, position)
    return register


def test_the_same_events_make_the_same_register() -> None:
    """Whoever has the log has the register."""
    world = a_full_world()

    register = replayed(world)

    assert register.organisations == world.register.organisations
    assert register.microcredentials == world.register.microcredentials
    assert register.accreditations == world.register.accreditations
    assert register.keys == world.register.keys
    assert register.founding == world.register.founding
    assert register.position == world.register.position


def test_organisations_are_found_by_all_their_names() -> None:
    """By number as int or text, by body code, by stream id; an unknown one is nobody."""
    world = a_world()
    world.organisation(None, "ssb_isb", body="ISB:X")
    board = world.register.organisation("ISB:X")

    assert board is not None
    assert board.label == "ISB:X"
    assert world.register.organisation(board.id) is board
    regulator = world.register.organisation(REGULATOR)
    assert regulator is world.register.organisation(str(REGULATOR))
    assert regulator is not None
    assert world.register.is_regulator(regulator)
    assert not world.register.is_regulator(board)
    assert world.register.organisation(95099) is None


def test_a_fork_changes_alone() -> None:
    """What is edited in a fork is seen there and nowhere else, in both directions."""
    world = a_full_world()
    register = world.register
    before = register.organisation(PROVIDER)
    fork = register.fork()
    assert before is not None

    edited = fork.edit_organisation(before.id)
    edited.record(
        OrganisationRoleGranted,
        world.request("ledger.founded", PROVIDER, {}, {}).act,
        role="developer",
        valid_from=date(2026, 1, 1),
        basis=None,
        transitional=False,
    )

    assert fork.organisation(PROVIDER) is edited
    assert len(edited.roles) == 2
    assert register.organisation(PROVIDER) is before
    assert len(before.roles) == 1
    assert before.pending_events == []


def test_a_register_that_was_forked_can_go_on() -> None:
    """The original takes in new events without its forks noticing."""
    world = a_world()
    fork = world.register.fork()

    world.provider(PROVIDER)

    assert world.register.organisation(PROVIDER) is not None
    assert fork.organisation(PROVIDER) is None
    assert fork.position < world.register.position


def test_editing_twice_is_one_copy() -> None:
    """Two rows of one submission that change the same thing change one copy, and both events stay."""
    world = a_study()
    fork = world.register.fork()

    first = fork.edit_microcredential("6022", 1)
    second = fork.edit_microcredential("6022", 1)

    assert first is second
    assert first is not world.register.microcredentials["6022", 1]
    assert fork.edit_accreditation(PROVIDER, "6022") is fork.accreditations[PROVIDER, "6022"]


def test_keys_know_their_positions() -> None:
    """Keys count by where they were registered and retired in the ledger."""
    world = a_full_world()
    (kid,) = world.register.keys
    topics = [event.TOPIC for event in world.history]

    assert world.register.key_positions[kid] == KeyPositions(
        topics.index("key.registered") + 1, topics.index("key.retired") + 1, None
    )


def test_listings_know_their_versions() -> None:
    """A code has its versions in ascending order."""
    world = a_study()
    world.listing("6022", version=2, listed_on=date(2026, 3, 1))

    assert world.register.versions == {"6022": (1, 2)}
    assert world.register.microcredentials["6022", 2].id in world.register


def test_the_register_takes_public_events_in_order_only() -> None:
    """A private event, or one that is not newer, is our own mistake and stops the work."""
    world = a_study()
    private = next(event for event in world.history if event.PRIVACY != PUBLIC)

    with pytest.raises(AssertionError):
        world.register.apply(private, 999)
    with pytest.raises(AssertionError):
        Register().apply(world.history[0], 0)


def test_the_founding_says_who_keeps_the_register() -> None:
    """Origin, registrar and the operator's keys are those of the first record."""
    founding = a_world().register.founding

    assert founding is not None
    assert (founding.origin, founding.registrar_number) == (ORIGIN, REGULATOR)
    assert [purpose for purpose, _ in founding.operator_keys] == ["checkpoint", "receipt", "credential"]


def test_awards_show_their_claims_in_order() -> None:
    """The claims that a credential may show are the frozen ones, as text."""
    world = a_study()
    world.passed(ANA, "LO1", "LO2")

    world.must("microcredential.awarded", **an_award(ANA))

    assert world.history[-1].timestamp >= MIDDAY
    assert world.history[-1].shown() == (
        ("micro_credential", "6022"),
        ("version", "1"),
        ("level", "4"),
        ("credits", "20"),
        ("completed_on", "2026-09-30"),
        ("conferred_on", "2026-09-30"),
        ("awarded_by", "95001"),
        ("language", "en"),
        ("name", "a name"),
    )
    assert all(event.shown() == () for event in world.history[:-1])


# ------------------------------------------------------------------ keys of the founding


def a_world_with_two_registrar_keys() -> World:
    """Return a founded world whose registrar has a second key: the founding's own may end."""
    world = a_world()
    world.must(
        "key.registered",
        organisation=REGULATOR,
        jwk=a_jwk(8),
        purposes=["keys", "submission"],
        custody="own",
        not_before=TODAY,
        possession="a.b.c",
    )
    return world


def test_keys_of_the_founding_are_found_before_anything_happens_to_them() -> None:
    """They are in no `key.registered`: registered at position 1, for what the founding says, by their JWK."""
    register = a_world().register
    registrar, receipt = (register.key(thumbprint(a_jwk(number))) for number in (0, 2))

    assert registrar is not None
    assert receipt is not None
    assert registrar.organisation == public_id("organisation", REGULATOR)
    assert registrar.purposes == {"keys", "submission"}
    assert receipt.purposes == {"receipt"}
    assert not registrar.ended
    assert register.positions_of(registrar.kid) == KeyPositions(1)
    assert registrar.kid not in register.keys  # nothing was recorded about it
    assert register.key("x" * 43) is None
    assert register.positions_of("x" * 43) is None


@pytest.mark.parametrize("ending", ["key.retired", "key.revoked"])
def test_a_key_of_the_founding_can_end(ending: str) -> None:
    """Its stream begins with its end; its sisters are untouched, and so are older registers."""
    world = a_world_with_two_registrar_keys()
    before, kid = world.register.fork(), thumbprint(a_jwk(0))
    members: dict[str, Any] = (
        {"from_": TODAY} if ending == "key.retired" else {"reason": "stolen", "suspected_from": 2}
    )

    (changed,) = world.must(ending, organisation=REGULATOR, kid=kid, **members).changed
    at, ended = world.register.positions_of(kid), world.register.key(kid)

    assert changed.version == 1
    assert ended is not None
    assert ended.ended
    assert at == KeyPositions(1, **{ending.replace("key.", "") + "_at": len(world.history)})
    assert at.ended_at == len(world.history)
    untouched = before.key(kid)
    assert untouched is not None
    assert not untouched.ended
    assert before.positions_of(kid) == KeyPositions(1)
    other = world.register.key(thumbprint(a_jwk(2)))
    assert other is not None
    assert not other.ended


@pytest.mark.parametrize(("first", "last", "codes_found"), [(2, 4, []), (1, 4, ["E828"]), (3, 9, ["E828"])])
def test_what_a_key_of_the_founding_signed_is_settled(first: int, last: int, codes_found: list[str]) -> None:
    """From the suspected position to its end, and never the founding itself."""
    world = a_world_with_two_registrar_keys()
    kid = thumbprint(a_jwk(0))
    world.must("key.revoked", organisation=REGULATOR, kid=kid, reason="stolen", suspected_from=2)

    decision = world.say("key.reaffirmed", organisation=REGULATOR, kid=kid, first=first, last=last)

    assert codes(decision) == codes_found
    key = world.register.key(kid)
    assert key is not None
    assert key.reaffirmed == (() if codes_found else ((2, 4),))


def test_the_founding_itself_is_never_suspect() -> None:
    """Position 1 is what everything rests on: suspected from 2 at the earliest."""
    world = a_world_with_two_registrar_keys()
    said: dict[str, Any] = {"organisation": REGULATOR, "kid": thumbprint(a_jwk(0)), "reason": "stolen"}

    assert codes(world.say("key.revoked", **said, suspected_from=1)) == ["E828"]
    assert codes(world.say("key.revoked", **said, suspected_from=2)) == []
