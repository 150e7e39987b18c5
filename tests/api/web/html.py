"""Pages read as assistive technology reads them: landmarks, headings, names, ids, links."""

from collections import Counter
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

VOID = frozenset({"br", "hr", "img", "input", "link", "meta"})
SVG_LEAVES = frozenset({"path", "circle", "rect"})
CELLS = frozenset({"td", "th", "dt", "dd", "li"})
LABELLED = frozenset({"input", "select", "textarea"})
Attributes = dict[str, str | None]


@dataclass
class Element:
    """An element with what stands in it."""

    name: str
    attributes: Attributes
    text: str = ""
    inside: tuple[str, ...] = ()  # names of the elements around it, outermost first


@dataclass
class Page(HTMLParser):
    """A page, taken apart. `faults` are what a validator would say of its nesting."""

    source: str
    elements: list[Element] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Read the source."""
        super().__init__(convert_charrefs=True)
        self._open: list[Element] = []
        self.doctype = ""
        self.feed(self.source)
        self.close()
        self.faults += [f"<{element.name}> is never closed" for element in self._open]

    def handle_decl(self, decl: str) -> None:
        """Note the document type."""
        self.doctype = decl.lower()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element; doubled attributes are a fault."""
        doubled = [name for name, count in Counter(name for name, _ in attrs).items() if count > 1]
        self.faults += [f"<{tag}> has {name} twice" for name in doubled]
        element = Element(tag, dict(attrs), inside=tuple(one.name for one in self._open))
        self.elements.append(element)
        if tag not in VOID:
            self._open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a self-closing element, which only SVG has."""
        if tag not in SVG_LEAVES:
            self.faults.append(f"<{tag}/> closes itself")
        self.elements.append(Element(tag, dict(attrs), inside=tuple(one.name for one in self._open)))

    def handle_endtag(self, tag: str) -> None:
        """Close an element; only the innermost may be closed."""
        if not self._open or self._open[-1].name != tag:
            self.faults.append(f"</{tag}> closes {self._open[-1].name if self._open else 'nothing'}")
            return
        self._open.pop()
        if tag in CELLS:
            self.handle_data(" ")

    def handle_data(self, data: str) -> None:
        """Give text to every element around it."""
        for element in self._open:
            element.text += data

    # -------------------------------------------------------------- asking

    def all(self, name: str, /, **attributes: str) -> list[Element]:
        """Return the elements of a name with these attributes."""
        return [
            one
            for one in self.elements
            if one.name == name
            and all(one.attributes.get(key.replace("_", "-")) == value for key, value in attributes.items())
        ]

    def one(self, name: str, /, **attributes: str) -> Element:
        """Return the only element of a name with these attributes."""
        (found,) = self.all(name, **attributes)
        return found

    @property
    def text(self) -> str:
        """Everything there is to be read in it, spaces put together."""
        return " ".join(self.one("body").text.split())

    @property
    def ids(self) -> list[str]:
        """Every id, in order."""
        return [value for one in self.elements if (value := one.attributes.get("id"))]

    @property
    def headings(self) -> list[int]:
        """The levels of its headings, in order."""
        return [int(one.name[1]) for one in self.elements if one.name in ("h1", "h2", "h3", "h4", "h5", "h6")]

    @property
    def links(self) -> list[str]:
        """Where its links lead, in order."""
        return [str(one.attributes["href"]) for one in self.elements if one.name == "a"]

    def labels_of(self, element: Element) -> list[Any]:
        """Return what names a field."""
        return [one for one in self.all("label") if one.attributes.get("for") == element.attributes.get("id")]


def read(text: str) -> Page:
    """Return a page taken apart."""
    return Page(text)
