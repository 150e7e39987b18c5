"""What a verifier needs to trust, read off the register as it stands at the newest checkpoint.

Source: SPEC.md 5 (trust file).
"""

from collections.abc import Iterable
from uuid import UUID

from ledger.application import Ledger
from ledger.authority import keyring_of
from ledger.domain.register import Register
from ledger.encoding.multi import multikey
from ledger.founding import CREDENTIAL
from ledger.keys.did import operator_did, provider_did
from ledger.keys.keyring import Keyring, RegisteredKey
from ledger.keys.signer import public_key_of_jwk
from ledger.log.policy import NONE, Policy, format_policy, of_log
from ledger.log_keys import OPERATOR, log_keys_of
from ledger.publisher import Published
from ledger.store.readback import records
from projections.exports.model import (
    TrustAccreditation,
    TrustFile,
    TrustIssuer,
    TrustKey,
    TrustLogKey,
    TrustMicrocredential,
    TrustOperator,
)


def trust_facts(ledger: Ledger, published: Published, policy: Policy | None = None) -> TrustFile:
    """Return the facts of a trust file as at a checkpoint; `policy` says which witnesses must see one."""
    # As at the checkpoint, not now: one position has one trust file, and one fingerprint.
    register = ledger.register_as_at(published.size)
    connection = ledger.store.database.reader
    (first,) = records(connection, 1, 1)
    (newest,) = records(connection, published.size, published.size)
    # All keys there ever were: which of them must have signed, the file says beside it, by size.
    witnesses = log_policy(log_keys_of(register).every, policy)
    # Made at the instant of the newest record it takes in: the same facts give the same bytes.
    return trust_of(register, published.size, newest.recorded_at_us, first.leaf, witnesses)


def trust_of(
    register: Register, position: int, made_at_us: int, founding_leaf: bytes, witness_policy: str
) -> TrustFile:
    """Return the facts of a trust file that a register makes.

    Args:
        register: of a ledger that was founded, as at `position`.
        position: the newest that the file takes in.
        made_at_us: microseconds since 1970.
        founding_leaf: leaf hash of the log's first entry.
        witness_policy: C2SP tlog-policy, which no record says.
    """
    founding, keyring = register.founding, keyring_of(register)
    assert founding is not None, "a trust file is of a ledger that was founded"
    return TrustFile(
        made_at_us=made_at_us,
        as_at_position=position,
        origin=founding.origin,
        founding_entry_hash=founding_leaf,
        log_keys=tuple(
            TrustLogKey(one.vkey, one.first, one.end, must_verify=True) for one in log_keys_of(register)
        ),
        witness_policy=witness_policy,
        operator=TrustOperator(
            operator_did(founding.host), founding.operator_name, trust_keys(keyring, OPERATOR)
        ),
        issuers=tuple(_issuers(register, keyring, founding.host)),
        microcredentials=tuple(_microcredentials(register)),
    )


def log_policy(vkeys: Iterable[str], policy: Policy | None = None) -> str:
    """Return the C2SP tlog-policy: these keys of the log, and the witnesses of `policy`, if it names any."""
    return format_policy(of_log(policy or Policy((), (), {}, NONE), vkeys))


def keyring_as_at(ledger: Ledger, position: int) -> Keyring:
    """Return the keys as they were registered when `position` was the newest record."""
    register = ledger.register()
    if register.position <= position:
        return keyring_of(register)
    return keyring_of(ledger.register_as_at(position))


def credential_keys(keyring: Keyring, organisation: UUID) -> Iterable[RegisteredKey]:
    """Return the keys that an organisation signs documents with, ended ones among them."""
    return (key for key in keyring if key.organisation == organisation and CREDENTIAL in key.purposes)


def trust_keys(keyring: Keyring, organisation: UUID) -> tuple[TrustKey, ...]:
    """Return the credential keys of an organisation with their positions, ended ones among them."""
    return tuple(
        TrustKey(
            multikey_of_key(key),
            CREDENTIAL,
            key.registered_at,
            key.ended_at,
            key.suspected_from,
            key.reaffirmed,
            key.annulled,
        )
        for key in credential_keys(keyring, organisation)
    )


def multikey_of_key(key: RegisteredKey) -> str:
    """Return a registered key as DID documents and trust files write it."""
    return multikey(public_key_of_jwk(key.jwk))


def _issuers(register: Register, keyring: Keyring, host: str) -> Iterable[TrustIssuer]:
    for organisation in register.organisations.values():
        number = organisation.number
        if number is None:
            continue
        keys = trust_keys(keyring, organisation.id)
        granted = tuple(
            TrustAccreditation(code, grant.versions, grant.valid_from, grant.ended_on)
            for (provider, code), accreditation in register.accreditations.items()
            if provider == number
            for grant in accreditation.grants
        )
        if keys or granted:
            yield TrustIssuer(provider_did(host, number), number, organisation.name_en, keys, granted)


def _microcredentials(register: Register) -> Iterable[TrustMicrocredential]:
    for listing in register.microcredentials.values():
        yield TrustMicrocredential(
            code=listing.code,
            version=listing.mc_version,
            title=listing.title,
            level=listing.level,
            credits=listing.credits,
            outcomes=tuple((outcome, text) for outcome, text, _ in listing.outcomes),
            listed_on=listing.listed_on,
            expiring_from=listing.expiring_from,
            discontinued_on=listing.discontinued_on,
        )
