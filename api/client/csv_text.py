"""CSV bytes to cells: what is not UTF-8, not text or not CSV is told apart and refused.

Source: DOMAIN.md 7.2 (UTF-8, byte order mark tolerated, RFC 4180 quotes, CRLF and LF).
"""

import csv
import io
from collections.abc import Iterable, Iterator

from .errors import Malformed
from .findings import Finding, finding

_BOM = b"\xef\xbb\xbf"
_MAGIC = (  # first bytes of what people send by mistake
    (b"PK\x03\x04", "a spreadsheet workbook or ZIP archive"),
    (b"\xd0\xcf\x11\xe0", "a spreadsheet workbook of the old kind"),
    (b"%PDF", "a PDF document"),
    (b"\x1f\x8b", "a gzip archive"),
)


class FileRefused(Malformed):
    """The file cannot be read at all; carries the finding that says why."""

    def __init__(self, found: Finding) -> None:
        super().__init__(found.message, code=found.code)
        self.finding = found


def decode(data: bytes, size_max_bytes: int) -> str:
    """Return the file's text without its byte order mark; raises FileRefused."""
    if len(data) > size_max_bytes:
        raise FileRefused(finding("E905", hint=f"more than {size_max_bytes} bytes"))
    for magic, what in _MAGIC:
        if data.startswith(magic):
            raise unreadable(f"This is {what}, not a CSV file.", "Export or save the sheet as CSV UTF-8.")
    try:
        text = data.removeprefix(_BOM).decode("utf-8")
    except UnicodeDecodeError as error:
        raise FileRefused(_encoding(data)) from error
    if "\0" in text:
        raise FileRefused(_not_text())
    if text.lstrip()[:1] in ("{", "["):
        raise unreadable("This is JSON, not a CSV file.", "Send it as application/jsonl, or save it as CSV.")
    return text


def _encoding(data: bytes) -> Finding:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return finding("E903", hint="UTF-16")
    try:
        text = data.decode("windows-1252")
    except UnicodeDecodeError:
        return _not_text()
    return _not_text() if "\0" in text else finding("E903", hint="Windows-1252")


def _not_text() -> Finding:
    return finding("E901", hint="This is not a text file.", fix="Export or save the sheet as CSV UTF-8.")


def lines_of(text: str) -> Iterator[str]:
    """Yield the lines of a text with their ends as they are: CRLF, LF or CR."""
    return iter(io.StringIO(text, newline=""))


def records(lines: Iterable[str]) -> Iterator[list[str]]:
    """Yield the cells of each record, a blank line as []; raises FileRefused where the quotes break."""
    reader = csv.reader(lines, strict=True)
    try:
        yield from reader
    except csv.Error as error:
        line = reader.line_num
        raise unreadable(
            f"The file stops being CSV near line {line} (a quote that is not closed or not doubled).",
            "Check the quotation marks there, or whether the file was cut off, and send it again.",
        ) from error


def unreadable(hint: str, fix: str) -> FileRefused:
    """Return the refusal (E901) of a file that is not what it should be."""
    return FileRefused(finding("E901", hint=hint, fix=fix))
