"""What a script can say about a text or a JSON document: each check answers yes or no, and what it saw."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

EXCERPT_CHARACTERS = 1_500


class CannotTell(Exception):
    """The check makes no sense here: not JSON, no such member, unknown comparison."""


@dataclass(frozen=True, slots=True)
class Seen:
    """The answer of a check, and in words what it looked at."""

    holds: bool
    what: str


def check_text(words: Sequence[str], text: str) -> Seen:
    """Check a text: `contains TEXT`, `matches REGEX`, `== TEXT`, `empty`.

    `matches` looks anywhere, `^` and `$` stand at line ends; `==` leaves out white space around.
    """
    what = excerpt(text)
    match list(words):
        case ["contains", wanted]:
            return Seen(wanted in text, what)
        case ["matches", pattern]:
            return Seen(re.search(pattern, text, re.MULTILINE) is not None, what)
        case ["==", wanted]:
            return Seen(text.strip() == wanted.strip(), what)
        case ["empty"]:
            return Seen(not text.strip(), what)
    raise CannotTell(f"a text cannot be checked for: {' '.join(words)}")


def check_json(words: Sequence[str], text: str) -> Seen:
    """Check the member of a JSON document that a JSON Pointer (RFC 6901) names.

    `POINTER exists`, `== VALUE`, `contains VALUE`, `matches REGEX`, `count N`, `>= N`, `<= N`.
    Only `exists` answers no for a member that is missing; to the others that is CannotTell, so
    that a negated check does not hold because of a mistyped pointer.
    """
    pointer, *rest = words
    document = read_json(text)
    if rest == ["exists"]:
        try:
            return Seen(holds=True, what=excerpt(json.dumps(at_pointer(document, pointer))))
        except CannotTell as missing:
            return Seen(holds=False, what=str(missing))
    value = at_pointer(document, pointer)
    what = excerpt(json.dumps(value, ensure_ascii=False))
    operator, *wanted = rest
    kinds, compare = _COMPARISONS.get(operator, ((), None))
    if compare is None or len(wanted) != 1 or not isinstance(value, kinds):
        raise CannotTell(f"{what} cannot be checked for: {' '.join(rest)}")
    return Seen(compare(value, wanted[0]), what)


def read_json(text: str) -> Any:
    """Return the JSON document in a text; CannotTell where it is none."""
    try:
        return json.loads(text)
    except ValueError as error:
        raise CannotTell(f"not JSON ({error}): {excerpt(text)}") from error


def at_pointer(document: Any, pointer: str) -> Any:
    """Return the member that a JSON Pointer names; CannotTell where there is none."""
    if pointer and not pointer.startswith("/"):
        raise CannotTell(f"a JSON Pointer begins with /: {pointer}")
    value = document
    for part in pointer.split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        try:
            value = value[int(name)] if isinstance(value, list) else value[name]
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise CannotTell(f"nothing at {pointer} in {excerpt(json.dumps(document))}") from error
    return value


def first_match(pattern: str, text: str) -> str:
    """Return the first group of a pattern where it first matches, the whole match if it has none."""
    match = re.search(pattern, text, re.MULTILINE)
    if match is None:
        raise CannotTell(f"nothing matches {pattern} in {excerpt(text)}")
    return str(match[1] if match.re.groups else match[0])


def excerpt(text: str) -> str:
    """Return a text short enough for a failure message."""
    if len(text) <= EXCERPT_CHARACTERS:
        return text
    return f"{text[:EXCERPT_CHARACTERS]}… ({len(text)} characters)"


def _same(value: Any, wanted: str) -> bool:
    # A JSON string is compared as it stands, so codes such as "6022" need no second pair of quotes.
    if isinstance(value, str):
        return value == wanted
    try:
        parsed = json.loads(wanted)
    except ValueError:
        return False
    return type(value) is type(parsed) and bool(value == parsed)


def _contains(value: Any, wanted: str) -> bool:
    return wanted in value if isinstance(value, str) else any(_same(member, wanted) for member in value)


# Per comparison: the kinds of value it makes sense for, and how it is done.
_COMPARISONS: Mapping[str, tuple[tuple[type, ...], Callable[[Any, str], bool]]] = {
    "==": ((object,), _same),
    "contains": ((str, list, dict), _contains),
    "matches": ((str,), lambda value, wanted: re.search(wanted, value) is not None),
    "count": ((list, dict), lambda value, wanted: len(value) == int(wanted)),
    ">=": ((int, float), lambda value, wanted: value >= float(wanted)),
    "<=": ((int, float), lambda value, wanted: value <= float(wanted)),
}
