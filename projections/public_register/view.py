"""The tables of the public register, and what is asked of them.

Source: DOMAIN.md 4.1 (register), issue "whole arrow", item 7 (`/register`).
"""

from dataclasses import fields, replace
from typing import ClassVar

from ledger.domain.accreditation import AccreditationEnded, AccreditationGranted
from ledger.domain.founding import LedgerFounded
from ledger.domain.microcredential import (
    EXPIRING,
    MicrocredentialRegistered,
    MicrocredentialReviewed,
    MicrocredentialStatusSet,
)
from ledger.domain.organisation import OrganisationRegistered
from projections.base import Handlers, Row, Rows, Updates, View, ViewProjection, Writes, loaded
from projections.public_register.listing import (
    Accreditation,
    Listing,
    Organisation,
    Outcome,
    Review,
    StatusChange,
)
from projections.public_register.search import Found, Page, Search, cursor_key, cursor_of, fold, match

PAGE = 20


class PublicRegisterView(View):
    """Listings by code and version, and a full-text index over them."""

    NAME = "public_register"
    VERSION = 1
    # Columns in the order of the fields of Organisation, Listing, StatusChange, Review, Accreditation.
    # `words` is indexed folded by us, so its tokenizer has nothing left to fold.
    SCHEMA = """
    CREATE TABLE {founding} (
      position INTEGER PRIMARY KEY, registrar_number INTEGER NOT NULL, registrar_name TEXT NOT NULL
    ) STRICT;
    CREATE TABLE {organisation} (
      stream BLOB PRIMARY KEY, position INTEGER NOT NULL, number INTEGER, body TEXT, kind TEXT NOT NULL,
      name_en TEXT NOT NULL, name_mi TEXT, folded_name TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE {label} (label TEXT PRIMARY KEY, stream BLOB NOT NULL) STRICT, WITHOUT ROWID;
    CREATE TABLE {listing} (
      position INTEGER PRIMARY KEY, stream BLOB NOT NULL UNIQUE, code TEXT NOT NULL, version INTEGER NOT NULL,
      title TEXT NOT NULL, purpose TEXT NOT NULL, relevance TEXT NOT NULL, level INTEGER NOT NULL,
      credits INTEGER NOT NULL, nzsced TEXT NOT NULL, outcomes TEXT NOT NULL, assessment TEXT NOT NULL,
      developer TEXT NOT NULL, qa_approach TEXT NOT NULL, review_months INTEGER NOT NULL,
      listed_on TEXT NOT NULL, pathways TEXT, languages TEXT NOT NULL, support TEXT, review_due TEXT,
      expiring_from TEXT, discontinued_on TEXT, folded_title TEXT NOT NULL
    ) STRICT;
    CREATE UNIQUE INDEX {listing}_code ON {listing} (code, version);
    CREATE TABLE {status_change} (
      stream BLOB NOT NULL, position INTEGER NOT NULL, status TEXT NOT NULL, effective_from TEXT NOT NULL,
      cause TEXT NOT NULL, PRIMARY KEY (stream, position)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE {review} (
      stream BLOB NOT NULL, position INTEGER NOT NULL, reviewed_on TEXT NOT NULL, outcome TEXT NOT NULL,
      next_due TEXT, PRIMARY KEY (stream, position)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE {accreditation} (
      position INTEGER NOT NULL, version INTEGER NOT NULL, stream BLOB NOT NULL, provider INTEGER NOT NULL,
      code TEXT NOT NULL, valid_from TEXT NOT NULL, conditions TEXT, ended_on TEXT, ended_for TEXT,
      PRIMARY KEY (position, version)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX {accreditation}_code ON {accreditation} (code, version);
    CREATE INDEX {accreditation}_stream ON {accreditation} (stream);
    CREATE VIRTUAL TABLE {words}
      USING fts5 (title, developer, text, tokenize = "unicode61 remove_diacritics 0");
    """

    # -------------------------------------------------------------- one listing

    def listing(self, code: str, version: int | None = None) -> Listing | None:
        """Return a version with everything about it, the newest one when none is named."""
        with self.reading() as rows:
            row = rows.one(
                "SELECT * FROM {listing} WHERE code = ? AND version = COALESCE(?, version)"
                " ORDER BY version DESC LIMIT 1",
                (code, version),
            )
            return None if row is None else _listing(rows, row)

    # -------------------------------------------------------------- organisations

    def organisation(self, reference: int | str) -> Organisation | None:
        """Return the organisation with that number (95001 or "95001") or body code."""
        with self.reading() as rows:
            row = rows.one(
                "SELECT o.* FROM {label} JOIN {organisation} o USING (stream) WHERE label = ?",
                (str(reference),),
            )
        return None if row is None else loaded(Organisation, row)

    def organisation_name(self, reference: int | str) -> str:
        """Return the name of an organisation by its number or body code, the reference where it has none."""
        found = self.organisation(reference)
        return str(reference) if found is None else found.name_en

    def organisations(self) -> tuple[Organisation, ...]:
        """Return every organisation that has developed or been accredited for something, by name."""
        with self.reading() as rows:
            found = rows.all(
                "SELECT * FROM {organisation} WHERE stream IN (SELECT l.stream FROM {label} l WHERE label IN"
                " (SELECT developer FROM {listing} UNION SELECT CAST(provider AS TEXT) FROM {accreditation}))"
                " ORDER BY name_en, position"
            )
        return tuple(loaded(Organisation, row) for row in found)

    def regulator_name(self) -> str:
        """Return the registered name of the regulator; as the founding has it until it is registered."""
        with self.reading() as rows:
            row = rows.one(
                "SELECT COALESCE(name_en, registrar_name) FROM {founding}"
                " LEFT JOIN {organisation} ON number = registrar_number"
            )
        return "" if row is None else str(row[0])

    # -------------------------------------------------------------- searching

    def search(self, search: Search, *, limit: int = PAGE) -> Page:
        """Return a page of the listings that fit, as they stand on the day asked for.

        Raises:
            Malformed: the cursor is not one of ours.
        """
        words = match(search.words) if search.words.strip() else None
        rank, title, code, version = cursor_key(search.after) if search.after else _BEFORE_ALL
        values = {
            "on": search.on.isoformat(),
            "words": words,
            "title_words": words and f"title : ({words})",
            "organisation": search.organisation,
            "level": search.level,
            "field": search.field,
            "status": search.status,
            "credits_min": search.credits_min,
            "credits_max": search.credits_max,
            "every_version": search.every_version,
        }
        after = {"rank": rank, "title": title, "code": code, "version": version, "limit": limit + 1}
        with self.reading() as rows:
            total = rows.count(_FITTING + _COUNT, values)
            found = rows.all(_FITTING + _PAGE, {**values, **after})
        shown, more = found[:limit], found[limit:]
        # The key of the page's order stands behind the columns of an entry.
        next_page = cursor_of((*shown[-1][-2:], *shown[-1][:2])) if more else None
        return Page(tuple(loaded(Found, row[:-2]) for row in shown), total, next_page)


