"""The public register: founding, organisations, keys, listings, accreditations. Every refusal, one by one."""

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from ledger.domain.organisation import Organisation
from ledger.keys.signer import jwk_from_text, thumbprint
from tests.support.world import (
    ANA,
    PROVIDER,
    REGULATOR,
    World,
    a_founding,
    a_jwk,
    a_listing,
    a_study,
    codes,
    identity,
)

BOARD = "ISB:DEMO"
Said = tuple[str, dict[str, Any]]


@pytest.fixture
def world() -> World:
    """A provider accredited for 6022 version 1, and a board that sets standards."""
    made = a_study()
    made.organisation(None, "ssb_isb", body=BOARD)
    return made


def org(**changes: Any) -> Said:
    """Register an organisation."""
    said = {"number": 95030, "kind": "pte", "name": {"en": "Beacon (demo)"}, "valid_from": date(2020, 1, 1)}
    return "organisation.registered", {**said, **changes}


def role(**changes: Any) -> Said:
    """Grant a role."""
    said = {"organisation": PROVIDER, "role": "developer", "valid_from": date(2020, 1, 1)}
    return "organisation.role_granted", {**said, **changes}


def role_ended(**changes: Any) -> Said:
    """End a role."""
    said = {"organisation": PROVIDER, "role": "provider", "ended_on": date(2026, 6, 30)}
    return "organisation.role_ended", {**said, **changes}


def key(**changes: Any) -> Said:
    """Register a key."""
    said = {
        "organisation": PROVIDER,
        "jwk": a_jwk(9),
        "purposes": ["submission"],
        "custody": "own",
        "not_before": date(2026, 1, 1),
        "possession": "a.b.c",
    }
    return "key.registered", {**said, **changes}


def listing(**changes: Any) -> Said:
    """Register a listing."""
    return "microcredential.registered", a_listing(changes.pop("code", "6023"), **changes)


def status(**changes: Any) -> Said:
    """Set a status."""
    said = {
        "code": "6022",
        "version": 1,
        "status": "expiring",
        "from_": date(2026, 6, 1),
        "cause": "replaced",
    }
    return "microcredential.status_set", {**said, **changes}


def review(**changes: Any) -> Said:
    """Record a review."""
    said = {"code": "6022", "version": 1, "reviewed_on": date(2026, 2, 10), "outcome": "continue"}
    return "microcredential.reviewed", {**said, **changes}


def grant(**changes: Any) -> Said:
    """Accredit a provider for a version it is not accredited for yet."""
    said = {"provider": 95031, "code": "6022", "versions": [1], "valid_from": date(2026, 2, 1)}
    return "accreditation.granted", {**said, **changes}


def ended(**changes: Any) -> Said:
    """End an accreditation."""
    said = {"provider": PROVIDER, "code": "6022", "ended_on": date(2026, 6, 30), "reason": "surrendered"}
    return "accreditation.ended", {**said, **changes}


def support(**changes: Any) -> dict[str, Any]:
    """Return a standard-setting body's answer."""
    return {"outcome": "granted", "ssb": BOARD, "on": date(2023, 2, 1), **changes}


