"""The members of a trust file, each read as one kind of thing or refused; nothing is guessed."""

from collections.abc import Callable, Iterable, Mapping
from datetime import date
from typing import Any, TypeVar

from ..errors import Malformed
from .plain import day

T = TypeVar("T")


def member(content: Mapping[str, Any], name: str, kind: type) -> Any:
    """Return a member of one kind; Malformed when it is missing or of another."""
    value = content.get(name)
    if not _is(value, kind):
        raise wrong(name)
    return value


def members(content: Mapping[str, Any], name: str, kind: type) -> list[Any]:
    """Return a list whose values are all of one kind; Malformed when it is none."""
    values = content.get(name)
    if not isinstance(values, list) or not all(_is(value, kind) for value in values):
        raise wrong(name)
    return values


def position(content: Mapping[str, Any], name: str) -> int:
    """Return a position of the log, from 1; Malformed when it is none."""
    found: int = member(content, name, int)
    if found < 1:
        raise wrong(name)
    return found


def position_or_none(content: Mapping[str, Any], name: str) -> int | None:
    """Return a position of the log, or None where the member is there and null."""
    return None if name in content and content[name] is None else position(content, name)


def a_day(content: Mapping[str, Any], name: str) -> date:
    """Return a day; Malformed when it is none."""
    found = day(content.get(name))
    if found is None:
        raise wrong(name)
    return found


def day_or_none(content: Mapping[str, Any], name: str) -> date | None:
    """Return a day, or None where the member is there and null."""
    return None if name in content and content[name] is None else a_day(content, name)


def mapping(value: Any, what: str) -> Mapping[str, Any]:
    """Return a JSON object; Malformed when the value is none."""
    if not isinstance(value, Mapping):
        raise Malformed(f"{what} is not a JSON object", code="trust-form")
    return value


def by(where: str, values: Iterable[T], key_of: Callable[[T], Any]) -> dict[Any, T]:
    """Return values by what names them; Malformed when two have one name."""
    found: dict[Any, T] = {}
    for value in values:
        if key_of(value) in found:
            raise Malformed(f"the trust file names one of its {where} twice", code="trust-twice")
        found[key_of(value)] = value
    return found


def wrong(name: str) -> Malformed:
    """Return the error about a member that is not as it should be."""
    return Malformed(f"the trust file is not set out as it should be: {name}", code="trust-form")


def _is(value: Any, kind: type) -> bool:
    # A bool is an int to Python, and not one to JSON.
    return isinstance(value, kind) and (kind is bool or not isinstance(value, bool))