_BEFORE_ALL = (-1, "", "", 0)
# What fits, each listing as it stands on the day; a condition that is not given holds.
_FITTING = """
WITH standing AS (
  SELECT *, CASE WHEN discontinued_on <= :on THEN 'discontinued' WHEN expiring_from <= :on THEN 'expiring'
    ELSE 'current' END AS status
  FROM {listing} WHERE listed_on <= :on
), delivering AS (
  SELECT * FROM {accreditation} WHERE valid_from <= :on AND (ended_on IS NULL OR ended_on >= :on)
), named AS (
  SELECT label FROM {label} WHERE stream = (SELECT stream FROM {label} WHERE label = :organisation)
), fitting AS (
  SELECT *, CASE WHEN :words IS NULL THEN 0
    ELSE position NOT IN (SELECT rowid FROM {words} WHERE {words} MATCH :title_words) END AS rank
  FROM standing s
  WHERE (:words IS NULL OR position IN (SELECT rowid FROM {words} WHERE {words} MATCH :words))
  AND (:every_version OR version =
    (SELECT MAX(n.version) FROM {listing} n WHERE n.code = s.code AND n.listed_on <= :on))
  AND (:organisation IS NULL OR developer IN named OR EXISTS (
    SELECT 1 FROM delivering d
    WHERE d.code = s.code AND d.version = s.version AND CAST(d.provider AS TEXT) IN named))
  AND (:level IS NULL OR level = :level)
  AND (:field IS NULL OR substr(nzsced, 1, length(:field)) = :field)
  AND (:status IS NULL OR status = :status)
  AND (:credits_min IS NULL OR credits >= :credits_min)
  AND (:credits_max IS NULL OR credits <= :credits_max)
)
"""
_COUNT = "SELECT COUNT(*) FROM fitting"
_PAGE = """
SELECT code, version, title, level, credits, nzsced, status, developer,
  COALESCE((SELECT name_en FROM {label} JOIN {organisation} USING (stream) WHERE label = developer),
    developer),
  listed_on,
  (SELECT COUNT(DISTINCT provider) FROM delivering d WHERE d.code = f.code AND d.version = f.version),
  rank, folded_title
FROM fitting f
WHERE (rank, folded_title, code, version) > (:rank, :title, :code, :version)
ORDER BY rank, folded_title, code, version LIMIT :limit
"""


