"""A token of a hardware module as this process uses it: logging in, finding, making and using keys.

What PKCS#11 keeps, it keeps for the process and not for whoever calls: one login per token, and handles
that a module hands out again once it was started anew. And modules are started here without locks of
their own. So a module is one object per process, one call enters it at a time, and its age says whose
handles are stale.

Imported only where a key lies in a module: the package python-pkcs11 is an extra.

Source: PKCS #11 v3.0, current mechanisms 2.3.3 (elliptic curves), 2.3.14 (EdDSA); base 5.6 (sessions).
"""

import secrets
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar

import pkcs11
from pkcs11 import Attribute, KeyType, Mechanism, MechanismFlag, ObjectClass, exceptions

from ledger.errors import Unauthorised, Unavailable
from ledger.keys.signer import ED25519, ES256

PIN_MAX_BYTES = 256
_ID_BYTES = 16
# EC_PARAMS: the object identifier of the curve, in DER; or for Ed25519 its name, as some modules say it.
_ED25519, _ED25519_BY_NAME = bytes.fromhex("06032b6570"), b"\x13\x0cedwards25519"
_P256 = bytes.fromhex("06082a8648ce3d030107")
_CURVES = {ED25519: (KeyType.EC_EDWARDS, _ED25519), ES256: (KeyType.EC, _P256)}
_PIN_WORDS: dict[type[Exception], str] = {
    exceptions.PinIncorrect: "is wrong",
    exceptions.PinInvalid: "is not a PIN to this token",
    exceptions.PinLenRange: "is too short or too long",
    exceptions.PinExpired: "has expired",
    exceptions.PinLocked: "is locked: the security officer has to set a new one",
}
_PIN_ERRORS = tuple(_PIN_WORDS)
_SIGN = MechanismFlag.SIGN | MechanismFlag.VERIFY
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class ModuleKey:
    """A public key as a module holds it. `alg` is None for curves that are not ours; `point` is EC_POINT."""

    label: str
    key_id: bytes
    alg: str | None
    point: bytes


