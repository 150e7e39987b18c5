"""JSON-LD to canonical N-Quads, the bytes a proof signs: nothing fetched, nothing dropped, nothing guessed.

A JSON-LD processor is lenient: what it does not understand it leaves out, and a proof over what is
left says nothing about the rest. Here everything of the document is in the canonical form or the
document is refused. PyLD 3.3 does the work; each thing it would let through is listed below.

    what PyLD does                                           what happens here
    a term no context defines is left out                    refused (`on_property_dropped`)
    a relative or undefined type becomes an IRI under a base refused: the base is one nobody uses
    an IRI may hold `>` and is written as it stands          refused (it could end the IRI early)
    control characters are not escaped as RDFC-1.0 asks      refused, except tab and line ends
    null, empty lists, repeated values leave no trace        refused
    contexts written into the document, `ext:thing` as term  refused: only terms of pinned contexts

Source: CREDENTIALS.md 2; JSON-LD 1.1 API §5.1; RDF Dataset Canonicalization (RDFC-1.0) §4, §5.
"""

import hashlib
import json
import math
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, NoReturn

from pyld import jsonld as pyld
from pyld.context_resolver import ContextResolver

from ledger.encoding import strict_json
from ledger.errors import Corrupt, Malformed

CREDENTIALS_V2 = "https://www.w3.org/ns/credentials/v2"
OPEN_BADGES = "https://purl.imsglobal.org/spec/ob/v3p0/context-3.0.3.json"
OPEN_BADGES_EXTENSIONS = "https://purl.imsglobal.org/spec/ob/v3p0/extensions.json"
CLR = "https://purl.imsglobal.org/spec/clr/v2p0/context-2.0.1.json"


@dataclass(frozen=True)
class Pin:
    """One context: the file that holds it, and the SHA-256 of its JCS form in hexadecimal."""

    file: str
    sha256_hex: str


# A changed context changes what every signature means: the digests of SPEC.md 5, and of our own CLR file.
PINS: Mapping[str, Pin] = {
    CREDENTIALS_V2: Pin(
        "credentials-v2.json", "b463c8d6a066214123ddd9827b135e1b50e1fc73322cc52a9b12a4f1fc7d86cf"
    ),
    OPEN_BADGES: Pin(
        "open-badges-3.0.3.json", "c5e555a91a5cf48e32ae0a05674c61ddd5c053b680b5643b2f57f9965e386d99"
    ),
    OPEN_BADGES_EXTENSIONS: Pin(
        "open-badges-extensions.json", "15f4c347c6fe4380d9b6b93795859e33747ef48d5c55b91a71c52fb51c7bcbd7"
    ),
    CLR: Pin("clr-2.0.1.json", "e16d5d86d7db5d50ec19808635a780a0a3d435b8101cbfa0171042035fa54c36"),
}

DEPTH_MAX = 32
# Relative references are resolved against this; whatever then carries its scheme was relative.
# The odd scheme also catches `//host/path`, which keeps nothing of a base but the scheme.
_REFUSED_BASE = "x-relative-reference://refused.invalid/base/"
_REFUSED_SCHEME = "x-relative-reference:"
# What PyLD itself falls back to where no base reaches it.
_PYLD_BASE = "http://example.org/base/"
_IRI = re.compile(r'[A-Za-z][A-Za-z0-9+.\-]*:[^\x00-\x20\x7f<>"{}|\\^`]*')
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|[\ud800-\udfff]")
# Beyond this a number means one thing to a program with integers and another to one with doubles.
_INTEGER_MAX = 2**53 - 1


def canonical(document: Mapping[str, Any]) -> bytes:
    """Return the canonical N-Quads of a document written over the pinned contexts.

    Args:
        document: JSON object with `@context`; every string, key and type of it is signed.

    Returns:
        UTF-8, one quad a line, sorted, blank nodes named by RDFC-1.0 with SHA-256.

    Raises:
        Malformed: something in the document would be left out, guessed or written ambiguously.
        Corrupt: a context shipped with this package is not the pinned one.
    """
    return _shipped().canonical(document)


