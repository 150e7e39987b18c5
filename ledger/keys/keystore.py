"""A folder of private keys, each in a file of its own, opened by one passphrase; or pointers to such keys.

A key that lies in a hardware module has a pointer here, `receipt.pkcs11.json`, instead of
`receipt.pem`; whoever asks for it by its label sees no difference.

Labels say what a key is for: `registrar`, `checkpoint`, `checkpoint-mldsa44`, `receipt`, `credential`
(the operator's), `95001.submission`, `95001.credential` (a provider's, in custody: see
`custody_label`).

A key is rotated by a next one beside it, a generation: `95001.credential`, `95001.credential~2`,
`95001.credential~3`. ML-DSA-44 keys have labels of their own, and generations as all others. No
reference and no purpose has a `~` (`body_segment` codes it), so no generation is ever another
organisation's key. Which of them signs, the register says: see `current_signer`.

Source: LEDGER.md 2 (separate keys per purpose, keys count by log position), SPEC.md 4 (D/keys,
mode 0600).
"""

import re
import threading
from collections.abc import Collection, Iterator
from pathlib import Path
from uuid import UUID

from ledger.errors import Corrupt, Refusal, Unauthorised
from ledger.keys.did import body_segment
from ledger.keys.keyring import Keyring
from ledger.keys.mldsa import MldsaSigner
from ledger.keys.pkcs11 import POINTER_MAX_BYTES, KeyPointer, Pkcs11Module, Pkcs11Signer
from ledger.keys.signer import ED25519, ES256, FileSigner, Signer, write_key_file

_LABEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._%-]*")
_NUMBER = re.compile(r"[1-9][0-9]{0,5}")
_MARK = "~"
_PEM, _POINTER = ".pem", ".pkcs11.json"
_ENDING = re.compile(rf"({re.escape(_PEM)}|{re.escape(_POINTER)})\Z")


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

    def __init__(self, folder: Path, passphrase: bytes, module: Pkcs11Module | None = None) -> None:
        self._folder = folder
        self._passphrase = passphrase
        self._module = module
        self._open: dict[str, Signer] = {}
        self._open_mldsa: dict[str, MldsaSigner] = {}
        self._opening = threading.Lock()

    def create(self, label: str, alg: str = ED25519, *, token: str | None = None) -> Signer:
        """Make the first key under `label`; FileExistsError when there is one.

        Args:
            label: what it is for.
            alg: `Ed25519` or `ES256`.
            token: the token of the hardware module in which to make it; a file where None.
        """
        return self._make(label, 1, alg, token)

    def create_next(self, label: str, *, alg: str = ED25519, token: str | None = None) -> Signer:
        """Make the next key under `label`: the generation after the newest, the first where none is.

        It signs nothing before the register knows it: see `current_signer`.
        """
        while True:
            newest = max(self._numbers(label), default=0)
            try:
                return self._make(label, newest + 1, alg, token)
            except FileExistsError:
                continue  # Another process made that generation between the look and the file.

    def adopt_next(
        self,
        label: str,
        *,
        token: str,
        key_label: str,
        key_id: bytes | None = None,
        algs: Collection[str] = (ED25519, ES256),
    ) -> Signer:
        """Take a key that was made in a token by other means as the next one under `label`.

        Args:
            label: what it is for.
            token: the token that holds it.
            key_label: its label there.
            key_id: its id there, where several have that label.
            algs: the algorithms that will do.

        Raises:
            Refusal: the token holds no such key, or it is in custody here already.
        """
        signer = Pkcs11Signer.adopt(self._module, token, key_label, key_id)
        if signer.alg not in algs:
            raise Refusal(f"the key {key_label} is for {signer.alg}: {label} takes {' or '.join(algs)}")
        if any(one.thumbprint == signer.thumbprint for one in self.generations(label)):
            raise Refusal(f"the key {signer.thumbprint} is in custody under {label} already")
        while True:
            newest = max(self._numbers(label), default=0)
            try:
                return self._keep(label, newest + 1, signer)
            except FileExistsError:
                continue

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
        return MldsaSigner.create(self._paths(label, 1)[0], self._passphrase)

    def mldsa(self, label: str) -> MldsaSigner:
        """Return the ML-DSA-44 key under `label`; Unauthorised when it is not in custody here."""
        return self._mldsa(label, 1)

    def create_next_mldsa(self, label: str) -> MldsaSigner:
        """Make the next ML-DSA-44 key under `label`, as `create_next` does."""
        while True:
            newest = max(self._numbers(label), default=0)
            try:
                return MldsaSigner.create(self._paths(label, newest + 1)[0], self._passphrase)
            except FileExistsError:
                continue

    def mldsa_newest_first(self, label: str) -> Iterator[MldsaSigner]:
        """Yield every ML-DSA-44 key under `label`, newest first."""
        for number in sorted(self._numbers(label), reverse=True):
            yield self._mldsa(label, number)

    def has(self, label: str) -> bool:
        """Whether a first key under `label` is in custody here."""
        return label in self._open or any(path.exists() for path in self._paths(label, 1))

    def lies_in_module(self, label: str) -> bool:
        """Whether the first key under `label` is in custody here and lies in a hardware module."""
        return self._paths(label, 1)[1].exists()

    def module_keys(self) -> list[tuple[str, Pkcs11Signer]]:
        """Return every key in custody here that lies in a hardware module, with its name, sorted."""
        found = []
        for name in sorted(self._names()):
            label, _, number = name.removesuffix(_POINTER).partition(_MARK)
            if name.endswith(_POINTER) and _LABEL.fullmatch(label):
                generation = int(number) if _NUMBER.fullmatch(number) else 1
                signer = self._signer(label, generation)
                if isinstance(signer, Pkcs11Signer) and name == self._paths(label, generation)[1].name:
                    found.append((generation_name(label, generation), signer))
        return found

    def _make(self, label: str, generation: int, alg: str, token: str | None) -> Signer:
        pem, _ = self._paths(label, generation)
        name = self._check_free(label, generation)
        if token is not None:
            signer = Pkcs11Signer.create(self._module, token, name, alg)
            try:
                return self._keep(label, generation, signer)
            except BaseException:
                signer.discard()  # Nothing here would know of it, and it would lie there for ever.
                raise
        self._open[name] = FileSigner.create(pem, alg, self._passphrase)
        return self._open[name]

    def _keep(self, label: str, generation: int, signer: Pkcs11Signer) -> Signer:
        name = self._check_free(label, generation)
        write_key_file(self._paths(label, generation)[1], signer.pointer.to_bytes())
        self._open[name] = signer
        return signer

    def _check_free(self, label: str, generation: int) -> str:
        name = generation_name(label, generation)
        if any(path.exists() for path in self._paths(label, generation)):
            raise FileExistsError(f"a key named {name} exists already")
        return name

    def _signer(self, label: str, generation: int) -> Signer:
        name = generation_name(label, generation)
        signer = self._open.get(name)
        if signer is None:
            with self._opening:
                signer = self._open.get(name) or self._load(label, generation)
                self._open[name] = signer
        return signer

    def _mldsa(self, label: str, generation: int) -> MldsaSigner:
        name, path = generation_name(label, generation), self._paths(label, generation)[0]
        with self._opening:
            found = self._open_mldsa.get(name)
            if found is None:
                if not path.exists():
                    raise Unauthorised(f"no key named {name} is in custody here", code="custody")
                found = self._open_mldsa[name] = MldsaSigner.load(path, self._passphrase)
        return found

    def _load(self, label: str, generation: int) -> Signer:
        pem, pointer = self._paths(label, generation)
        if pem.exists() and pointer.exists():
            raise Corrupt(f"{pem.name} and {pointer.name} are two keys under one label: one has to go")
        if pem.exists():
            return FileSigner.load(pem, self._passphrase)
        if pointer.exists():
            with pointer.open("rb") as file:
                found = KeyPointer.from_bytes(file.read(POINTER_MAX_BYTES + 1), pointer.name)
            return Pkcs11Signer(found, self._module)
        name = generation_name(label, generation)
        raise Unauthorised(f"no key named {name} is in custody here", code="custody")

    def _numbers(self, label: str) -> set[int]:
        """Return the generations under a label. The folder is read, so that gaps do not matter.

        A retired private key may be destroyed; those before and after it stay what they are.
        """
        first = {path.name for path in self._paths(label, 1)}
        mark = f"{label}{_MARK}"
        found: set[int] = set()
        for name in self._names():
            if name in first:
                found.add(1)
            elif name.startswith(mark) and (end := _ENDING.search(name)):
                number = name[len(mark) : end.start()]
                if _NUMBER.fullmatch(number) and number != "1":
                    found.add(int(number))
        return found

    def _names(self) -> list[str]:
        return [path.name for path in self._folder.iterdir()] if self._folder.exists() else []

    def _paths(self, label: str, generation: int) -> tuple[Path, Path]:
        """Return where a key is: its file, or the pointer to where it lies in a module."""
        assert _LABEL.fullmatch(label), f"not a key label: {label}"
        name = generation_name(label, generation)
        return self._folder / f"{name}{_PEM}", self._folder / f"{name}{_POINTER}"


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
