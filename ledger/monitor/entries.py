"""What an entry of a ledger's public log says: nothing but a commitment, or a whole public record.

Source: LEDGER.md 3 (records and entries, byte for byte).
"""

from typing import Any

from ledger.domain.base import PUBLIC, declared_in
from ledger.domain.registry import EVENTS
from ledger.encoding.msgpack import unpack_canonical
from ledger.errors import Corrupt, Malformed
from ledger.log.merkle import HASH_BYTES
from ledger.mapper import PUBLIC_HEAD, LedgerMapper, LedgerNotification
from ledger.privacy import commitments
from ledger.privacy.commitments import PRIVATE_ENTRY, PUBLIC_ENTRY, read_public_entry

_MAPPER = LedgerMapper.for_reading()
_INSTANT_MAX_US = 2**62  # what a database column holds, and more than any calendar here
_PARTS = 2  # of a state: values, and the statement behind them


class PublicEntry(commitments.PublicEntry):
    """A public entry whose topic and fields are those of a class of ours."""

    __slots__ = ()

    def event(self, position: int) -> Any:
        """Return the event that this record is.

        Raises:
            Corrupt: `entry-fields`: its values are not those that its class can have.
        """
        notification = LedgerNotification(
            self.stream, self.version, self.topic, self.state, position, self.recorded_at_us
        )
        try:
            return _MAPPER.to_domain_event(notification)
        except (Corrupt, ValueError, TypeError, AttributeError, LookupError, OverflowError) as error:
            raise Corrupt(
                "the fields of a public record are not those of its class", code="entry-fields"
            ) from error


def is_private(data: bytes) -> bool:
    """Return whether an entry is a commitment, of which nothing shows."""
    return data[:1] == PRIVATE_ENTRY and len(data) == 1 + HASH_BYTES


def parse_entry(data: bytes) -> PublicEntry | None:
    """Return the public record of an entry, None for a private one, of which nothing shows.

    Raises:
        Corrupt: `entry-form`: it is neither 33 opaque bytes nor a public record in its one form;
            `entry-topic`: no public record has that topic; `entry-fields`: not those of its class.
    """
    if is_private(data):
        return None
    if data[:1] != PUBLIC_ENTRY:
        raise Corrupt("an entry is neither a commitment nor a public record", code="entry-form")
    try:
        entry = PublicEntry(*read_public_entry(data))
        values = unpack_canonical(entry.state)
    except (Malformed, Corrupt) as error:
        raise Corrupt("a public record is not in its one form", code="entry-form") from error
    _check_fields(entry.topic, values)
    if entry.recorded_at_us > _INSTANT_MAX_US:
        raise Corrupt("a public record was recorded at no time that there is", code="entry-form")
    return entry


def _check_fields(topic: str, values: list[Any]) -> None:
    event_class = EVENTS.get(topic)
    if event_class is None or event_class.PRIVACY is not PUBLIC:
        raise Corrupt("no public record has such a topic", code="entry-topic")
    opened = values[0] if len(values) == _PARTS and isinstance(values[0], list) else []
    declared = declared_in(event_class, opened[0]) if opened else None
    if declared is None or len(opened) != len(PUBLIC_HEAD) + len(declared.OPEN) or not _is_head(opened):
        raise Corrupt("a public record does not have the fields of its class", code="entry-fields")


def _is_head(opened: list[Any]) -> bool:
    version, as_of, ruleset_id = opened[: len(PUBLIC_HEAD)]
    return type(version) is int and type(as_of) is int and type(ruleset_id) is str
