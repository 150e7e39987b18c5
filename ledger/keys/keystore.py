"""A folder of private keys, each in a file of its own, opened by one passphrase.

Labels say what a key is for: `registrar`, `checkpoint`, `checkpoint-mldsa44`, `receipt`, `credential`
(the operator's),
`95001.submission`, `95001.credential` (a provider's, in custody: see `custody_label`).

Source: LEDGER.md 2 (separate keys per purpose), SPEC.md 4 (D/keys, mode 0600).
"""

import re
from pathlib import Path

from ledger.errors import Unauthorised
from ledger.keys.did import body_segment
from ledger.keys.mldsa import MldsaSigner
from ledger.keys.signer import FileSigner, Signer

_LABEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._%-]*")


def custody_label(reference: int | str, purpose: str) -> str:
    """Return the label of an organisation's key in custody: `95001.submission`, `ISB-FOOD_FIBRE.credential`.

    Args:
        reference: the organisation's number, or its body code.
        purpose: `submission` or `credential`.
    """
    return f"{body_segment(str(reference))}.{purpose}"


class KeyStore:
    """Private keys by label; a key is read once and kept."""

    def __init__(self, folder: Path, passphrase: bytes) -> None:
        self._folder = folder
        self._passphrase = passphrase
        self._open: dict[str, Signer] = {}

    def create(self, label: str, alg: str = "Ed25519") -> Signer:
        """Make a new key under `label`; FileExistsError when there is one."""
        path = self._path(label)
        if path.exists():
            raise FileExistsError(f"a key named {label} exists already")
        self._open[label] = FileSigner.create(path, alg, self._passphrase)
        return self._open[label]

    def get(self, label: str) -> Signer:
        """Return the key under `label`; Unauthorised when it is not in custody here."""
        signer = self._open.get(label)
        if signer is None:
            path = self._path(label)
            if not path.exists():
                raise Unauthorised(f"no key named {label} is in custody here", code="custody")
            signer = self._open[label] = FileSigner.load(path, self._passphrase)
        return signer

    def create_mldsa(self, label: str) -> MldsaSigner:
        """Make a new ML-DSA-44 key under `label`; FileExistsError when there is one."""
        return MldsaSigner.create(self._path(label), self._passphrase)

    def mldsa(self, label: str) -> MldsaSigner:
        """Return the ML-DSA-44 key under `label`; Unauthorised when it is not in custody here."""
        path = self._path(label)
        if not path.exists():
            raise Unauthorised(f"no key named {label} is in custody here", code="custody")
        return MldsaSigner.load(path, self._passphrase)

    def has(self, label: str) -> bool:
        """Whether a key under `label` is in custody here."""
        return label in self._open or self._path(label).exists()

    def _path(self, label: str) -> Path:
        assert _LABEL.fullmatch(label), f"not a key label: {label}"
        return self._folder / f"{label}.pem"
