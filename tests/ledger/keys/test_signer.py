"""The one contract of signers, passed by every kind of signer there is, for both algorithms."""

import errno
import os
import threading
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from ledger.encoding.strict_json import b64url, unb64url
from ledger.errors import BadSignature, Malformed, Refusal, Unauthorised
from ledger.keys.keystore import KeyStore
from ledger.keys.pkcs11 import Pkcs11Signer
from ledger.keys.signer import (
    ED25519,
    ES256,
    FileSigner,
    MemorySigner,
    Signer,
    jwk_of,
    jws_read,
    jws_sign,
    jws_verify,
    public_key_of_jwk,
    thumbprint,
    verify,
)
from ledger.possession import prove_possession, verify_possession
from tests.support.hardware import TOKEN, softhsm

PASSPHRASE = b"a passphrase for one test"


def _loaded(folder: Path, alg: str) -> Signer:
    FileSigner.create(folder / "key.pem", alg, PASSPHRASE)
    return FileSigner.load(folder / "key.pem", PASSPHRASE)


def _found_in_a_module(folder: Path, alg: str) -> Signer:
    KeyStore(folder, PASSPHRASE, softhsm()).create("receipt", alg, token=TOKEN)
    return KeyStore(folder, PASSPHRASE, softhsm()).get("receipt")


KINDS: dict[str, Callable[[Path, str], Signer]] = {
    "in memory": lambda _, alg: MemorySigner.generate(alg),
    "in a new file": lambda folder, alg: FileSigner.create(folder / "key.pem", alg, PASSPHRASE),
    "from a file": _loaded,
    "in a key store": lambda folder, alg: KeyStore(folder, PASSPHRASE).create("95001.submission", alg),
    "in a module": lambda _, alg: Pkcs11Signer.create(softhsm(), TOKEN, "receipt", alg),
    "from a module": _found_in_a_module,
}


@pytest.fixture(params=[ED25519, ES256])
def alg(request):
    """Both algorithms, one after the other."""
    return request.param


@pytest.fixture(params=KINDS)
def signer(request, tmp_path, alg):
    """Every kind of signer, one after the other, for both algorithms."""
    return KINDS[request.param](tmp_path, alg)


# ------------------------------------------------------------------ the contract


@pytest.mark.parametrize("data", [b"", b"x", bytes(100_000)], ids=["nothing", "a-byte", "much"])
def test_what_it_signs_holds_under_its_public_jwk(signer, data):
    """A signature is 64 bytes, and whoever has the JWK can check it."""
    signature = signer.sign(data)

    assert len(signature) == 64
    verify(public_key_of_jwk(signer.public_key_jwk()), signature, data)


def test_its_signature_holds_for_nothing_else(signer):
    """Other data, another key, or any byte of the signature changed: it does not hold."""
    signature, key = signer.sign(b"data"), signer.public_key()
    changed = [
        signature[:at] + bytes([signature[at] ^ 1]) + signature[at + 1 :] for at in range(len(signature))
    ]

    spaced = signature[:32] + b"\x00" + signature[32:]  # the same r and s to a careless reader

    for bad in (*changed, spaced, b"", signature[:-1], signature + b"\x00", bytes(64), b"\xff" * 64):
        with pytest.raises(BadSignature):
            verify(key, bad, b"data")
    with pytest.raises(BadSignature):
        verify(key, signature, b"date")
    with pytest.raises(BadSignature):
        verify(MemorySigner.generate(signer.alg).public_key(), signature, b"data")


def test_it_says_what_it_is(signer, alg):
    """Its algorithm, its public key in both forms and its thumbprint belong together."""
    members = {"kty", "crv", "x"} if alg == ED25519 else {"kty", "crv", "x", "y"}
    jwk = signer.public_key_jwk()

    assert signer.alg == alg
    assert jwk.keys() == members, (
        "required members only: nothing private, nothing that changes the thumbprint"
    )
    assert public_key_of_jwk(jwk) == signer.public_key()
    assert jwk_of(signer.public_key()) == jwk
    assert signer.thumbprint == thumbprint(jwk)
    assert len(unb64url(signer.thumbprint)) == 32


def test_its_jwk_is_a_copy(signer):
    """Changing what it handed out changes nothing in the signer."""
    signer.public_key_jwk()["x"] = "changed"

    assert signer.thumbprint == thumbprint(signer.public_key_jwk())


def test_two_keys_are_two_keys(signer, alg):
    """Every new key is another one."""
    assert MemorySigner.generate(alg).thumbprint != signer.thumbprint


