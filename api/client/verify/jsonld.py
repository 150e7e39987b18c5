"""From a JSON-LD document to the text that its signature covers; what would not be covered is refused.

A credential is signed over the statements a JSON-LD processor reads out of it, not over its bytes.
So whatever the processor passes over in silence could be added to a signed credential unnoticed:
terms no context defines, null, empty lists, relative addresses. All of it is refused, before or
after PyLD expands the document. Contexts come from this package only; there is no network.

Source: CREDENTIALS.md 2; JSON-LD 1.1 API §5, §8; Data Integrity §4.6 and §6 (closed contexts).
"""

import re
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from pyld import jsonld
from pyld.context_resolver import ContextResolver

from ..errors import Malformed
from ..jose import canonical as jcs
from . import contexts
from .rdfc import Quad, canonical_nquads

# What a document may hold. PyLD compares every value of a list with every other, and looks up a
# context for every type, so these bound its time: a record of 100 awards has about 25 000 values.
VALUES_MAX = 40_000
LIST_MAX = 256
SAME_MEMBER_MAX = 1_024
TYPES_MAX = 8
DEPTH_MAX = 32
_INTEGER_MAX = 2**53

# Where PyLD puts a relative reference: our own base, and the one it falls back to without being asked.
_BASE = "x-relative://refused/"
_RELATIVE = ("x-relative:", jsonld.DEFAULT_BASE_IRI)
_IRI = re.compile(r"""[A-Za-z][A-Za-z0-9+.-]*:[^\x00-\x20<>"{}|\\^`\x7f-\x9f]*""")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
# Members whose value is a JSON literal, or a claim of another format under its own rules.
_FOREIGN = frozenset(
    [
        "_sd",
        "_sd_alg",
        "...",
        "aud",
        "cnf",
        "endorsementJwt",
        "exp",
        "iat",
        "iss",
        "jku",
        "jsonSchema",
        "jti",
        "jwk",
        "kid",
        "nbf",
        "sub",
        "x5u",
    ]
)
_KEYWORDS = frozenset(("@id", "@type", "@value", "@list", "@graph"))
_STRING = "http://www.w3.org/2001/XMLSchema#string"
_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t", "\b": "\\b", "\f": "\\f"}
_ESCAPED = re.compile(r'[\x00-\x1f\x7f"\\]')


class Canonicaliser:
    """Turns documents into canonical N-Quads under a closed set of contexts; may be shared by threads."""

    def __init__(self, documents: Mapping[str, Any]) -> None:
        """Know these contexts (address to document) and no others."""
        self._contexts = dict(documents)
        self._own = threading.local()

    def canonical(self, document: Mapping[str, Any]) -> bytes:
        """Return the canonical N-Quads (RDFC-1.0) of a document, UTF-8.

        Raises:
            Malformed: the document holds something the signature would not cover, names a context
                that is not known here, is not JSON-LD, or would take too much work.
        """
        refuse_uncovered(document, self._contexts)
        try:
            dataset = _Processor(on_property_dropped=_refuse_undefined).to_rdf(
                dict(document), self._options()
            )
            return canonical_nquads(_quads(dataset)).encode()
        except jsonld.JsonLdError as error:
            raise Malformed("it is not JSON-LD that can be read in one way only", code="json-ld") from error
        except RecursionError as error:
            raise Malformed("its parts are nested too deeply in each other", code="too-much-work") from error

    def _options(self) -> dict[str, Any]:
        # PyLD's shared cache is not safe across threads, and forgets; processed contexts stay here.
        if not hasattr(self._own, "resolver"):
            self._own.resolver = ContextResolver({}, self._load)
        return {"base": _BASE, "documentLoader": self._load, "contextResolver": self._own.resolver}

    def _load(self, address: str, _options: Any) -> dict[str, Any]:
        if address not in self._contexts:
            raise Malformed("it uses a vocabulary (@context) that is not known here", code="unknown-context")
        return {
            "contextUrl": None,
            "documentUrl": address,
            "document": self._contexts[address],
            "tag": "static",
        }


@cache
def pinned() -> Canonicaliser:
    """Return the one canonicaliser of the pinned contexts."""
    return Canonicaliser(contexts.load())


class _Processor(jsonld.JsonLdProcessor):  # type: ignore[misc]  # PyLD has no types
    """PyLD's processor, with a look at what came out of expansion before it becomes quads."""

    def expand(self, input_: Any, options: Any) -> Any:
        """Expand, then refuse addresses that are relative or could break out of their line."""
        expanded = super().expand(input_, options)
        _refuse_loose_addresses(expanded)
        return expanded


# ------------------------------------------------------------------ before expansion


def refuse_uncovered(document: Mapping[str, Any], known: Mapping[str, Any]) -> None:
    """Refuse what leaves no trace in the canonical form, or costs too much to canonicalise.

    Args:
        document: a JSON object.
        known: addresses of the contexts it may name.

    Raises:
        Malformed: with the reason.
    """
    walk = _Walk(known)
    walk.value(document, 1)
    if any(number > SAME_MEMBER_MAX for number in walk.members_of_one_thing.values()):
        raise Malformed("it says too many things about one subject", code="too-much-work")


