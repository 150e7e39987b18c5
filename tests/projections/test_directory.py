"""Who is who, by position: what a trust file says about keys can be read off the directory."""

from datetime import date

from ledger.authority import keyring_of
from ledger.encoding.multi import public_key_of
from ledger.keys.signer import jwk_of, thumbprint
from projections.catalogue import Views
from projections.directory import CREDENTIAL
from tests.projections.histories import Stand, a_stand
from tests.support.world import PROVIDER, World, a_founding, a_jwk, a_study

KEY = {"purposes": [CREDENTIAL], "custody": "delegated", "not_before": date(2026, 1, 1)}


def register_key(world: World, number: int, *, organisation: int = PROVIDER, **changes) -> str:
    """Register a key and return its thumbprint."""
    said = {"organisation": organisation, "jwk": a_jwk(number), **KEY, **changes}
    world.must("key.registered", **said)
    return thumbprint(a_jwk(number))


def test_a_key_counts_from_its_record_to_the_one_that_ends_it(tmp_path):
    """Positions say when a key counts; ended keys stay, and stay keys for what they were for."""
    world = a_study()
    kid = register_key(world, 10)
    registered_at = len(world.history)
    stand = a_stand(tmp_path, world)
    views = Views(stand)
    assert (views.directory.key(kid).registered_at, views.directory.key(kid).ended_at) == (
        registered_at,
        None,
    )

    world.must("key.revoked", organisation=PROVIDER, kid=kid, reason="lost", suspected_from=registered_at + 1)
    ended_at = stand.record()
    views.catch_up()

    key = views.directory.key(kid)
    assert (key.ended_at, key.revoked_for, key.suspected_from) == (ended_at, "lost", registered_at + 1)
    assert views.directory.organisation(PROVIDER).keys_for(CREDENTIAL) == (key,)
    assert thumbprint(jwk_of(public_key_of(key.multibase))) == kid
    assert views.directory.key("unknown") is None


def test_a_key_that_the_founding_names_twice_counts_as_in_the_keyring(tmp_path):
    """An operator with one key for everything: its last place in the founding says what it is for."""
    world, founding = World(), a_founding()
    founding["operator"] |= dict.fromkeys(("checkpoint", "receipt", "credential"), a_jwk(3))
    world.must("ledger.founded", **founding)

    (key,) = Views(a_stand(tmp_path, world)).directory.operator_keys()

    (plain,) = (one for one in keyring_of(world.register) if one.kid == key.kid)
    assert (key.organisation, frozenset(key.purposes)) == (plain.organisation, plain.purposes)


def test_issuers_are_those_with_a_number_and_a_key_or_an_accreditation(tmp_path):
    """A body that neither signs credentials nor may deliver anything is none, nor is one without a number."""
    world = a_study()
    world.organisation(95004)
    world.organisation(95003)
    world.organisation(None, body="ISB:FOOD")
    register_key(world, 11, organisation=95003)
    register_key(world, 12, organisation="ISB:FOOD")

    directory = Views(a_stand(tmp_path, world)).directory

    assert [one.number for one in directory.issuers()] == [PROVIDER, 95003]
    assert directory.organisation("ISB:FOOD").label == "ISB:FOOD"
    assert directory.organisation("95009") is None


def test_the_founding_names_log_keys_and_the_operators_keys(tmp_path):
    """What the first record says of the ledger itself."""
    directory = Views(a_stand(tmp_path)).directory

    founded = directory.founded()

    assert (founded.origin, founded.host) == ("ledger.example/log", "ledger.example")
    assert founded.log_keys == ("ledger.example/log+00000000+AA",)
    assert [key.purposes for key in directory.operator_keys()] != []
    assert {key.registered_at for key in directory.operator_keys()} == {1}
    assert thumbprint(a_jwk(3)) in {key.kid for key in directory.operator_keys()}


def test_what_ended_and_began_again_in_one_batch_has_both_periods(tmp_path):
    """An end closes what was open then, and leaves alone what began after it, in the same batch too."""
    world = a_study()
    world.must("organisation.role_ended", organisation=PROVIDER, role="provider", ended_on=date(2026, 5, 1))
    again = date(2026, 7, 1)
    world.must("organisation.role_granted", organisation=PROVIDER, role="provider", valid_from=again)
    world.accreditation_ended(PROVIDER, "6022", date(2026, 5, 1))
    world.accredited(PROVIDER, "6022", since=again)
    stand: Stand = a_stand(tmp_path, world)

    organisation = Views(stand).directory.organisation(PROVIDER)

    assert [(one.valid_from, one.ended_on) for one in organisation.roles] == [
        (date(2018, 8, 22), date(2026, 5, 1)),
        (again, None),
    ]
    assert [one.ended_on for one in organisation.accreditations] == [date(2026, 5, 1), None]
    assert organisation.has_role("provider", date(2026, 5, 1))
    assert not organisation.has_role("provider", date(2026, 5, 2))
    assert organisation.has_role("provider", again)
