"""A folder of private keys, each in a file of its own, opened by one passphrase.

Labels say what a key is for: `registrar`, `checkpoint`, `checkpoint-mldsa44`, `receipt`, `credential`
(the operator's), `95001.submission`, `95001.credential` (a provider's, in custody: see
`custody_label`).

A key is rotated by a next one beside it, a generation: `95001.credential`, `95001.credential~2`,
`95001.credential~3`. No reference and no purpose has a `~` (`body_segment` codes it), so no generation
is ever another organisation's key. Which of them signs, the register says: see `current_signer`.

Source: LEDGER.md 2 (separate keys per purpose, keys count by log position), SPEC.md 4 (D/keys,
mode 0600).
"""

import re
import threading
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

from ledger.errors import Unauthorised
from ledger.keys.did import body_segment
from ledger.keys.keyring import Keyring
from ledger.keys.mldsa import MldsaSigner
from ledger.keys.signer import ED25519, FileSigner, Signer

_LABEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._%-]*")
_NUMBER = re.compile(r"[1-9][0-9]{0,5}")
_MARK = "~"
_PEM = ".pem"


def custody_label(reference: int | str, purpose: str) -> str:
    """Return the label of an organisation's key in custody: `95001.submission`, `ISB-FOOD_FIBRE.credential`.

    Args:
        reference: the organisation's number, or its body code.
        purpose: `submission` or `credential`.
    """
    return f"{body_segment(str(reference))}.{purpose}"


def generation_name(label: str, generation: int) -> str:
    """Return the name of a generation under a label: the label itself for the first, then `label~2`."""
    return label if generation == 1 else f"{label}{_MARK}{generation}"


class KeyStore:
    """Private keys by label; a key is read once and kept, since opening it is slow on purpose.

    Safe for many threads. Another process may add generations at any time: they are seen at once.
    """

    def __init__(self, folder: Path, passphrase: bytes) -> None:
        self._folder = folder
        self._passphrase = passphrase
        self._open: dict[str, Signer] = {}
        self._opening = threading.Lock()

    def create(self, label: str, alg: str = ED25519) -> Signer:
        """Make the first key under `label`; FileExistsError when there is one."""
        return self._make(label, 1, alg)

    def create_next(self, label: str, *, alg: str = ED25519) -> Signer:
        """Make the next key under `label`: the generation after the newest, the first where none is.

        It signs nothing before the register knows it: see `current_signer`.
        """
        while True:
            newest = max(self._numbers(label), default=0)
            try:
                return self._make(label, newest + 1, alg)
            except FileExistsError:
                continue  # Another process made that generation between the look and the file.

    def get(self, label: str) -> Signer:
        """Return the first key under `label`; Unauthorised when it is not in custody here."""
        return self._signer(label, 1)

    def generations(self, label: str) -> list[Signer]:
        """Return every key under `label`, oldest first; none when none is in custody here."""
        return [self._signer(label, number) for number in sorted(self._numbers(label))]

    def newest_first(self, label: str) -> Iterator[Signer]:
        """Yield every key under `label`, newest first; a key that nobody asks for is not opened."""
        for number in sorted(self._numbers(label), reverse=True):
            yield self._signer(label, number)

    def by_thumbprint(self, label: str, kid: str) -> Signer:
        """Return the key under `label` with that thumbprint; Unauthorised when it is not in custody here."""
        for signer in self.newest_first(label):
            if signer.thumbprint == kid:
                return signer
        raise Unauthorised(f"the key {kid} is not in custody here under {label}", code="custody")

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
        """Whether a first key under `label` is in custody here."""
        return label in self._open or self._path(label).exists()

    def _make(self, label: str, generation: int, alg: str) -> Signer:
        path = self._path(label, generation)
        name = generation_name(label, generation)
        if path.exists():
            raise FileExistsError(f"a key named {name} exists already")
        signer = FileSigner.create(path, alg, self._passphrase)
        self._open[name] = signer
        return signer

    def _signer(self, label: str, generation: int) -> Signer:
        name = generation_name(label, generation)
        signer = self._open.get(name)
        if signer is None:
            with self._opening:
                signer = self._open.get(name) or self._load(label, generation)
                self._open[name] = signer
        return signer

    def _load(self, label: str, generation: int) -> Signer:
        path = self._path(label, generation)
        if not path.exists():
            raise Unauthorised(
                f"no key named {generation_name(label, generation)} is in custody here", code="custody"
            )
        return FileSigner.load(path, self._passphrase)

    def _numbers(self, label: str) -> set[int]:
        """Return the generations under a label. The folder is read, so that gaps do not matter.

        A retired private key may be destroyed; those before and after it stay what they are.
        """
        first = self._path(label).name
        mark = f"{label}{_MARK}"
        everything = self._folder.iterdir() if self._folder.exists() else ()
        names = [path.name for path in everything if path.name == first or path.name.startswith(mark)]
        found = {1} if first in names else set()
        for name in names:
            number = name.removeprefix(mark).removesuffix(_PEM)
            if name.endswith(_PEM) and _NUMBER.fullmatch(number) and int(number) > 1:
                found.add(int(number))
        return found

    def _path(self, label: str, generation: int = 1) -> Path:
        assert _LABEL.fullmatch(label), f"not a key label: {label}"
        return self._folder / f"{generation_name(label, generation)}{_PEM}"


def current_signer(
    keystore: KeyStore, label: str, keyring: Keyring, organisation: UUID, purpose: str, position: int
) -> Signer:
    """Return the key that signs now: the newest in custody under `label` that the register accepts.

    A key made and not registered yet is passed over, and so is one retired or revoked before.

    Args:
        keystore: the private keys.
        label: see `custody_label`.
        keyring: every registered key.
        organisation: whose key it has to be.
        purpose: what it has to be registered for.
        position: where in the log what it signs will count; the next one for what is posted now.

    Raises:
        Unauthorised: none is in custody here, or none that is counts there.
    """
    reasons: list[str] = []
    for signer in keystore.newest_first(label):
        try:
            keyring.valid(signer.thumbprint, organisation, purpose, position)
        except Unauthorised as error:
            reasons.append(str(error))
            continue
        return signer
    if not reasons:
        raise Unauthorised(f"no key named {label} is in custody here", code="custody")
    raise Unauthorised(
        f"no key in custody under {label} counts at position {position} (of the newest: {reasons[0]}):"
        " register a new one",
        code="custody",
    )
