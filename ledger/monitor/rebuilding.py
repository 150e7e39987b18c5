"""The register made again from a log alone, and compared with what somebody serves as it.

Source: LEDGER.md 3 (anyone can rebuild the register, the organisations and all keys from the log
alone and check ours).
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from uuid import UUID

from ledger.domain.base import LedgerAggregate
from ledger.domain.register import Register
from ledger.keys.keyring import FOUNDING_POSITION
from ledger.log.merkle import leaf_hash
from ledger.log_keys import log_keys_of
from ledger.monitor.authentic import AuthenticLog
from ledger.monitor.findings import Findings
from ledger.monitor.following import Follower, TimeBounds
from ledger.monitor.source import LogSource
from ledger.monitor.trusted import Seen, Trusted, check_own_keys, read_checkpoint

FORMAT = "achievement-ledger/register/v1"
_ABSENT = object()
_SHOWN_MAX = 200


@dataclass(slots=True)
class Rebuilt:
    """What a log's public entries come to.

    Attributes:
        register: as at the newest checkpoint.
        registers: as at each position that was asked for.
        seen: the checkpoint; None where the log could not be read.
    """

    findings: Findings = field(default_factory=Findings)
    register: Register = field(default_factory=Register)
    registers: dict[int, Register] = field(default_factory=dict)
    seen: Seen | None = None
    public: int = 0
    founding_leaf: bytes = b""  # leaf hash of the first entry

    def as_json(self) -> dict[str, Any]:
        """Return the register as `roa register rebuild --out` writes it."""
        at = None if self.seen is None else self.seen.checkpoint
        return {
            "format": FORMAT,
            "origin": None if at is None else at.origin,
            "size": None if at is None else at.size,
            "root": None if at is None else at.root.hex(),
            **register_json(self.register),
        }


def rebuild(source: LogSource, trusted: Trusted, *, positions: Collection[int] = ()) -> Rebuilt:
    """Follow a log from its first entry to its newest checkpoint; every record is judged on the way.

    Args:
        source: the log.
        trusted: whose signatures must stand under the checkpoint. Where it is empty, or names a key of
            the log's own, all that its records have in force at that size must.
        positions: as at which the register is wanted too.
    """
    result = Rebuilt()
    with result.findings.at(source.name):
        seen = read_checkpoint(source.checkpoint(), trusted, result.findings, source.name)
        if seen is not None:
            log = AuthenticLog(source, seen.checkpoint)
            _follow(log, seen, result, frozenset(positions))
            own = log_keys_of(result.register)
            if trusted.asks_for(own):
                check_own_keys(seen, own)
            result.seen = seen
    return result


def _follow(log: AuthenticLog, seen: Seen, result: Rebuilt, positions: frozenset[int]) -> None:
    follower = Follower(result.findings, log.root)
    follower.bounds = TimeBounds.of(0, seen.witnessed.values())
    for position, entry in log.entries():
        if position == FOUNDING_POSITION:
            result.founding_leaf = leaf_hash(entry)
        if follower.take(position, entry) is not None:
            result.public += 1
        if position in positions:
            result.registers[position] = follower.register
    result.register = follower.register


# ------------------------------------------------------------------ as values, to write and to compare


def register_json(register: Register) -> dict[str, Any]:
    """Return everything a register holds as JSON values: all fields of aggregates, and key positions."""
    return {
        "position": register.position,
        "founding": None if register.founding is None else aggregate_json(register.founding),
        "organisations": {
            one.label: aggregate_json(one) for one in sorted(register.organisations.values(), key=_label)
        },
        "keys": {
            kid: {**aggregate_json(register.keys[kid]), "positions": register.key_positions[kid]._asdict()}
            for kid in sorted(register.keys)
        },
        "microcredentials": {
            f"{code}/{version}": aggregate_json(register.microcredentials[code, version])
            for code, version in sorted(register.microcredentials)
        },
        "accreditations": {
            f"{provider}/{code}": aggregate_json(register.accreditations[provider, code])
            for provider, code in sorted(register.accreditations)
        },
    }


def _label(organisation: Any) -> str:
    label: str = organisation.label
    return label


def aggregate_json(aggregate: LedgerAggregate) -> dict[str, Any]:
    """Return every field of an aggregate, and where its stream stands."""
    own = {name: _plain(value) for name, value in vars(aggregate).items() if not name.startswith("_")}
    return {
        "stream": str(aggregate.id),
        "events": aggregate.version,
        "since": _plain(aggregate.created_on),
        "changed": _plain(aggregate.modified_on),
        **own,
    }


def _plain(value: Any) -> Any:
    if isinstance(value, frozenset):
        return sorted(map(_plain, value))
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return {name: _plain(part) for name, part in value._asdict().items()}
    if isinstance(value, tuple | list):
        return [_plain(part) for part in value]
    if isinstance(value, Mapping):
        return {str(name): _plain(part) for name, part in value.items()}
    if isinstance(value, date | datetime | UUID):
        return str(value)
    return value.hex() if isinstance(value, bytes) else value


def differences(rebuilt: Any, served: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Yield (place, what differs) wherever two JSON values are not the same."""
    if isinstance(rebuilt, dict) and isinstance(served, dict):
        for name in sorted({*rebuilt, *served}):
            place = f"{path}.{name}" if path else name
            yield from differences(rebuilt.get(name, _ABSENT), served.get(name, _ABSENT), place)
    elif rebuilt != served or type(rebuilt) is not type(served):
        yield path, f"the log says {_shown(rebuilt)}, served is {_shown(served)}"


def _shown(value: Any) -> str:
    if value is _ABSENT:
        return "nothing"
    text = str(value)
    return text if len(text) <= _SHOWN_MAX else text[:_SHOWN_MAX] + "…"


def compare_registers(rebuilt: Register, served: Register, findings: Findings) -> None:
    """Compare a ledger's own register with the one its log makes: any difference is a finding."""
    for place, what in differences(register_json(rebuilt), register_json(served)):
        findings.add("register", place, what)