REFUSED: list[tuple[str, Said, list[str]]] = [
    ("kind", org(kind="club"), ["E911"]),
    ("nameless", org(number=None), ["E904"]),
    ("number-held", org(number=PROVIDER), ["E810"]),
    ("body-held", org(number=None, body=BOARD), ["E810"]),
    ("body-like-a-number", org(number=None, body="95055"), ["E810"]),
    ("role-unknown", role(role="awarding"), ["E911"]),
    ("role-of-nobody", role(organisation=95099), ["E809"]),
    ("role-held", role(role="provider"), ["E812"]),
    ("role-misfit", role(role="ssb"), ["E820"]),
    ("role-before-organisation", role(valid_from=date(2017, 12, 31)), ["E824"]),
    ("hosting-without-saying-so", role(organisation=BOARD, role="provider"), ["E820"]),
    (
        "hosting-too-early",
        role(organisation=BOARD, role="provider", transitional=True, valid_from=date(2025, 12, 31)),
        ["E820"],
    ),
    ("no-role-to-end", role_ended(role="developer"), ["E825"]),
    ("role-of-nobody-ended", role_ended(organisation=95099), ["E809"]),
    ("role-ended-before-it-began", role_ended(ended_on=date(2018, 8, 21)), ["E824"]),
    ("key-of-nobody", key(organisation=95099), ["E809"]),
    ("key-curve", key(jwk={"kty": "OKP", "crv": "X25519", "x": "A" * 43}), ["E817"]),
    ("key-purpose", key(purposes=["submission", "door"]), ["E911"]),
    ("key-purpose-twice", key(purposes=["keys", "keys"]), ["E911"]),
    ("key-custody", key(custody="shared"), ["E911"]),
    ("code-shape", listing(code="EQ-1"), ["E206"]),
    ("listed-already", listing(code="6022"), ["E812"]),
    ("version-gap", listing(version=2), ["E823"]),
    ("version-gap-later", listing(code="6022", version=3), ["E823"]),
    ("listed-in-future", listing(listed_on=date(2026, 11, 23)), ["E502"]),
    ("listed-before-rules", listing(listed_on=date(2018, 3, 1)), ["E819"]),
    ("title", listing(title="Master of Drones"), ["E803"]),
    ("credits", listing(credits=0), ["E801"]),
    ("level", listing(level=11), ["E802"]),
    ("hours", listing(hours=20), ["E821"]),
    ("outcomes", listing(outcomes=("LO1", "LO1")), ["E822"]),
    ("period", listing(review_months=13), ["E804"]),
    ("approach", listing(qa_approach="none"), ["E911"]),
    ("language", listing(languages=["en", "xx", "yy"]), ["E911"]),
    ("developer", listing(developer=95099), ["E809"]),
    ("support-missing", listing(developer=PROVIDER), ["E805"]),
    ("support-too-young", listing(developer=PROVIDER, ssb_support=support(on=date(2023, 3, 2))), ["E805"]),
    ("support-unknown", listing(developer=PROVIDER, ssb_support=support(outcome="maybe")), ["E805"]),
    ("support-of-nobody", listing(developer=PROVIDER, ssb_support=support(ssb="ISB:NONE")), ["E809"]),
    ("support-of-a-provider", listing(developer=PROVIDER, ssb_support=support(ssb=str(PROVIDER))), ["E805"]),
    ("status-of-nothing", status(code="6099"), ["E814"]),
    ("status-unknown", status(status="retired"), ["E911", "E813"]),
    ("status-cause", status(cause="whim"), ["E911"]),
    ("status-skipped", status(status="discontinued"), ["E813"]),
    ("status-before-listing", status(from_=date(2023, 2, 28)), ["E824"]),
    ("review-of-nothing", review(version=2), ["E814"]),
    ("review-outcome", review(outcome="perhaps"), ["E911"]),
    ("review-in-future", review(reviewed_on=date(2026, 11, 23)), ["E502"]),
    ("review-before-listing", review(reviewed_on=date(2023, 2, 28)), ["E824"]),
    ("review-due-at-once", review(next_due=date(2026, 2, 10)), ["E824"]),
    ("review-due-too-late", review(next_due=date(2029, 2, 11)), ["E804"]),
    ("grant-to-nobody", grant(provider=95099), ["E809"]),
    ("grant-to-no-provider", grant(provider=REGULATOR), ["E301"]),
    ("grant-of-nothing", grant(provider=PROVIDER, code="6099"), ["E814"]),
    ("grant-of-no-version", grant(provider=PROVIDER, versions=[2, 3]), ["E814", "E814"]),
    ("grant-before-listing", grant(provider=PROVIDER, valid_from=date(2023, 2, 28)), ["E306"]),
    ("grant-before-rules", grant(provider=PROVIDER, valid_from=date(2018, 3, 1)), ["E819", "E306"]),
    ("granted-already", grant(provider=PROVIDER), ["E812"]),
    ("end-of-nothing", ended(provider=REGULATOR), ["E825"]),
    ("ended-before-it-began", ended(ended_on=date(2023, 2, 28)), ["E824"]),
    ("founded-already", ("ledger.founded", a_founding()), ["E827"]),
]


@pytest.mark.parametrize(
    ("said", "found"), [pytest.param(said, found, id=name) for name, said, found in REFUSED]
)
def test_a_wrong_statement_says_what_is_wrong(world: World, said: Said, found: list[str]) -> None:
    """It is refused with its code, and the register stays as it was."""
    before = len(world.history)

    decision = world.say(said[0], **said[1])

    assert codes(decision) == found
    assert decision.refused
    assert len(world.history) == before


SAYS_THE_REGULATOR: list[Callable[[], Said]] = [
    org,
    role,
    role_ended,
    listing,
    status,
    review,
    lambda: grant(provider=PROVIDER, versions=[1]),
    ended,
    lambda: ("learner.registered", {"who": identity(ANA)}),
]


