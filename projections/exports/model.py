"""What the builders of documents are given: plain values, already unsealed, no database behind them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from ledger.keys.signer import Signer

Document = dict[str, Any]


@dataclass(frozen=True)
class IssuerProfile:
    """Who signs a document.

    Attributes:
        did: `did:web:<host>:providers:<number>`, or `did:web:<host>` for the operator.
        number: the organisation's number; None for the operator.
        name: as the register shows it.
        url: an https page about the issuer.
        signer: its credential key (Ed25519).
    """

    did: str
    number: int | None
    name: str
    url: str
    signer: Signer


@dataclass(frozen=True)
class Developer:
    """Who made the micro-credential."""

    did: str
    name: str


@dataclass(frozen=True)
class OutcomeResult:
    """One learning outcome of an award: what it asks, and how it was met.

    Attributes:
        id: as in the register, for example `LO1`.
        text: what the learner can do, in the words of the register.
        grade: `A`, `M` or `E`; an award holds no outcome that was not achieved.
        method: `assessed`, `rpl` or `crt`.
    """

    id: str
    text: str
    grade: str
    method: str


@dataclass(frozen=True)
class AwardDocument:
    """Everything an Open Badge says about one award.

    Attributes:
        credential_id: drawn at award, never reused.
        learner_name: the name the award was recorded with (NFC): the receipt shows the same.
        holder_id: `urn:uuid:…` or a DID; the same for every award that goes into one record.
        code, version: the micro-credential's immutable version in the register.
        nzsced, field: field of study, as code and in words.
        accredited_from: since when the awarding provider was accredited for it on `conferred_on`; None
            for an award on another basis, such as the developer's good reason.
        awarded_by: number of the awarding provider.
        language: language of assessment (`en`, `mi`, `nzsl`), as the receipt shows it.
        status_list, status_index: its place in the awarding provider's status lists.
        receipt: C2SP tlog-proof text of LEDGER.md 3; None while the award is not yet published.
        signed_at_us: microseconds since 1970; when the document is signed.
    """

    credential_id: UUID
    learner_name: str
    holder_id: str
    title: str
    code: str
    version: int
    level: int
    credits: int
    purpose: str
    assessment: str
    outcomes: tuple[OutcomeResult, ...]
    developer: Developer
    listed_on: date
    accredited_from: date | None
    start_on: date
    completed_on: date
    conferred_on: date
    awarded_by: int
    language: str
    status_list: int
    status_index: int
    signed_at_us: int
    receipt: str | None = None
    review_due: date | None = None
    nzsced: str | None = None
    field: str | None = None


@dataclass(frozen=True)
class Association:
    """How two things in a record belong together, for example `replacedBy`."""

    kind: str
    source_id: str
    target_id: str


@dataclass(frozen=True)
class RecordDocument:
    """Everything a Comprehensive Learner Record says: who, when, and the awards as their issuers signed them.

    Attributes:
        credential_id: of the record as exported; a fresh one for each export.
        holder_id: the same as in every award.
        awards: signed Open Badges, in the order they are to be shown; at least one.
        as_at_us: microseconds since 1970; the record as it stood then.
        signed_at_us: microseconds since 1970; not before `as_at_us`.
        partial: True where the learner left awards out.
    """

    credential_id: UUID
    learner_name: str
    holder_id: str
    awards: tuple[Mapping[str, Any], ...]
    as_at_us: int
    signed_at_us: int
    partial: bool = False
    associations: tuple[Association, ...] = ()


@dataclass(frozen=True)
class TrustLogKey:
    """A key that signs checkpoints, as a C2SP vkey, and the positions between which it counts."""

    vkey: str
    from_position: int
    to_position: int | None
    must_verify: bool


@dataclass(frozen=True)
class TrustKey:
    """A key that signs documents, as a Multikey, and the positions between which it counts.

    `to_position` is the first position at which it counts no longer; None while it does.
    `suspected_from`: what it signed from this position on is suspect, but for the positions that were
    reaffirmed (it was its own) or annulled (it was not): pairs of first and last, both included.
    """

    multibase: str
    purpose: str
    from_position: int
    to_position: int | None
    suspected_from: int | None = None
    reaffirmed: tuple[tuple[int, int], ...] = ()
    annulled: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True)
class TrustAccreditation:
    """What a provider may award, and between which days; `ended_on` None while in force."""

    code: str
    versions: tuple[int, ...]
    valid_from: date
    ended_on: date | None


@dataclass(frozen=True)
class TrustOperator:
    """Who runs the ledger."""

    did: str
    name: str
    keys: tuple[TrustKey, ...]


@dataclass(frozen=True)
class TrustIssuer:
    """A provider whose credentials are recognised."""

    did: str
    number: int
    name: str
    keys: tuple[TrustKey, ...]
    accreditations: tuple[TrustAccreditation, ...]


@dataclass(frozen=True)
class TrustMicrocredential:
    """An immutable version in the register; `outcomes` are pairs of id and text, in the register's order."""

    code: str
    version: int
    title: str
    level: int
    credits: int
    outcomes: tuple[tuple[str, str], ...]
    listed_on: date
    expiring_from: date | None
    discontinued_on: date | None


@dataclass(frozen=True)
class TrustFile:
    """What a verifier needs to trust this ledger, as at one position of its log.

    Attributes:
        made_at_us: microseconds since 1970.
        as_at_position: the newest position it takes into account.
        founding_entry_hash: 32 bytes; RFC 6962 leaf hash of the entry at position 1.
        witness_policy: C2SP tlog-policy text.
    """

    made_at_us: int
    as_at_position: int
    origin: str
    founding_entry_hash: bytes
    log_keys: tuple[TrustLogKey, ...]
    witness_policy: str
    operator: TrustOperator
    issuers: tuple[TrustIssuer, ...]
    microcredentials: tuple[TrustMicrocredential, ...]
