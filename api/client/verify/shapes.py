"""A few words to describe what a JSON document must look like.

A rule is given a value and its path, and yields one fault for each thing that is wrong. Rules say
what must be there and how; members they do not name are left to the JSON-LD contexts, which
define every term there is.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeAlias

from .plain import instant

Faults: TypeAlias = Iterator[str]
Rule: TypeAlias = Callable[[Any, str], Faults]


def text(pattern: str | None = None) -> Rule:
    """Return the rule for a text that is not empty, and matches the whole pattern if there is one."""
    compiled = None if pattern is None else re.compile(pattern)

    def rule(value: Any, path: str) -> Faults:
        if not isinstance(value, str) or not value.strip():
            yield f"{path} is not a text"
        elif compiled is not None and not compiled.fullmatch(value):
            yield f"{path} has another form than it should"

    return rule


def moment(value: Any, path: str) -> Faults:
    """Fault what is not an RFC 3339 instant."""
    if instant(value) is None:
        yield f"{path} is not a date with time"


def flag(value: Any, path: str) -> Faults:
    """Fault what is neither true nor false."""
    if not isinstance(value, bool):
        yield f"{path} is neither true nor false"


def number(value: Any, path: str) -> Faults:
    """Fault what is not a number from 0 on; a text of digits has the same signature and is not one."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value < 0:
        yield f"{path} is not a number"


def exactly(wanted: Any) -> Rule:
    """Return the rule for one value."""

    def rule(value: Any, path: str) -> Faults:
        # In Python 1 == True == 1.0, in JSON not.
        if type(value) is not type(wanted) or value != wanted:
            yield f"{path} is not {wanted}"

    return rule


def items(of: Rule, *, least: int = 1) -> Rule:
    """Return the rule for a list of at least so many values of one kind."""

    def rule(value: Any, path: str) -> Faults:
        if not isinstance(value, list) or len(value) < least:
            yield f"{path} is not a list of at least {least}"
            return
        for index, item in enumerate(value):
            yield from of(item, f"{path}[{index}]")

    return rule


def thing(
    kinds: Iterable[str] = (),
    must: Mapping[str, Rule] | None = None,
    may: Mapping[str, Rule] | None = None,
    never: Iterable[str] = (),
) -> Rule:
    """Return the rule for an object.

    Args:
        kinds: types it has, among others; none for an object without a type.
        must: members it has.
        may: members that, if it has them, look like this.
        never: members it does not have.
    """
    wanted, needed, known, barred = tuple(kinds), dict(must or {}), dict(may or {}), tuple(never)

    def rule(value: Any, path: str) -> Faults:
        if not isinstance(value, Mapping):
            yield f"{path} is not an object"
            return
        yield from (f"{path} is not of type {kind}" for kind in wanted if kind not in types(value))
        yield from (f"{path}.{name} is missing" for name in needed if name not in value)
        yield from (f"{path}.{name} does not belong there" for name in barred if name in value)
        for name, of in (needed | known).items():
            if name in value:
                yield from of(value[name], f"{path}.{name}")

    return rule


def either(*rules: Rule) -> Rule:
    """Return the rule for a value that any of these rules finds in order."""

    def rule(value: Any, path: str) -> Faults:
        if all(any(one(value, path)) for one in rules):
            yield f"{path} is not set out as it should be"

    return rule


def types(value: Any) -> tuple[str, ...]:
    """Return the types of an object, written alone or in a list."""
    member = value.get("type") if isinstance(value, Mapping) else None
    return tuple(one for one in (member if isinstance(member, list) else [member]) if isinstance(one, str))
