"""Tables that commands write into documents, between two marks that say which."""

import re
from collections.abc import Collection, Sequence
from pathlib import Path

Row = tuple[str, ...]


def has_place(path: Path, name: str) -> bool:
    """Whether a document has lines `<!-- NAME: begin -->` and `<!-- NAME: end -->`, in this order."""
    return _place(path.read_text(encoding="utf-8"), name) is not None


def write_rows(
    path: Path,
    name: str,
    head: Row,
    rows: Sequence[Row],
    order: Sequence[str],
    figures: Collection[int] | None = None,
) -> None:
    """Put rows between the two marks of a document that has them.

    A row is known by its first cell; several may have the same. Rows that stand there and were not made
    this time stay as they are, unless the table has another head now.

    Args:
        path: the document.
        name: which table, as the marks say it.
        head: names of the columns.
        rows: what was made this time.
        order: first cells of all rows, as the table has them; one that is not among them is taken out.
        figures: see `markdown`.
    """
    document = path.read_text(encoding="utf-8")
    place = _place(document, name)
    assert place is not None, "it was asked before anything was made"
    made = {row[0] for row in rows}
    kept = [row for row in _rows_under(head, place[2]) if row[0] not in made]
    all_rows = sorted((row for row in (*rows, *kept) if row[0] in order), key=lambda row: order.index(row[0]))
    text = markdown(head, all_rows, figures)
    path.write_text(
        document[: place.start()] + f"{place[1]}\n{text}\n{place[3]}" + document[place.end() :],
        encoding="utf-8",
    )


def _place(document: str, name: str) -> re.Match[str] | None:
    begin, end = (re.escape(f"<!-- {name}: {which} -->") for which in ("begin", "end"))
    return re.search(rf"({begin}\n)(.*?)({end})", document, re.DOTALL)


def _rows_under(head: Row, text: str) -> list[Row]:
    """Return the rows of a table that has this head, of any other text none."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    found, _rule, *rows = [tuple(map(str.strip, line[1:-1].split("|"))) for line in lines] or [(), ()]
    return rows if found == head else []


def markdown(head: Row, rows: Sequence[Row], figures: Collection[int] | None = None) -> str:
    """Return a Markdown table.

    Args:
        head: names of the columns.
        rows: their cells.
        figures: places of the columns that stand to the right; None for all but the first.
    """
    right = range(1, len(head)) if figures is None else figures
    rule = tuple("---:" if at in right else "---" for at in range(len(head)))
    return "".join(f"| {' | '.join(map(_cell, line))} |\n" for line in (head, rule, *rows))


def _cell(text: str) -> str:
    return text.replace("\n", "<br>")


def spaced(number: float) -> str:
    """Return a whole number, or what is nearest to it, with a space between thousands."""
    return f"{number:,.0f}".replace(",", " ")
