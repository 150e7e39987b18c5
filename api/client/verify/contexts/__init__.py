"""The JSON-LD contexts that a verifier knows, shipped as data and pinned by digest.

Source: SPEC.md 5 (pins), CREDENTIALS.md 2 (where they come from); licences stand in `LICENSES`.
"""

import hashlib
import json
from importlib.resources import files
from typing import Any

from ...errors import ClientError
from ...jose import canonical

CREDENTIALS = "https://www.w3.org/ns/credentials/v2"
OPEN_BADGES = "https://purl.imsglobal.org/spec/ob/v3p0/context-3.0.3.json"
EXTENSIONS = "https://purl.imsglobal.org/spec/ob/v3p0/extensions.json"
CLR = "https://purl.imsglobal.org/spec/clr/v2p0/context-2.0.1.json"

# Address: file, SHA-256 of its canonical (JCS) form.
PINS = {
    CREDENTIALS: (
        "credentials-v2.json",
        "b463c8d6a066214123ddd9827b135e1b50e1fc73322cc52a9b12a4f1fc7d86cf",
    ),
    OPEN_BADGES: (
        "open-badges-3.0.3.json",
        "c5e555a91a5cf48e32ae0a05674c61ddd5c053b680b5643b2f57f9965e386d99",
    ),
    EXTENSIONS: (
        "open-badges-extensions.json",
        "15f4c347c6fe4380d9b6b93795859e33747ef48d5c55b91a71c52fb51c7bcbd7",
    ),
    CLR: (
        "clr-2.0.1.json",
        "e16d5d86d7db5d50ec19808635a780a0a3d435b8101cbfa0171042035fa54c36",
    ),
}


def load() -> dict[str, Any]:
    """Return the pinned contexts by address.

    Raises:
        ClientError: a file is not the one that was pinned; the installation is damaged.
    """
    folder = files(__package__)
    contexts = {}
    for address, (name, digest_hex) in PINS.items():
        context = json.loads(folder.joinpath(name).read_bytes())
        if hashlib.sha256(canonical(context)).hexdigest() != digest_hex:
            raise ClientError(
                f"{name} is not the file that was shipped: install the program again", code="damaged"
            )
        contexts[address] = context
    return contexts
