"""What a log newly says about organisations: their keys, roles, listings and accreditations.

Source: LEDGER.md 3 (public records); SPEC.md 1.
"""

from collections.abc import Collection
from typing import Any, NamedTuple
from uuid import UUID

from ledger.clock import rfc3339
from ledger.domain.accreditation import Accreditation
from ledger.domain.key import Key
from ledger.domain.microcredential import Microcredential
from ledger.domain.organisation import Organisation
from ledger.domain.register import Register
from ledger.domain.tail import TailLost
from ledger.ids import public_id
from ledger.monitor.following import Followed

# Of records with long texts, what is shown; of the others, every field.
_SHOWN = {
    "key.registered": ("purposes", "custody", "not_before"),
    "microcredential.registered": ("title", "level", "credits", "listed_on", "review_due"),
}


class News(NamedTuple):
    """One public record about an organisation."""

    position: int
    recorded_at_us: int
    type: str
    organisation: str
    said_by: str
    what: dict[str, Any]

    @property
    def concerns_everybody(self) -> bool:
        """Whether it is told whatever organisation was asked for: a loss may be of anybody's records."""
        return self.type == TailLost.TOPIC

    def as_json(self) -> dict[str, Any]:
        """Return it as `roa monitor --json` prints it."""
        return {**self._asdict(), "recorded_at": rfc3339(self.recorded_at_us)}


def news_of(followed: Followed, register: Register, wanted: Collection[str]) -> News | None:
    """Return what a record says about one of the organisations asked for, None where it is about others.

    A loss is told whoever asks. Organisation is then empty.

    Args:
        followed: the record.
        register: as it stands with the record.
        wanted: numbers or body codes, as statements name organisations.
    """
    event = followed.event
    about, named = _subject(event, register)
    if about not in wanted and not isinstance(event, TailLost):
        return None
    fields = {name: _plain(vars(event)[name]) for name in _SHOWN.get(event.TOPIC, event.OPEN)}
    by = _label(followed.said_by, register) if followed.said_by else "the ledger"
    instant_us = followed.entry.recorded_at_us
    return News(followed.position, instant_us, event.TOPIC, about, by, {**named, **fields})


def _subject(event: Any, register: Register) -> tuple[str, dict[str, Any]]:
    """Return which organisation a record is about, as statements name it, and which thing of its own."""
    held = register.aggregate(event.originator_id)
    if isinstance(held, Organisation):
        return held.label, {}
    if isinstance(held, Key):
        return _label(held.organisation, register), {"kid": held.kid}
    if isinstance(held, Microcredential):
        return held.developer, {"code": held.code, "version": held.mc_version}
    if isinstance(held, Accreditation):
        return str(held.provider), {"code": held.code}
    return "", {}


def _label(stream: UUID, register: Register) -> str:
    organisation = register.organisation(stream)
    if organisation is not None:
        return organisation.label
    founding = register.founding
    if founding is not None and stream == public_id("organisation", founding.registrar_number):
        return str(founding.registrar_number)
    return str(stream)


def _plain(value: Any) -> Any:
    if isinstance(value, tuple | frozenset):
        return [_plain(one) for one in value]
    if isinstance(value, bytes):
        return value.hex()
    return value if isinstance(value, str | int | bool | None) else str(value)
