"""Tables that commands write into documents, between two marks that say which."""

import re
from pathlib import Path


def write_between(path: Path, name: str, text: str) -> bool:
    """Put a table between `<!-- NAME: begin -->` and `<!-- NAME: end -->`; False where neither stands."""
    marks = re.compile(
        rf"(<!-- {re.escape(name)}: begin -->\n).*?(<!-- {re.escape(name)}: end -->)", re.DOTALL
    )
    document = path.read_text(encoding="utf-8")
    if not marks.search(document):
        return False
    path.write_text(marks.sub(lambda found: f"{found[1]}\n{text}\n{found[2]}", document), encoding="utf-8")
    return True


def markdown(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """Return a Markdown table; the first column is what, the others are figures."""
    lines = [head, ("---", *["---:"] * (len(head) - 1)), *rows]
    return "".join(f"| {' | '.join(cell.replace(chr(10), '<br>') for cell in line)} |\n" for line in lines)