class _Walk:
    """One walk through a document."""

    def __init__(self, known: Mapping[str, Any]) -> None:
        self.known = known
        self.left = VALUES_MAX
        # (id, member): values, over all the objects with that id, which JSON-LD merges into one node.
        self.members_of_one_thing: Counter[tuple[str, str]] = Counter()

    def value(self, value: Any, depth: int) -> None:
        self.left -= 1
        if self.left < 0 or depth > DEPTH_MAX:
            raise Malformed("it is too large, or nested too deeply, to be checked", code="too-much-work")
        if isinstance(value, Mapping):
            for name, member in value.items():
                self._member(value, name, member, depth)
        elif isinstance(value, list):
            self._list(value, depth)
        else:
            _refuse_scalar(value)

    def _member(self, holder: Mapping[str, Any], name: str, member: Any, depth: int) -> None:
        if name == "@context":
            self._context(member)
            return
        if name.startswith("@") or ":" in name or name in _FOREIGN or not name:
            raise _undefined(name)
        if name == "type":
            _refuse_types(member)
        elif isinstance(holder.get("id"), str):
            self.members_of_one_thing[holder["id"], name] += len(member) if isinstance(member, list) else 1
        self.value(member, depth + 1)

    def _context(self, member: Any) -> None:
        addresses = member if isinstance(member, list) else [member]
        if not addresses or not all(isinstance(one, str) and one in self.known for one in addresses):
            raise Malformed("it uses a vocabulary (@context) that is not known here", code="unknown-context")

    def _list(self, values: list[Any], depth: int) -> None:
        if not values:
            raise Malformed("it holds an empty list, which no signature covers", code="uncovered")
        if len(values) > LIST_MAX:
            raise Malformed(f"it holds a list of more than {LIST_MAX} values", code="too-much-work")
        for value in values:
            if isinstance(value, list):
                raise Malformed("it holds a list inside a list", code="uncovered")
            self.value(value, depth + 1)
        scalars = [jcs(value) for value in values if not isinstance(value, Mapping)]
        if len(set(scalars)) < len(scalars):
            raise Malformed(
                "it says the same twice in one list, and the signature covers it once", code="uncovered"
            )


def _refuse_types(member: Any) -> None:
    types = member if isinstance(member, list) else [member]
    if len(types) > TYPES_MAX:
        raise Malformed(f"something in it has more than {TYPES_MAX} types", code="too-much-work")
    for name in types:
        if not isinstance(name, str) or ":" in name or name.startswith("@"):
            raise _undefined(name if isinstance(name, str) else "type")


def _refuse_scalar(value: Any) -> None:
    if value is None:
        raise Malformed("it holds an empty value (null), which no signature covers", code="uncovered")
    if isinstance(value, str):
        if _CONTROL.search(value):
            raise Malformed("it holds control characters", code="control-characters")
    elif not isinstance(value, bool) and not abs(value) <= _INTEGER_MAX:
        raise Malformed("it holds a number too large to be read in one way only", code="number")


# ------------------------------------------------------------------ during and after expansion


def _refuse_undefined(term: str | None) -> None:
    raise _undefined(term or "")


def _refuse_loose_addresses(node: Any) -> None:
    if isinstance(node, list):
        for item in node:
            _refuse_loose_addresses(item)
    elif isinstance(node, dict):
        for key, value in node.items():
            if key in ("@id", "@type"):
                for address in value if isinstance(value, list) else [value]:
                    _refuse_loose_address(address)
            elif key != "@value":
                if key not in _KEYWORDS:
                    _refuse_loose_address(key)
                _refuse_loose_addresses(value)


def _refuse_loose_address(address: str) -> None:
    if address.startswith(_RELATIVE):
        raise _undefined(address.rsplit("/", 1)[-1])
    # Blank nodes named in the document (`_:x`) fail here too: they could tie parts together unseen.
    if not _IRI.fullmatch(address):
        raise Malformed("it holds an address that is not one", code="address")


def _undefined(term: str) -> Malformed:
    shown = re.sub(r"[^\w .:@-]", "?", term)[:40]
    return Malformed(f"“{shown}” in it is defined by none of its vocabularies", code="undefined-term")


# ------------------------------------------------------------------ to quads


def _quads(dataset: Mapping[str, list[dict[str, Any]]]) -> Iterator[Quad]:
    for graph_name, triples in dataset.items():
        graph = "" if graph_name == "@default" else _named(graph_name)
        for triple in triples:
            yield (
                _named(triple["subject"]["value"]),
                _named(triple["predicate"]["value"]),
                _term(triple["object"]),
                graph,
            )


def _named(name: str) -> str:
    return name if name.startswith("_:") else f"<{name}>"


def _term(term: Mapping[str, Any]) -> str:
    """Return an object in canonical N-Quads. Source: RDFC-1.0 §5."""
    if term["type"] != "literal":
        return _named(term["value"])
    literal = '"' + _ESCAPED.sub(_escape, term["value"]) + '"'
    return literal if term["datatype"] == _STRING else f"{literal}^^<{term['datatype']}>"


def _escape(found: re.Match[str]) -> str:
    return _ESCAPES.get(found[0]) or f"\\u{ord(found[0]):04X}"