class _Module:
    """A module that this process has loaded."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.lock = threading.RLock()
        self.age = 0
        # Tokens that this process has logged in to, with the module's age then.
        self.logins: dict[str, int] = {}
        # PINs that a token refused, as digests: a token locks after a few, so none is tried twice.
        self.refused: set[tuple[str, bytes]] = set()

    @property
    def library(self) -> Any:
        """The loaded library, started; its own errors where it cannot be."""
        return pkcs11.lib(self.path)

    def restart(self) -> None:
        """Start the module anew, which is what brings back one that lost its connection."""
        self.age += 1
        self.library.reinitialize()


_modules: dict[str, _Module] = {}
_loading = threading.Lock()


def _module_at(path: Path) -> _Module:
    with _loading:
        return _modules.setdefault(str(path), _Module(str(path)))


class Token:
    """One token, with a session of its own for the keys that sign through it.

    Safe for many threads. What was lost (the session, the login, the token, the module) is opened again,
    each time a step further back, before a call gives up as Unavailable.
    """

    def __init__(self, path: Path, pin_file: Path, label: str) -> None:
        """Name a token; nothing is loaded or opened yet.

        Args:
            path: the module, a shared library.
            pin_file: holds the PIN of the token's user, and is read at each login.
            label: the token's label.
        """
        self._module = _module_at(path)
        self._pin_file = pin_file
        self._label = label
        self._session: Any = None
        self._keys: dict[tuple[str, bytes], Any] = {}
        self._age = 0

    def sign(self, key: tuple[str, bytes], alg: str, data: bytes) -> bytes:
        """Return the signature by the private key with that (label, id): 64 bytes, for P-256 r || s.

        Raises:
            Unauthorised: (custody) the token holds no such key.
            Unavailable: module, token, or login cannot be had.
        """
        # The digest for P-256 is made here: every module knows plain ECDSA, and less goes over the wire.
        message, mechanism = (
            (data, Mechanism.EDDSA) if alg == ED25519 else (sha256(data).digest(), Mechanism.ECDSA)
        )
        made: bytes = self._use(lambda: self._private(key).sign(message, mechanism=mechanism))
        return made

    def public_keys(self, label: str | None = None) -> list[ModuleKey]:
        """Return the public keys that the token holds, those under a label if one is given."""
        wanted: dict[Attribute, Any] = {Attribute.CLASS: ObjectClass.PUBLIC_KEY}
        if label is not None:
            wanted[Attribute.LABEL] = label
        return self._in_session(lambda session: [_described(one) for one in session.get_objects(wanted)])

    def generate(self, label: str, alg: str) -> ModuleKey:
        """Make a key pair in the token, under a random id, that never leaves it; return its public half."""
        # Another attempt draws another id, so that what a failed one may have left behind is not met again.
        return self._in_session(lambda session: _generate(session, label, alg), writes=True)

    def destroy(self, key: tuple[str, bytes]) -> None:
        """Destroy a key pair for ever: one that was just made and could not be written down."""
        wanted = {Attribute.LABEL: key[0], Attribute.ID: key[1]}
        self._in_session(
            lambda session: [one.destroy() for one in list(session.get_objects(wanted))], writes=True
        )

    # ------------------------------------------------------------------ sessions, and getting them back

    def _in_session(self, work: Callable[[Any], _T], *, writes: bool = False) -> _T:
        """Return what work in a session of its own, closed afterwards, comes to."""

        def alone() -> _T:
            session = self._token().open(rw=writes)
            try:
                return work(session)
            finally:
                with suppress(exceptions.PKCS11Error):
                    session.close()

        return self._use(alone)

    def _private(self, key: tuple[str, bytes]) -> Any:
        """Return the private key, found in the session that it is used in."""
        if self._age != self._module.age:
            # Handles from before the restart may be other keys' now.
            self._session, self._keys, self._age = None, {}, self._module.age
        if key not in self._keys:
            self._close()
            self._session = self._token().open()
            found = list(
                self._session.get_objects(
                    {Attribute.CLASS: ObjectClass.PRIVATE_KEY, Attribute.LABEL: key[0], Attribute.ID: key[1]}
                )
            )
            if not found:
                raise exceptions.NoSuchKey
            if len(found) > 1:
                raise exceptions.MultipleObjectsReturned
            (self._keys[key],) = found
        return self._keys[key]

    def _close(self) -> None:
        if self._session is not None:
            with suppress(exceptions.PKCS11Error):
                self._session.close()
        self._session, self._keys = None, {}

    def _use(self, work: Callable[[], _T]) -> _T:
        with self._module.lock:
            failure: Exception | None = None
            for prepare in (self._log_in_once, self._log_in_anew, self._restart):
                try:
                    prepare()
                    return work()
                except exceptions.NoSuchKey as error:
                    # Who is not logged in does not see private keys: only the second look is final.
                    if isinstance(failure, exceptions.NoSuchKey):
                        raise Unauthorised(self._sentence(error), code="custody") from error
                    failure = error
                except exceptions.PKCS11Error as error:
                    failure = error
            assert failure is not None
            raise Unavailable(self._sentence(failure), code="hsm") from failure

    def _log_in_once(self) -> None:
        if self._module.logins.get(self._label) != self._module.age:
            self._log_in()

    def _log_in_anew(self) -> None:
        self._close()
        self._log_in()

    def _restart(self) -> None:
        self._module.restart()
        self._log_in()

    def _token(self) -> Any:
        return self._module.library.get_token(token_label=self._label)

    def _log_in(self) -> None:
        """Log in to the token, for this process, unless it is logged in."""
        pin = self._pin()
        refused = (self._label, sha256(pin.encode()).digest())
        if refused in self._module.refused:
            raise Unavailable(self._pin_sentence("was refused before"), code="hsm-pin")
        token = self._token()
        try:
            # This session is never closed: closing it would log everybody out, and void their keys.
            token.open(user_pin=pin)
        except exceptions.UserAlreadyLoggedIn:
            pass
        except _PIN_ERRORS as error:
            self._module.refused.add(refused)
            raise Unavailable(self._pin_sentence(_PIN_WORDS[type(error)]), code="hsm-pin") from error
        self._module.logins[self._label] = self._module.age

    def _pin(self) -> str:
        try:
            with self._pin_file.open("rb") as file:
                pin = file.read(PIN_MAX_BYTES + 1).strip().decode()
        except (OSError, UnicodeDecodeError):
            # Not `from`: what a decoder quotes is the PIN.
            raise Unavailable(self._pin_sentence("cannot be read"), code="hsm-pin") from None
        if not pin or len(pin) > PIN_MAX_BYTES:
            raise Unavailable(self._pin_sentence("is empty or too long"), code="hsm-pin")
        return pin

    def _pin_sentence(self, what: str) -> str:
        return f"the PIN in {self._pin_file.name} for the token {self._label} {what}: correct the file"

    def _sentence(self, failure: Exception) -> str:
        if isinstance(failure, exceptions.NoSuchToken):
            return f"the module has no token labelled {self._label}"
        if isinstance(failure, exceptions.MultipleTokensReturned):
            return f"the module has more than one token labelled {self._label}"
        if isinstance(failure, exceptions.NoSuchKey):
            return f"the token {self._label} holds no private key of that label and id"
        name = type(failure).__name__
        return f"the token {self._label} cannot be used now ({name}); module {Path(self._module.path).name}"


def _generate(session: Any, label: str, alg: str) -> ModuleKey:
    key_type, curve = _CURVES[alg]
    parameters = session.create_domain_parameters(key_type, {Attribute.EC_PARAMS: curve}, local=True)
    stays = {Attribute.PRIVATE: True, Attribute.SENSITIVE: True, Attribute.EXTRACTABLE: False}
    public, private = parameters.generate_keypair(
        store=True, label=label, id=secrets.token_bytes(_ID_BYTES), capabilities=_SIGN, private_template=stays
    )
    if private[Attribute.EXTRACTABLE] or not private[Attribute.SENSITIVE]:
        public.destroy()
        private.destroy()
        raise Unavailable("the module made a key that could leave it: it is not used", code="hsm")
    return _described(public)


def _described(key: Any) -> ModuleKey:
    kind, alg, point = key.key_type, None, b""
    if kind in (KeyType.EC, KeyType.EC_EDWARDS):
        params, point = bytes(key[Attribute.EC_PARAMS]), bytes(key[Attribute.EC_POINT])
        algs = {curve: alg for alg, curve in _CURVES.items()}
        alg = algs.get((kind, _ED25519 if params == _ED25519_BY_NAME else params))
    return ModuleKey(key.label, bytes(key.id), alg, point)
