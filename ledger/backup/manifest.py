"""What a backup says of itself: whose it is, of when, how far it reaches, and the digest of every file.

Two files: `manifest.json`, in its one canonical form, and `manifest.json.jws`, a detached JWS over those
bytes by the operator's receipt key. That key signs what the operator answers for at a moment, and so it
does here; the type in the header keeps the two apart. A folder without them is no backup.

Source: RFC 8785 (JCS), RFC 7515 appendix F (detached content).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from ledger.encoding.strict_json import b64url, canonical, parse, unb64url
from ledger.errors import Absent, Malformed
from ledger.keys.signer import Signer, jws_read, jws_sign, jws_verify
from ledger.log.merkle import HASH_BYTES

FORMAT = "achievement-ledger/backup/v1"
SIGNATURE_TYP = "achievement-backup+jws"
MANIFEST, SIGNATURE = "manifest.json", "manifest.json.jws"
_MAX_BYTES = 1_000_000
_FILES_MAX = 16
_MEMBERS = {"format", "origin", "made_at", "size", "root", "checkpoint", "epoch", "files"}
_FILE_MEMBERS = {"name", "bytes", "sha256", "version"}


@dataclass(frozen=True, slots=True)
class CopiedFile:
    """One file of a backup.

    size: in bytes. sha256: 32 bytes. version: of the database (`PRAGMA user_version`), None for another file.
    """

    name: str
    size: int
    sha256: bytes
    version: int | None


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup says of itself.

    origin: name of the log. made_at: when it was begun, RFC 3339 UTC.
    size, root: of the records in it. checkpoint: the newest signed one in it with its cosignatures, None
    before the first. epoch: of the vault in it, counted from 1. files: in the order they were copied.
    """

    origin: str
    made_at: str
    size: int
    root: bytes
    checkpoint: str | None
    epoch: int
    files: tuple[CopiedFile, ...]

    def to_bytes(self) -> bytes:
        """Return the exact bytes that are signed."""
        return canonical(
            {
                "format": FORMAT,
                "origin": self.origin,
                "made_at": self.made_at,
                "size": self.size,
                "root": b64url(self.root),
                "checkpoint": self.checkpoint,
                "epoch": self.epoch,
                "files": [
                    {
                        "name": one.name,
                        "bytes": one.size,
                        "sha256": b64url(one.sha256),
                        "version": one.version,
                    }
                    for one in self.files
                ],
            }
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Return the manifest that these bytes are; Malformed where they are none in its one form."""
        value = parse(data, size_max_bytes=_MAX_BYTES)
        if not isinstance(value, dict) or value.keys() != _MEMBERS or value["format"] != FORMAT:
            raise Malformed(f"{MANIFEST} is no manifest of a backup that this program knows")
        texts = [value["origin"], value["made_at"], value["root"]]
        numbers = [value["size"], value["epoch"]]
        files, checkpoint = value["files"], value["checkpoint"]
        if (
            not all(isinstance(one, str) for one in texts)
            or not all(type(one) is int and one >= 0 for one in numbers)
            or not (checkpoint is None or isinstance(checkpoint, str))
            or not (isinstance(files, list) and len(files) <= _FILES_MAX)
        ):
            raise Malformed(f"{MANIFEST} holds values of other kinds than it has to")
        made = cls(
            value["origin"],
            value["made_at"],
            value["size"],
            _hash(value["root"]),
            checkpoint,
            value["epoch"],
            tuple(map(_file, files)),
        )
        if made.to_bytes() != data:
            raise Malformed(f"{MANIFEST} is not in its canonical form")
        return made


@dataclass(frozen=True, slots=True)
class SignedManifest:
    """A manifest as it was read, and who it says has signed it; whether that holds is another question."""

    manifest: Manifest
    data: bytes
    signature: str
    kid: str

    def check(self, jwk: Mapping[str, Any]) -> None:
        """Raise Unauthorised where the signature is not that key's."""
        jws_verify(_attached(self.signature, self.data), dict(jwk), SIGNATURE_TYP)


def sign_manifest(data: bytes, signer: Signer) -> str:
    """Return the detached JWS over the bytes of a manifest: `header..signature`."""
    header, _, signature = jws_sign(signer, data, SIGNATURE_TYP).split(".")
    return f"{header}..{signature}"


def read_manifest(backup: Path) -> SignedManifest:
    """Return the manifest in a folder.

    Raises:
        Absent: there is none: the folder is no backup, or one that was not finished.
        Malformed: it cannot be read.
    """
    data, signature = _read(backup / MANIFEST), _read(backup / SIGNATURE)
    try:
        text = signature.decode().strip()
    except UnicodeDecodeError as error:
        raise Malformed(f"{SIGNATURE} is not text") from error
    manifest = Manifest.from_bytes(data)
    return SignedManifest(manifest, data, text, jws_read(_attached(text, data)).header["kid"])


def _attached(signature: str, data: bytes) -> str:
    parts = signature.split(".")
    if len(parts) != 3 or parts[1]:  # noqa: PLR2004 - header, nothing, signature
        raise Malformed(f"{SIGNATURE} is not a detached JWS")
    return f"{parts[0]}.{b64url(data)}.{parts[2]}"


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_MAX_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise Absent(
            f"{path.parent} is no backup, or one that was not finished: it has no {path.name}"
        ) from error


def _file(value: Any) -> CopiedFile:
    if not isinstance(value, dict) or value.keys() != _FILE_MEMBERS:
        raise Malformed(f"{MANIFEST} lists something that is no file")
    name, size, version = value["name"], value["bytes"], value["version"]
    if (
        not (isinstance(name, str) and Path(name).name == name and not name.startswith("."))
        or type(size) is not int
        or size < 0
        or not (version is None or (type(version) is int and version >= 0))
    ):
        raise Malformed(f"{MANIFEST} lists a file with values of other kinds than it has to")
    return CopiedFile(name, size, _hash(value["sha256"]), version)


def _hash(text: Any) -> bytes:
    digest = unb64url(text) if isinstance(text, str) else b""
    if len(digest) != HASH_BYTES:
        raise Malformed(f"{MANIFEST} holds a digest that is none")
    return digest