@pytest.mark.parametrize("said", SAYS_THE_REGULATOR, ids=lambda one: one()[0])
def test_only_the_regulator_speaks_for_the_register(world: World, said: Callable[[], Said]) -> None:
    """Anybody else is told who may."""
    statement, members = said()

    decision = world.say(statement, by=PROVIDER, **members)

    assert "E811" in codes(decision)


# ------------------------------------------------------------------ founding


def test_a_ledger_is_founded_by_the_registrar_it_names() -> None:
    """Somebody else cannot found it in the registrar's name."""
    world = World()

    assert codes(world.say("ledger.founded", by=PROVIDER, **a_founding())) == ["E811"]
    assert codes(world.say("ledger.founded", by=REGULATOR, **a_founding())) == []


@pytest.mark.parametrize("where", ["registrar", "checkpoint", "credential"])
def test_a_ledger_is_not_founded_on_a_broken_key(where: str) -> None:
    """A key that is none would be public for ever; the refusal says which."""
    members = a_founding()
    broken = {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}
    if where == "registrar":
        members["registrar"]["jwk"] = broken
    else:
        members["operator"][where] = broken

    (found,) = World().say("ledger.founded", **members).findings

    assert (found.code, found.column) == ("E817", where)


def test_before_the_founding_nobody_speaks() -> None:
    """Without a founding there is no regulator."""
    assert codes(World().say(org()[0], **org()[1])) == ["E811"]


# ------------------------------------------------------------------ organisations


def test_an_organisation_takes_its_names(world: World) -> None:
    """Number and body code are both held once."""
    decision = world.must("organisation.registered", **org(body="ISB:OTHER")[1])

    assert [(claim.kind, claim.key) for claim in decision.takes] == [
        ("number", b"95030"),
        ("number", b"ISB:OTHER"),
    ]
    found = world.register.organisation("ISB:OTHER")
    assert isinstance(found, Organisation)
    assert found is world.register.organisation(95030)


def test_a_role_can_come_back(world: World) -> None:
    """Ended and granted again, with the gap between."""
    world.must("organisation.role_ended", **role_ended()[1])
    world.must("organisation.role_granted", **role(role="provider", valid_from=date(2026, 9, 1))[1])

    provider = world.register.organisation(PROVIDER)
    assert provider is not None
    held = [
        bool(provider.role_on("provider", day))
        for day in (date(2026, 6, 30), date(2026, 7, 1), date(2026, 9, 1))
    ]
    assert held == [True, False, True]


def test_ending_a_role_ends_that_one_only(world: World) -> None:
    """Other roles stay open, and an earlier period keeps the end it had."""
    world.must("organisation.role_granted", **role(role="developer")[1])
    world.must("organisation.role_ended", **role_ended()[1])
    world.must("organisation.role_granted", **role(role="provider", valid_from=date(2026, 9, 1))[1])
    world.must("organisation.role_ended", **role_ended(ended_on=date(2026, 10, 1))[1])

    provider = world.register.organisation(PROVIDER)
    assert provider is not None
    assert [(held.role, held.ended_on) for held in provider.roles] == [
        ("provider", date(2026, 6, 30)),
        ("developer", None),
        ("provider", date(2026, 10, 1)),
    ]


# ------------------------------------------------------------------ keys


def test_keys_are_registered_by_their_organisation_or_the_registrar(world: World) -> None:
    """A third organisation is refused."""
    world.organisation(95040)

    assert codes(world.say("key.registered", by=95040, **key()[1])) == ["E811"]
    assert codes(world.say("key.registered", by=PROVIDER, **key()[1])) == []
    assert codes(world.say("key.registered", by=REGULATOR, **key(jwk=a_jwk(10))[1])) == []
    assert codes(world.say("key.registered", by=PROVIDER, **key()[1])) == ["E817"]


def _kid(world: World) -> str:
    world.must("key.registered", **key()[1])
    return next(iter(world.register.keys))


@pytest.mark.parametrize(
    ("statement", "members"),
    [
        ("key.retired", {"from_": date(2026, 11, 1)}),
        ("key.revoked", {"reason": "lost"}),
    ],
)
def test_a_key_ends_once(world: World, statement: str, members: dict[str, Any]) -> None:
    """Retired or revoked by its own; not by others, not twice, not under another organisation's name."""
    kid = _kid(world)
    world.organisation(95040)
    said = {"organisation": PROVIDER, "kid": kid, **members}

    assert codes(world.say(statement, by=95040, **said)) == ["E811"]
    assert codes(world.say(statement, by=95040, **{**said, "organisation": 95040})) == ["E826"]
    assert codes(world.say(statement, by=PROVIDER, **{**said, "organisation": 95099})) == ["E809"]
    assert codes(world.say(statement, by=PROVIDER, **{**said, "kid": "unknown"})) == ["E826"]
    assert codes(world.say(statement, by=PROVIDER, **said)) == []
    assert codes(world.say(statement, by=PROVIDER, **said)) == ["E826"]
    assert world.register.keys[kid].ended