def test_it_does_not_show_its_private_key(signer):
    """What a traceback or a log line prints of a signer names no key material."""
    assert "private" not in repr(signer).lower()
    assert repr(signer) == object.__repr__(signer)


def test_a_token_that_it_signed_is_read_back(signer):
    """A compact JWS by it names its algorithm and thumbprint, and holds under its public JWK."""
    token = jws_sign(signer, b"payload", "achievement-submission+jws")

    assert jws_read(token).header == {
        "alg": signer.alg,
        "kid": signer.thumbprint,
        "typ": "achievement-submission+jws",
    }
    assert jws_verify(token, signer.public_key_jwk(), "achievement-submission+jws") == b"payload"


def test_it_proves_that_it_is_held(signer):
    """Its possession proof holds for the organisation and ledger that it names, and for no other."""
    proof = prove_possession(signer, UUID(int=1), "ledger.example/log")

    verify_possession(proof, signer.public_key_jwk(), UUID(int=1), "ledger.example/log")

    with pytest.raises(Refusal, match="another organisation"):
        verify_possession(proof, signer.public_key_jwk(), UUID(int=2), "ledger.example/log")


def test_many_threads_use_it_at_once(signer):
    """Twelve threads that sign different bytes at once each get the signature over theirs."""
    together, made = threading.Barrier(12), {}

    def sign(data):
        together.wait()
        made[data] = [signer.sign(data) for _ in range(5)]

    threads = [threading.Thread(target=sign, args=(b"%d" % at,)) for at in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(made) == 12
    for data, signatures in made.items():
        for signature in signatures:
            verify(signer.public_key(), signature, data)


# ------------------------------------------------------------------ keys in files


def test_a_key_comes_back_from_its_file(tmp_path, alg):
    """What was created and what is loaded are the same key; the file is its owner's only."""
    path = tmp_path / "key.pem"
    created = FileSigner.create(path, alg, PASSPHRASE)

    loaded = FileSigner.load(path, PASSPHRASE)

    assert loaded.public_key_jwk() == created.public_key_jwk()
    verify(created.public_key(), loaded.sign(b"data"), b"data")
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.read_text().startswith("-----BEGIN ENCRYPTED PRIVATE KEY-----")


def test_a_key_file_is_for_its_owner_whatever_the_umask(tmp_path):
    """A generous umask does not open a key file."""
    before = os.umask(0)
    try:
        FileSigner.create(tmp_path / "key.pem", ED25519, PASSPHRASE)
    finally:
        os.umask(before)

    assert (tmp_path / "key.pem").stat().st_mode & 0o777 == 0o600


def test_a_new_key_is_on_disk_before_it_signs(tmp_path, monkeypatch):
    """File and folder are flushed, so that no power cut leaves signatures whose key is gone."""
    flushed = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: flushed.append(os.fstat(descriptor).st_ino))

    FileSigner.create(tmp_path / "key.pem", ED25519, PASSPHRASE)

    assert flushed == [(tmp_path / "key.pem").stat().st_ino, tmp_path.stat().st_ino]


def test_a_key_that_could_not_be_written_leaves_nothing(tmp_path, monkeypatch):
    """On a full disk there is no half a key under the name: the next attempt makes a whole one."""

    def full(_):
        raise OSError(errno.ENOSPC, "no space left")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="no space left"):
            FileSigner.create(tmp_path / "key.pem", ED25519, PASSPHRASE)
    assert list(tmp_path.iterdir()) == []

    made = FileSigner.create(tmp_path / "key.pem", ED25519, PASSPHRASE)
    assert FileSigner.load(tmp_path / "key.pem", PASSPHRASE).thumbprint == made.thumbprint


def test_a_key_is_never_written_over(tmp_path):
    """A second key under the same name is refused, and the first is still there."""
    first = FileSigner.create(tmp_path / "key.pem", ED25519, PASSPHRASE)

    with pytest.raises(FileExistsError):
        FileSigner.create(tmp_path / "key.pem", ED25519, PASSPHRASE)
    assert FileSigner.load(tmp_path / "key.pem", PASSPHRASE).thumbprint == first.thumbprint


def test_a_key_does_not_open_under_another_passphrase(tmp_path):
    """The wrong passphrase is a refusal that names the file, not a traceback."""
    FileSigner.create(tmp_path / "key.pem", ED25519, PASSPHRASE)

    with pytest.raises(Unauthorised, match=r"key\.pem does not open"):
        FileSigner.load(tmp_path / "key.pem", b"another")


