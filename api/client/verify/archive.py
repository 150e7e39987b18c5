"""The offline bundle: a ZIP read in memory, within limits, never unpacked to a disk.

Source: SPEC.md 5; INTERFACES.md 9 (bounded inflate).
"""

import io
import re
import struct
import zipfile
import zlib
from collections.abc import Iterable
from dataclasses import dataclass

from ..errors import Malformed

FIRST_BYTES = b"PK\x03\x04"
BUNDLE_SIZE_MAX_BYTES = 4 * 1024 * 1024
MEMBER_SIZE_MAX_BYTES = 1024 * 1024
TOTAL_SIZE_MAX_BYTES = 8 * 1024 * 1024
MEMBERS_MAX = 1_000
_ENCRYPTED = 0x1
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_NUMBERED = r"(?:-(\d{1,4}))?"
_STATUS_LIST = re.compile(rf"status-list{_NUMBERED}\.json")
_DID_DOCUMENT = re.compile(rf"did{_NUMBERED}\.json")
_RECEIPT = re.compile(rf"award{_NUMBERED}\.tlog-proof")
_ISSUED = re.compile(rf"issued{_NUMBERED}\.tlog-proof")
_LIST_RECORD = re.compile(rf"status-list{_NUMBERED}\.tlog-proof")
# What zipfile and zlib say of an archive that is cut off, forged or of a kind they do not read.
_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    NotImplementedError,
    OSError,
    RuntimeError,
    ValueError,
)


@dataclass(frozen=True)
class Members:
    """The papers of a bundle that a check reads; several of one kind in the order of their numbers.

    `receipts` are those of awards, `issued` those of the signing of documents, `list_records` those of
    the status lists' bits.

    The trust file of a bundle is left where it is: it is never trusted by itself.
    """

    credential: bytes | None
    status_lists: tuple[bytes, ...]
    did_documents: tuple[bytes, ...]
    receipts: tuple[bytes, ...]
    issued: tuple[bytes, ...]
    list_records: tuple[bytes, ...]


def open_bundle(data: bytes) -> Members:
    """Return the members of a bundle.

    Raises:
        Malformed: too large, damaged, encrypted, a name that is a path or stands twice, or a member
            that inflates to more than it may; the message is one sentence.
    """
    if len(data) > BUNDLE_SIZE_MAX_BYTES:
        raise Malformed("The bundle is larger than 4 MB.", code="too-large")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = {entry.filename: entry for entry in _checked(archive.infolist())}
            reader = _Reader(archive)
            return Members(
                credential=reader.read(entries["credential.json"]) if "credential.json" in entries else None,
                status_lists=tuple(map(reader.read, _of_kind(entries, _STATUS_LIST))),
                did_documents=tuple(map(reader.read, _of_kind(entries, _DID_DOCUMENT))),
                receipts=tuple(map(reader.read, _of_kind(entries, _RECEIPT))),
                issued=tuple(map(reader.read, _of_kind(entries, _ISSUED))),
                list_records=tuple(map(reader.read, _of_kind(entries, _LIST_RECORD))),
            )
    except _DAMAGE as error:
        raise Malformed(
            "The bundle (ZIP) is damaged or encrypted: ask for it again.", code="bundle-damaged"
        ) from error


def _checked(entries: list[zipfile.ZipInfo]) -> list[zipfile.ZipInfo]:
    names = [entry.filename for entry in entries]
    if len(names) > MEMBERS_MAX:
        raise Malformed(f"The bundle holds more than {MEMBERS_MAX} files.", code="bundle-members")
    if not all(_NAME.fullmatch(name) for name in names):
        raise Malformed("The bundle holds a file whose name is a path or no plain name.", code="bundle-name")
    if len({name.casefold() for name in names}) < len(names):
        raise Malformed("The bundle holds two files of one name.", code="bundle-duplicate")
    return entries


def _of_kind(entries: dict[str, zipfile.ZipInfo], kind: re.Pattern[str]) -> Iterable[zipfile.ZipInfo]:
    found = [
        (int(match[1] or 1), entry) for name, entry in entries.items() if (match := kind.fullmatch(name))
    ]
    return [entry for _, entry in sorted(found, key=lambda numbered: numbered[0])]


class _Reader:
    """Reads members while the bundle as a whole stays within its limit."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self.archive = archive
        self.left = TOTAL_SIZE_MAX_BYTES

    def read(self, entry: zipfile.ZipInfo) -> bytes:
        if entry.flag_bits & _ENCRYPTED or entry.compress_type not in (
            zipfile.ZIP_STORED,
            zipfile.ZIP_DEFLATED,
        ):
            raise zipfile.BadZipFile(entry.filename)
        limit = min(self.left, MEMBER_SIZE_MAX_BYTES)
        with self.archive.open(entry) as stream:
            # One byte more than allowed is asked for, so that nothing is inflated beyond it.
            content = stream.read(limit + 1)
        if len(content) > limit:
            raise Malformed("A file in the bundle unpacks to more than it may.", code="bundle-bomb")
        if len(content) != entry.file_size:
            raise zipfile.BadZipFile(entry.filename)
        self.left -= len(content)
        return content