def test_suspicion_comes_to_light_later_and_earlier(world: World) -> None:
    """A retired key is revoked, a revoked one once more, for an earlier suspicion; its end stays."""
    kid = _kid(world)
    at = len(world.history)
    world.organisation(95051)
    said = {"by": PROVIDER, "organisation": PROVIDER, "kid": kid}
    world.must("key.retired", **said, from_=date(2026, 11, 1))
    ended_at = len(world.history)
    world.must("key.revoked", **said, reason="lost")

    for suspected_from in (ended_at, ended_at - 1):
        world.must("key.revoked", **said, reason="stolen", suspected_from=suspected_from)
    for later in (ended_at - 1, ended_at):
        again = world.say("key.revoked", **said, reason="stolen", suspected_from=later)
        assert codes(again) == ["E826"]
    assert codes(world.say("key.revoked", **said, reason="stolen")) == ["E826"]

    assert world.register.key_positions[kid].ended_at == ended_at
    assert world.register.keys[kid].suspected_from == at + 1


def test_a_key_is_suspect_from_a_position_that_it_was_registered_before(world: World) -> None:
    """Not from its own record or earlier, not from after its end, and not from one that is still to come."""
    kid = _kid(world)
    at = len(world.history)
    said = {"by": PROVIDER, "organisation": PROVIDER, "kid": kid}

    for wrong in (at, at + 2):
        assert codes(world.say("key.revoked", **said, reason="stolen", suspected_from=wrong)) == ["E828"]
    world.must("key.retired", **said, from_=date(2026, 11, 1))
    world.organisation(95051)
    assert codes(world.say("key.revoked", **said, reason="stolen", suspected_from=at + 2)) == ["E828"]
    assert codes(world.say("key.revoked", **said, reason="stolen", suspected_from=at + 1)) == []


def test_why_a_key_was_revoked_is_one_of_a_few_words(world: World) -> None:
    """A sentence would stand in the public log for ever, whoever it is about."""
    kid = _kid(world)
    said = {"by": PROVIDER, "organisation": PROVIDER, "kid": kid}

    assert codes(world.say("key.revoked", **said, reason="taken by somebody")) == ["E911"]


def test_the_registrar_keeps_a_key(world: World) -> None:
    """Its last one is neither retired nor revoked: nobody could register another."""
    founding = world.register.founding
    assert founding is not None
    kid = thumbprint(jwk_from_text(founding.registrar_jwk))
    said = {"organisation": REGULATOR, "kid": kid}

    assert codes(world.say("key.retired", **said, from_=date(2026, 11, 1))) == ["E829"]
    assert codes(world.say("key.revoked", **said, reason="lost")) == ["E829"]
    for number, purposes in ((10, ["submission"]), (11, ["keys"])):
        members = {**key(jwk=a_jwk(number), purposes=purposes)[1], "organisation": REGULATOR}
        world.must("key.registered", by=REGULATOR, **members)
        left = [] if number == 11 else ["E829"]
        assert codes(world.say("key.retired", **said, from_=date(2026, 11, 1))) == left


@pytest.mark.parametrize("statement", ["key.reaffirmed", "key.annulled"])
def test_what_a_suspected_key_signed_is_settled_by_the_registrar(world: World, statement: str) -> None:
    """Not by its organisation, another of whose keys may be stolen; and only where the key is suspect."""
    kid, at = _kid(world), len(world.history)
    for number in (95051, 95052, 95053):
        world.organisation(number)
    said = {"organisation": PROVIDER, "kid": kid}
    assert codes(world.say(statement, **said, first=at + 1, last=at + 2)) == ["E828"]
    world.must("key.revoked", by=PROVIDER, **said, reason="stolen", suspected_from=at + 2)
    ended = len(world.history)

    for by in (95051, PROVIDER):
        assert "E811" in codes(world.say(statement, by=by, **said, first=at + 2, last=at + 2))
    for first, last in ((at + 1, at + 2), (at + 3, at + 2), (at + 2, ended + 1)):
        assert codes(world.say(statement, **said, first=first, last=last)) == ["E828"]
    assert codes(world.say(statement, **said, first=at + 2, last=at + 2)) == []
    unknown = {"organisation": PROVIDER, "kid": "unknown", "first": at + 2, "last": at + 2}
    assert codes(world.say(statement, **unknown)) == ["E826"]