def _pem(key, passphrase: bytes | None = PASSPHRASE) -> bytes:
    lock = BestAvailableEncryption(passphrase) if passphrase else NoEncryption()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, lock)


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        pytest.param(b"", "does not open", id="nothing"),
        pytest.param(b"not a key", "does not open", id="text"),
        pytest.param(_pem(ed25519.Ed25519PrivateKey.generate(), None), "does not open", id="not-encrypted"),
        pytest.param(_pem(ed25519.Ed25519PrivateKey.generate())[:-40], "does not open", id="cut-off"),
        pytest.param(_pem(ed448.Ed448PrivateKey.generate()), "neither", id="ed448"),
        pytest.param(_pem(ec.generate_private_key(ec.SECP384R1())), "neither", id="p-384"),
        pytest.param(_pem(ec.generate_private_key(ec.SECP256K1())), "neither", id="secp256k1"),
        pytest.param(_pem(rsa.generate_private_key(65537, 2048)), "neither", id="rsa"),
    ],
)
def test_what_is_no_key_file_of_ours_is_refused(tmp_path, data, sentence):
    """An open key file, a broken one, and keys of other kinds are refused with a sentence."""
    (tmp_path / "key.pem").write_bytes(data)

    with pytest.raises(Unauthorised, match=sentence):
        FileSigner.load(tmp_path / "key.pem", PASSPHRASE)


# ------------------------------------------------------------------ public keys as JWK

POINT = jwk_of(ec.derive_private_key(7, ec.SECP256R1()).public_key())
X, Y = unb64url(POINT["x"]), unb64url(POINT["y"])
# RFC 8037 A.2.
RFC_8037 = {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}


def test_thumbprint_of_the_standard():
    """The thumbprint of RFC 8037 A.3."""
    assert thumbprint(RFC_8037) == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
    assert thumbprint(dict(reversed(RFC_8037.items()))) == thumbprint(RFC_8037)


@pytest.mark.parametrize(
    "jwk",
    [
        pytest.param({}, id="nothing"),
        pytest.param({**RFC_8037, "x": ""}, id="no-x"),
        pytest.param({**RFC_8037, "x": RFC_8037["x"] + "A"}, id="x-too-long"),
        pytest.param({**RFC_8037, "x": RFC_8037["x"] + "="}, id="x-with-padding"),
        pytest.param({**RFC_8037, "x": RFC_8037["x"][:-1] + "p"}, id="x-with-loose-bits"),
        pytest.param({**RFC_8037, "x": 7}, id="x-a-number"),
        pytest.param({**RFC_8037, "x": None}, id="x-null"),
        pytest.param({**RFC_8037, "x": ["A"]}, id="x-an-array"),
        pytest.param({**RFC_8037, "x": {"A": 1}}, id="x-an-object"),
        pytest.param({**RFC_8037, "x": "A" * 43}, id="of-small-order"),
        pytest.param({**RFC_8037, "crv": "X25519"}, id="x25519"),
        pytest.param({**RFC_8037, "crv": "Ed448"}, id="ed448"),
        pytest.param({**RFC_8037, "kty": "oct"}, id="a-secret"),
        pytest.param({**RFC_8037, "d": RFC_8037["x"]}, id="a-private-key"),
        pytest.param({**RFC_8037, "kid": "key-1"}, id="with-kid"),
        pytest.param({**RFC_8037, "alg": "EdDSA"}, id="with-alg"),
        pytest.param({**RFC_8037, "crv": ["Ed25519"]}, id="crv-an-array"),
        pytest.param({"kty": "oct", "k": "AAAA"}, id="oct"),
        pytest.param({"kty": "RSA", "n": "AAAA", "e": "AQAB"}, id="rsa"),
        pytest.param({**POINT, "crv": "P-384"}, id="p-384"),
        pytest.param({**POINT, "y": POINT["x"]}, id="not-on-the-curve"),
        pytest.param({**POINT, "x": "A" * 43, "y": "A" * 43}, id="the-origin"),
        pytest.param({**POINT, "x": POINT["x"][:-2]}, id="x-too-short"),
        pytest.param({**POINT, "x": "A" + POINT["x"]}, id="x-with-a-zero-before"),
        pytest.param({**POINT, "x": b64url(X[:-1]), "y": b64url(X[-1:] + Y)}, id="divided-elsewhere"),
        pytest.param({key: POINT[key] for key in ("kty", "crv", "x")}, id="no-y"),
        pytest.param({**POINT, "d": POINT["x"]}, id="a-private-p-256-key"),
    ],
)
def test_what_is_no_public_key_of_ours_is_refused(jwk):
    """Other kinds of key, private members, points off the curve, second spellings: no key, no thumbprint."""
    with pytest.raises(Malformed):
        public_key_of_jwk(jwk)
    with pytest.raises(Malformed):
        thumbprint(jwk)