def _listing(rows: Rows, row: Row) -> Listing:
    bare = loaded(Listing, row[:_LISTING_COLUMNS])
    stream, version = (bare.stream.bytes,), (bare.code, bare.version)
    developer = rows.one(
        "SELECT name_en FROM {label} JOIN {organisation} USING (stream) WHERE label = ?", (bare.developer,)
    )
    providers = rows.all(
        "SELECT a.*, COALESCE(name_en, provider) FROM {accreditation} a"
        " LEFT JOIN {label} l ON label = CAST(provider AS TEXT)"
        " LEFT JOIN {organisation} o ON o.stream = l.stream"
        " WHERE code = ? AND version = ? ORDER BY a.position",
        version,
    )
    versions = rows.all("SELECT version FROM {listing} WHERE code = ? ORDER BY version", (bare.code,))
    statuses = rows.all("SELECT * FROM {status_change} WHERE stream = ? ORDER BY position", stream)
    reviews = rows.all("SELECT * FROM {review} WHERE stream = ? ORDER BY position", stream)
    return replace(
        bare,
        outcomes=tuple(Outcome(*one) for one in bare.outcomes),
        developer_name=developer[0] if developer else bare.developer,
        versions=tuple(number for (number,) in versions),
        statuses=tuple(loaded(StatusChange, one) for one in statuses),
        reviews=tuple(loaded(Review, one) for one in reviews),
        accreditations=tuple(loaded(Accreditation, one) for one in providers),
    )


_LISTING_COLUMNS = [field.name for field in fields(Listing)].index("developer_name")


# ------------------------------------------------------------------ folding


def _founded(writes: Writes, position: int, event: LedgerFounded) -> None:
    number, name, _ = event.registrar
    writes.insert("founding", position, number, name)


def _organisation(writes: Writes, position: int, event: OrganisationRegistered) -> None:
    writes.insert(
        "organisation",
        event.originator_id,
        position,
        event.number,
        event.body,
        event.kind,
        event.name_en,
        event.name_mi,
        fold(f"{event.name_en} {event.name_mi or ''}"),
    )
    for label in (event.number, event.body):
        if label is not None:
            writes.insert("label", str(label), event.originator_id)


def _registered(writes: Writes, position: int, event: MicrocredentialRegistered) -> None:
    title = fold(event.title)
    writes.insert(
        "listing",
        position,
        event.originator_id,
        event.code,
        event.version,
        event.title,
        event.purpose,
        event.relevance,
        event.level,
        event.credits,
        event.nzsced,
        event.outcomes,
        event.assessment,
        event.developer,
        event.qa_approach,
        event.review_months,
        event.listed_on,
        event.pathways,
        event.languages,
        event.support,
        event.review_due,
        *(None, None),  # neither expiring nor discontinued
        title,
    )
    outcomes = (text for _, text, _ in event.outcomes)
    text = (event.code, event.purpose, event.relevance, *outcomes, event.assessment, event.pathways or "")
    writes.update("index", position, title, fold(" ".join(text)), event.developer)


def _status_set(writes: Writes, position: int, event: MicrocredentialStatusSet) -> None:
    writes.insert(
        "status_change", event.originator_id, position, event.status, event.effective_from, event.cause
    )
    name = "expiring" if event.status == EXPIRING else "discontinued"
    writes.update(name, event.effective_from, event.originator_id)


def _reviewed(writes: Writes, position: int, event: MicrocredentialReviewed) -> None:
    writes.insert("review", event.originator_id, position, event.reviewed_on, event.outcome, event.next_due)
    writes.update("review_due", event.next_due, event.originator_id)


def _granted(writes: Writes, position: int, event: AccreditationGranted) -> None:
    for version in event.versions:
        writes.insert(
            "accreditation",
            position,
            version,
            event.originator_id,
            event.provider,
            event.code,
            event.valid_from,
            event.conditions,
            *(None, None),  # no end
        )


def _ended(writes: Writes, position: int, event: AccreditationEnded) -> None:
    writes.update("accreditation_end", event.ended_on, event.reason, event.originator_id, position)


class PublicRegisterProjection(ViewProjection):
    """Folds what the regulator decides about micro-credentials and who may deliver them."""

    VIEW = PublicRegisterView
    HANDLERS: ClassVar[Handlers] = {
        LedgerFounded: _founded,
        OrganisationRegistered: _organisation,
        MicrocredentialRegistered: _registered,
        MicrocredentialStatusSet: _status_set,
        MicrocredentialReviewed: _reviewed,
        AccreditationGranted: _granted,
        AccreditationEnded: _ended,
    }
    UPDATES: ClassVar[Updates] = {
        "index": """
          INSERT INTO {words} (rowid, title, text, developer) SELECT ?1, ?2, ?3,
            (SELECT folded_name FROM {label} JOIN {organisation} USING (stream) WHERE label = ?4)
        """,
        "expiring": "UPDATE {listing} SET expiring_from = ? WHERE stream = ?",
        "discontinued": "UPDATE {listing} SET discontinued_on = ? WHERE stream = ?",
        "review_due": "UPDATE {listing} SET review_due = ? WHERE stream = ?",
        # Every grant that was open then; one made after it stays open.
        "accreditation_end": """
          UPDATE {accreditation} SET ended_on = ?, ended_for = ?
          WHERE stream = ? AND position < ? AND ended_on IS NULL
        """,
    }