class Canonicaliser:
    """Turns documents over a closed set of contexts into canonical N-Quads; safe to share between threads."""

    def __init__(self, contexts: Mapping[str, Any]) -> None:
        """Take the contexts, URL to document, that a document may name; there are no others."""
        self._contexts = dict(contexts)
        # PyLD's processed contexts are kept per thread: its caches are not made for sharing.
        self._own = threading.local()

    def canonical(self, document: Mapping[str, Any]) -> bytes:
        """Return the canonical N-Quads; see the function of the same name."""
        self._refuse_unsignable(document, "", 0)
        options = {
            "algorithm": "URDNA2015",
            "format": "application/n-quads",
            "base": _REFUSED_BASE,
            "documentLoader": self._load,
            "contextResolver": self._resolver(),
        }
        try:
            quads = _Processor(on_property_dropped=_refuse_undefined).normalize(dict(document), options)
        except pyld.JsonLdError as error:
            # PyLD's own message quotes the document, and so might name a person: it is not passed on.
            raise _malformed("", f"JSON-LD processing failed: {_first_code(error)}") from None
        if not quads:
            raise _malformed("", "it says nothing: there is no quad to sign")
        return str(quads).encode()

    def _resolver(self) -> Any:
        resolver = getattr(self._own, "resolver", None)
        if resolver is None:
            # A plain dict: it can only grow to the scoped contexts of the pinned ones.
            resolver = ContextResolver({}, self._load)
            self._own.resolver = resolver
        return resolver

    def _load(self, url: str, _options: Any) -> dict[str, Any]:
        """Give PyLD a context we hold; `static` lets it keep the processed form."""
        if url not in self._contexts:
            raise _malformed("@context", "names a context that is not pinned here")
        return {"contextUrl": None, "documentUrl": url, "document": self._contexts[url], "tag": "static"}

    def _refuse_unsignable(self, value: Any, path: str, depth: int) -> None:
        """Refuse what would vanish from, or be ambiguous in, the canonical form; path is for the sentence."""
        if depth > DEPTH_MAX:
            raise _malformed(path, f"is nested deeper than {DEPTH_MAX}")
        if isinstance(value, Mapping):
            for key, member in value.items():
                self._refuse_member(key, member, f"{path}.{key}" if path else str(key), depth)
        elif isinstance(value, list):
            self._refuse_list(value, path, depth)
        else:
            _refuse_scalar(value, path)

    def _refuse_member(self, key: Any, member: Any, path: str, depth: int) -> None:
        if key == "@context":
            self._refuse_context(member, path)
            return
        if not isinstance(key, str) or not key or key.startswith("@") or ":" in key:
            raise _malformed(path, "is not a term of a pinned context")
        if key == "type":
            for name in member if isinstance(member, list) else [member]:
                if not isinstance(name, str) or ":" in name or name.startswith("@"):
                    raise _malformed(path, "is not a type of a pinned context")
        self._refuse_unsignable(member, path, depth + 1)

    def _refuse_context(self, member: Any, path: str) -> None:
        urls = member if isinstance(member, list) else [member]
        if not urls or not all(isinstance(url, str) and url in self._contexts for url in urls):
            raise _malformed(path, "names a context that is not pinned here")

    def _refuse_list(self, values: list[Any], path: str, depth: int) -> None:
        if not values:
            raise _malformed(path, "is an empty list, which leaves no trace")
        for index, value in enumerate(values):
            if isinstance(value, list):
                raise _malformed(f"{path}[{index}]", "is a list inside a list")
            self._refuse_unsignable(value, f"{path}[{index}]", depth + 1)
        scalars = [value for value in values if not isinstance(value, Mapping)]
        if len(scalars) != len(set(scalars)):
            raise _malformed(path, "holds the same value twice, and one would leave no trace")


class _Processor(pyld.JsonLdProcessor):  # type: ignore[misc]
    """PyLD's processor, looking at what came out of expansion before quads are made of it."""

    def expand(self, input_: Any, options: Any) -> Any:
        expanded = super().expand(input_, options)
        _refuse_odd_iris(expanded)
        return expanded


def _refuse_undefined(term: str | None) -> None:
    raise _malformed(term or "(a term set to null)", "is defined by none of the contexts in force there")


def _refuse_odd_iris(node: Any) -> None:
    """Refuse an expanded document that holds a relative or ambiguous IRI, or a named blank node."""
    if isinstance(node, list):
        for item in node:
            _refuse_odd_iris(item)
    elif isinstance(node, dict):
        for key, value in node.items():
            if key == "@id":
                _refuse_odd_iri(value, "an id")
            elif key == "@type":
                for name in value if isinstance(value, list) else [value]:
                    _refuse_odd_iri(name, "a type")
            elif key != "@value":
                if not key.startswith("@"):
                    _refuse_odd_iri(key, "a term")
                _refuse_odd_iris(value)


def _refuse_odd_iri(iri: Any, what: str) -> None:
    if isinstance(iri, str) and iri.startswith((_REFUSED_SCHEME, _PYLD_BASE)):
        name = iri.rsplit("/", 1)[-1] if what == "a type" else ""
        raise _malformed(name, f"{what} is a relative reference, or defined by none of the contexts")
    if not isinstance(iri, str) or not _IRI.fullmatch(iri):
        raise _malformed("", f"{what} is not an absolute IRI that can be written without ambiguity")


def _refuse_scalar(value: Any, path: str) -> None:
    if isinstance(value, bool):
        return
    if isinstance(value, str):
        if _CONTROL.search(value):
            raise _malformed(path, "holds a control character or half of a surrogate pair")
    elif isinstance(value, int):
        if abs(value) > _INTEGER_MAX:
            raise _malformed(path, "is a number that not every program can hold exactly")
    elif isinstance(value, float):
        if not math.isfinite(value) or abs(value) > _INTEGER_MAX:
            raise _malformed(path, "is a number that not every program can hold exactly")
    else:
        raise _malformed(path, "is null or no JSON value, and would leave no trace")


def _first_code(error: BaseException) -> str:
    """Return the JSON-LD error code nearest the cause, which names a kind of fault and no value."""
    code, link = "unspecified", error
    while True:
        code = getattr(link, "code", None) or code
        if link.__cause__ is None:
            return str(code)
        link = link.__cause__


def _malformed(path: str, why: str) -> Malformed:
    where = f"{path}: " if path else ""
    return Malformed(f"{where}{why}; the document cannot be signed or checked as it stands", code="jsonld")


def shipped_contexts() -> dict[str, Any]:
    """Return the contexts of this package, URL to document, each checked against its pin.

    Raises:
        Corrupt: a file is not the context that was pinned.
    """
    return {url: _pinned(url, pin) for url, pin in PINS.items()}


def _pinned(url: str, pin: Pin) -> Any:
    document = json.loads(files(__package__).joinpath("contexts", pin.file).read_bytes())
    if hashlib.sha256(strict_json.canonical(document)).hexdigest() != pin.sha256_hex:
        _not_as_pinned(url)
    return document


def _not_as_pinned(url: str) -> NoReturn:
    raise Corrupt(f"the context shipped for {url} is not the pinned one: reinstall the package")


@cache
def _shipped() -> Canonicaliser:
    return Canonicaliser(shipped_contexts())
