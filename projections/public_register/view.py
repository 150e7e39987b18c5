"""The tables of the public register, and what is asked of them.

Source: DOMAIN.md 4.1 (register), issue "whole arrow", item 7 (`/register`).
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from typing import Any, ClassVar

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
      stream BLOB PRIMARY KEY, position INTEGER NOT NULL, number INTEGER UNIQUE, body TEXT UNIQUE,
      kind TEXT NOT NULL, name_en TEXT NOT NULL, name_mi TEXT
    ) STRICT, WITHOUT ROWID;
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
    CREATE VIRTUAL TABLE {words} USING fts5 (title, developer, text, tokenize = "unicode61 remove_diacritics 0");
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
                "SELECT * FROM {organisation} WHERE number = CAST(?1 AS INTEGER) AND ?1 = number OR body = ?1",
                (str(reference),),
            )
        return None if row is None else loaded(Organisation, row)

    def organisation_name(self, reference: int | str) -> str:
        """Return the name of an organisation by its number or body code, the reference where it has none."""
        found = self.organisation(reference)
        return str(reference) if found is None else found.name_en

    def organisations(self) -> tuple[Organisation, ...]:
        """Return every organisation that has developed or may deliver something, by name."""
        with self.reading() as rows:
            found = rows.all(
                "SELECT * FROM {organisation} WHERE number IN (SELECT provider FROM {accreditation})"
                " OR COALESCE(CAST(number AS TEXT), body) IN (SELECT developer FROM {listing})"
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
        values: dict[str, Any] = {
            "on": search.on.isoformat(),
            "match": match(search.words),
            "title_match": f"title : ({match(search.words)})",
            "organisation": search.organisation,
            "level": search.level,
            "field": search.field,
            "status": search.status,
            "credits_min": search.credits_min,
            "credits_max": search.credits_max,
        }
        fitting = _STANDING + "".join(_conditions(search))
        with self.reading() as rows:
            total = rows.count(fitting + _COUNT, values)
            after = ""
            if search.after is not None:
                after = _AFTER
                values |= dict(zip(("rank", "title", "code", "version"), cursor_key(search.after), strict=True))
            ranked = _RANK_TITLES if search.words.strip() else _RANK_EQUAL
            found = rows.all(fitting + ranked + after + _ORDER, {**values, "limit": limit + 1})
        shown = found[:limit]
        next_page = cursor_of(_key(shown[-1])) if len(found) > limit else None
        return Page(tuple(loaded(Found, row) for row in shown), total, next_page)


# Each listing as it stands on a day, then what must hold for it.
_STANDING = """
WITH standing AS (
  SELECT *, CASE WHEN discontinued_on <= :on THEN 'discontinued' WHEN expiring_from <= :on THEN 'expiring'
    ELSE 'current' END AS status
  FROM {listing} WHERE listed_on <= :on
), fitting AS (SELECT * FROM standing s WHERE 1"""
_NEWEST = """
  AND version = (SELECT MAX(n.version) FROM {listing} n WHERE n.code = s.code AND n.listed_on <= :on)"""
_WORDS = """
  AND position IN (SELECT rowid FROM {words} WHERE {words} MATCH :match)"""
_ORGANISATION = """
  AND (developer = :organisation OR EXISTS (
    SELECT 1 FROM {accreditation} a WHERE a.code = s.code AND a.version = s.version
    AND CAST(a.provider AS TEXT) = :organisation AND a.valid_from <= :on
    AND (a.ended_on IS NULL OR a.ended_on >= :on)))"""
_LEVEL, _STATUS = " AND level = :level", " AND status = :status"
_FIELD = " AND substr(nzsced, 1, length(:field)) = :field"
_CREDITS_MIN, _CREDITS_MAX = " AND credits >= :credits_min", " AND credits <= :credits_max"
_COUNT = ") SELECT COUNT(*) FROM fitting"
_RANK_EQUAL = "), ranked AS (SELECT *, 0 AS rank FROM fitting)"
_RANK_TITLES = """), ranked AS (
  SELECT *, position NOT IN (SELECT rowid FROM {words} WHERE {words} MATCH :title_match) AS rank FROM fitting)"""
_SELECT = """
SELECT code, version, title, level, credits, nzsced, status, developer,
  COALESCE((SELECT name_en FROM {organisation} o
            WHERE COALESCE(CAST(o.number AS TEXT), o.body) = r.developer), developer),
  listed_on,
  (SELECT COUNT(DISTINCT provider) FROM {accreditation} a WHERE a.code = r.code AND a.version = r.version
   AND a.valid_from <= :on AND (a.ended_on IS NULL OR a.ended_on >= :on)),
  rank, folded_title
FROM ranked r"""
_AFTER = _SELECT + " WHERE (rank, folded_title, code, version) > (:rank, :title, :code, :version)"
_ORDER = " ORDER BY rank, folded_title, code, version LIMIT :limit"


def _conditions(search: Search) -> Iterable[str]:
    if not search.every_version:
        yield _NEWEST
    if search.words.strip():
        yield _WORDS
    given = {
        _ORGANISATION: search.organisation,
        _LEVEL: search.level,
        _FIELD: search.field,
        _STATUS: search.status,
        _CREDITS_MIN: search.credits_min,
        _CREDITS_MAX: search.credits_max,
    }
    yield from (condition for condition, value in given.items() if value is not None)