def test_the_registrar_mends_what_it_settled(world: World) -> None:
    """The newest word counts, position by position; what is not named stays as it was."""
    kid, at = _kid(world), len(world.history)
    for number in (95051, 95052, 95053, 95054):
        world.organisation(number)
    said = {"organisation": PROVIDER, "kid": kid}
    world.must("key.revoked", by=PROVIDER, **said, reason="stolen", suspected_from=at + 1)

    world.must("key.annulled", **said, first=at + 1, last=at + 4)
    world.must("key.reaffirmed", **said, first=at + 2, last=at + 3)
    world.must("key.annulled", **said, first=at + 3, last=at + 3)

    held = world.register.keys[kid]
    assert held.annulled == ((at + 1, at + 1), (at + 3, at + 3), (at + 4, at + 4))
    assert held.reaffirmed == ((at + 2, at + 2),)


# ------------------------------------------------------------------ listings


def test_a_listing_is_kept_whole(world: World) -> None:
    """Outcomes with their standards, the answer of the board, the developer by its label."""
    given = a_listing("6023", developer=str(PROVIDER), ssb_support=support(), pathways="Further study.")
    given["outcomes"][1].pop("standards")

    world.must("microcredential.registered", **given)

    held = world.register.microcredentials["6023", 1]
    assert held.outcomes == (("LO1", "Can do LO1.", ((90001, 1),)), ("LO2", "Can do LO2.", ()))
    assert list(held.outcome_ids) == ["LO1", "LO2"]
    assert held.support == ("granted", BOARD, "2023-02-01")
    assert held.developer == "95001"
    assert (held.review_due, held.pathways) == (date(2024, 3, 1), "Further study.")


def test_statuses_go_one_way(world: World) -> None:
    """Expiring once, then discontinued no earlier, then nothing more."""
    assert codes(world.say(status()[0], **status()[1])) == []
    assert codes(world.say(status()[0], **status()[1])) == ["E813"]
    gone = status(status="discontinued", from_=date(2026, 5, 31), cause="expiry_ended")
    assert codes(world.say(gone[0], **gone[1])) == ["E824"]
    gone = status(status="discontinued", from_=date(2026, 9, 30), cause="expiry_ended")
    assert codes(world.say(gone[0], **gone[1])) == []
    assert codes(world.say(gone[0], **gone[1])) == ["E813"]


@pytest.mark.parametrize(
    ("changes", "due"),
    [
        ({}, date(2027, 2, 10)),
        ({"outcome": "change"}, date(2027, 2, 10)),
        ({"outcome": "retire"}, None),
        ({"next_due": date(2029, 2, 10)}, date(2029, 2, 10)),
        # Due on 1 March 2024 and reviewed early: the period counts from the day it was due.
        ({"reviewed_on": date(2023, 12, 1), "next_due": date(2027, 3, 1)}, date(2027, 3, 1)),
    ],
)
def test_a_review_moves_the_due_date(world: World, changes: dict[str, Any], due: date | None) -> None:
    """By the listing's own period unless a date is given; none when it is to go."""
    world.must("microcredential.reviewed", **review(**changes)[1])

    assert world.register.microcredentials["6022", 1].review_due == due


# ------------------------------------------------------------------ accreditations


def test_more_versions_follow_on_one_stream(world: World) -> None:
    """A new version is granted beside the old one, and both end together."""
    world.listing("6022", version=2, listed_on=date(2026, 1, 1))
    world.accredited(PROVIDER, "6022", since=date(2026, 2, 1), versions=(2,))
    held = world.register.accreditations[PROVIDER, "6022"]
    assert held.open_versions() == {1, 2}

    world.accreditation_ended(PROVIDER, "6022", date(2026, 6, 30))

    held = world.register.accreditations[PROVIDER, "6022"]
    assert held.open_versions() == frozenset()
    assert held.covers(2, date(2026, 6, 30))
    assert codes(world.say(ended()[0], **ended()[1])) == ["E825"]


def test_a_retired_provider_is_accredited_no_more(world: World) -> None:
    """R16 on the day the accreditation would begin."""
    world.must("organisation.role_ended", **role_ended()[1])
    world.accreditation_ended(PROVIDER, "6022", date(2026, 6, 30))

    said = grant(provider=PROVIDER, valid_from=date(2026, 7, 1))

    assert codes(world.say(said[0], **said[1])) == ["E301"]
