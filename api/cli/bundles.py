"""Offline bundles that somebody has meddled with, as the demonstration and the drills hand them in."""

import io
import zipfile
from collections.abc import Mapping

DOCUMENT = "credential.json"


def document_of(bundle: bytes) -> bytes:
    """Return the bytes of the document that a bundle carries."""
    with zipfile.ZipFile(io.BytesIO(bundle)) as archive:
        return archive.read(DOCUMENT)


def changed(bundle: bytes, members: Mapping[str, bytes | None]) -> bytes:
    """Return a bundle with other members; those that become None are left out."""
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(bundle)) as old, zipfile.ZipFile(made, "w") as new:
        for name in old.namelist():
            content = members[name] if name in members else old.read(name)
            if content is not None:
                new.writestr(name, content)
    return made.getvalue()
