"""Keys in a hardware module: what a pointer says, what the module must say too, what is lost and found."""

import logging
import os
import subprocess
import sys
import threading
import traceback
from dataclasses import replace
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.encoding.strict_json import canonical, unb64url
from ledger.errors import Corrupt, Refusal, Unauthorised, Unavailable
from ledger.keys import pkcs11 as ours
from ledger.keys.keystore import KeyStore
from ledger.keys.pkcs11 import KeyPointer, Pkcs11Module, Pkcs11Signer, module_keys
from ledger.keys.signer import ED25519, ES256, FileSigner, MemorySigner, verify
from tests.support.hardware import PIN, SPARE_TOKEN, TOKEN, softhsm
from tests.support.tree import ROOT

PASSPHRASE = b"a passphrase for one test"
ALGS = pytest.mark.parametrize("alg", [ED25519, ES256])


@pytest.fixture
def module():
    """A module with two tokens."""
    return softhsm()


@pytest.fixture
def library(module):
    """The same module as anybody else in this process would use it."""
    import pkcs11  # noqa: PLC0415 - an extra, and not there on every machine

    return SimpleNamespace(
        of=lambda: pkcs11.lib(str(module.path)),
        token=lambda: pkcs11.lib(str(module.path)).get_token(token_label=TOKEN),
        pkcs11=pkcs11,
    )


def found_again(signer, module):
    """Return the signer of the same key as the next process would find it."""
    return Pkcs11Signer(KeyPointer.from_bytes(signer.pointer.to_bytes(), "a pointer"), module)


# ------------------------------------------------------------------ keys that stay where they are


@ALGS
def test_a_key_cannot_leave_its_module(module, library, alg):
    """A key that was made here may sign and nothing else, and never was outside."""
    signer = Pkcs11Signer.create(module, TOKEN, "receipt", alg)

    signer.sign(b"data")

    attribute, kinds = library.pkcs11.Attribute, library.pkcs11.ObjectClass
    session = library.token().open()
    (private,) = session.get_objects(
        {attribute.CLASS: kinds.PRIVATE_KEY, attribute.ID: signer.pointer.key_id}
    )
    yes = ("PRIVATE", "SENSITIVE", "ALWAYS_SENSITIVE", "NEVER_EXTRACTABLE", "LOCAL", "SIGN", "TOKEN")
    no = ("EXTRACTABLE", "DECRYPT", "UNWRAP", "DERIVE")
    assert {name: private[getattr(attribute, name)] for name in yes + no} == (
        dict.fromkeys(yes, True) | dict.fromkeys(no, False)
    )
    session.close()


def test_two_keys_of_one_label_are_two_keys(module):
    """Two ledgers that share a token have a receipt key each: a random id tells them apart."""
    one, two = (Pkcs11Signer.create(module, TOKEN, "receipt") for _ in range(2))

    assert one.pointer.label == two.pointer.label
    assert one.thumbprint != two.thumbprint
    verify(one.public_key(), found_again(one, module).sign(b"data"), b"data")
    verify(two.public_key(), found_again(two, module).sign(b"data"), b"data")


@ALGS
def test_a_key_that_others_made_is_found_by_its_label(module, library, alg):
    """A key from a ceremony with the module's own tools is taken as it is, whatever its id."""
    made = _made_elsewhere(library, alg, f"ceremony-{alg}", b"\x07")

    signer = Pkcs11Signer.adopt(module, TOKEN, f"ceremony-{alg}")

    assert (signer.alg, signer.pointer.key_id) == (alg, b"\x07")
    verify(signer.public_key(), found_again(signer, module).sign(b"data"), b"data")
    for half in made:
        half.destroy()


def test_a_key_that_is_not_there_or_not_alone_is_not_taken(module):
    """No key under the label, or several and no id to tell them apart: refused, and the id helps."""
    one, _ = (Pkcs11Signer.create(module, TOKEN, "twice") for _ in range(2))

    with pytest.raises(Refusal, match="2 public keys labelled twice: name the id"):
        Pkcs11Signer.adopt(module, TOKEN, "twice")
    with pytest.raises(Refusal, match="no public key labelled nowhere"):
        Pkcs11Signer.adopt(module, TOKEN, "nowhere")
    with pytest.raises(Refusal, match="no public key"):
        Pkcs11Signer.adopt(module, TOKEN, "twice", b"\x00")
    assert Pkcs11Signer.adopt(module, TOKEN, "twice", one.pointer.key_id).thumbprint == one.thumbprint


def test_a_key_of_another_kind_is_not_taken(module, library):
    """RSA and other curves in the same token are no keys of ours: not listed, and refused by name."""
    key_type, attribute = library.pkcs11.KeyType, library.pkcs11.Attribute
    session = library.token().open(rw=True)
    others = [
        *session.generate_keypair(key_type.RSA, 2048, store=True, label="rsa", id=b"\x01"),
        *session.create_domain_parameters(
            key_type.EC, {attribute.EC_PARAMS: bytes.fromhex("06052b81040022")}, local=True
        ).generate_keypair(store=True, label="p-384", id=b"\x02"),
    ]

    for label in ("rsa", "p-384"):
        with pytest.raises(Refusal, match="neither Ed25519 nor P-256"):
            Pkcs11Signer.adopt(module, TOKEN, label)
        assert label not in {pointer.label for pointer in module_keys(module, TOKEN)}

    for other in others:
        other.destroy()
    session.close()


def test_half_a_pair_is_not_taken(module, library):
    """A public key whose private key is not in the token does not sign: it is not taken."""
    _, private = _made_elsewhere(library, ED25519, "half", b"\x09")
    private.destroy()

    with pytest.raises(Unauthorised, match="holds no private key"):
        Pkcs11Signer.adopt(module, TOKEN, "half")


def _made_elsewhere(library, alg, label, key_id):
    kinds, attribute = library.pkcs11.KeyType, library.pkcs11.Attribute
    kind, curve = {
        ED25519: (kinds.EC_EDWARDS, "06032b6570"),
        ES256: (kinds.EC, "06082a8648ce3d030107"),
    }[alg]
    try:
        session = library.token().open(rw=True, user_pin=PIN)
    except library.pkcs11.UserAlreadyLoggedIn:
        session = library.token().open(rw=True)
    parameters = session.create_domain_parameters(
        kind, {attribute.EC_PARAMS: bytes.fromhex(curve)}, local=True
    )
    return parameters.generate_keypair(store=True, label=label, id=key_id)


@pytest.mark.parametrize(("token", "label"), [("", "a"), ("t" * 33, "a"), ("t", ""), ("t", "a" * 129)])
def test_labels_have_a_size(token, label):
    """Labels that no token could have are refused before anything is loaded."""
    nowhere = Pkcs11Module("/nowhere", "/nowhere")

    for verb in (Pkcs11Signer.create, Pkcs11Signer.adopt):
        with pytest.raises(Refusal, match="at most 32 bytes"):
            verb(nowhere, token, label)


# ------------------------------------------------------------------ the module against the pointer


@ALGS
def test_a_module_that_holds_another_key_signs_nothing(module, alg):
    """The public key is what the pointer says: another one in the module is found out at first use."""
    signer, other = (Pkcs11Signer.create(module, TOKEN, "receipt", alg) for _ in range(2))
    exchanged = Pkcs11Signer(replace(signer.pointer, jwk=other.public_key_jwk()), module)

    with pytest.raises(Corrupt, match="holds another key than the one in use here"):
        exchanged.sign(b"data")


def test_a_key_of_the_other_algorithm_signs_nothing(module):
    """A token that holds a P-256 key where an Ed25519 key was is found out too."""
    signer = Pkcs11Signer.create(module, TOKEN, "receipt", ES256)
    exchanged = Pkcs11Signer(replace(signer.pointer, jwk=MemorySigner.generate().public_key_jwk()), module)

    with pytest.raises(Corrupt, match="another key"):
        exchanged.sign(b"data")


@ALGS
def test_a_signature_that_does_not_hold_is_not_handed_out(module, monkeypatch, alg):
    """Even when the public key looks right, what the private key signed is checked before it leaves."""
    signer = Pkcs11Signer.create(module, TOKEN, "receipt", alg)
    with monkeypatch.context() as patch:
        patch.setattr(type(signer._desk()), "sign", lambda *_: bytes(64))
        with pytest.raises(Corrupt, match="another key"):
            signer.sign(b"data")

    verify(signer.public_key(), signer.sign(b"data"), b"data")


def test_a_key_that_was_destroyed_is_missing(module):
    """A key that is gone from its token is refused as not in custody, and others still sign."""
    gone, stays = (Pkcs11Signer.create(module, TOKEN, "receipt") for _ in range(2))
    gone.discard()

    with pytest.raises(Unauthorised, match="holds no private key") as refused:
        gone.sign(b"data")
    assert refused.value.code == "custody"
    verify(stays.public_key(), stays.sign(b"data"), b"data")


# ------------------------------------------------------------------ lost and found again


def test_a_logout_behind_our_back_is_mended(module, library):
    """Another part of the process logs the token out: the next signature logs in again, and so do others'."""
    signers = [Pkcs11Signer.create(module, TOKEN, "receipt", alg) for alg in (ED25519, ES256)]
    library.of().reinitialize()
    theirs = library.token().open(user_pin=PIN)
    for signer in signers:
        signer.sign(b"before")

    theirs.close()

    for _ in range(3):
        for signer in signers:
            verify(signer.public_key(), signer.sign(b"after"), b"after")


def test_a_token_that_was_away_is_found_again(module, library):
    """A token that is unplugged is a fault while it is away; when it is back, the next signature is made."""
    signer = Pkcs11Signer.create(module, SPARE_TOKEN, "receipt")
    signer.sign(b"before")
    tokens = module.pin_file.parent / "tokens"

    tokens.rename(tokens.with_name("away"))
    tokens.mkdir()
    try:
        library.of().reinitialize()
        with pytest.raises(Unavailable, match=f"no token labelled {SPARE_TOKEN}") as refused:
            signer.sign(b"data")
    finally:
        tokens.rmdir()
        tokens.with_name("away").rename(tokens)

    assert refused.value.code == "hsm"
    verify(signer.public_key(), signer.sign(b"after"), b"after")


@pytest.mark.parametrize("verb", ["reinitialize", "finalize"])
def test_a_module_that_was_started_anew_is_mended(module, library, verb):
    """After a restart of the module every handle is void: each signer finds its own key, and no other's."""
    signers = [
        found_again(Pkcs11Signer.create(module, TOKEN, f"key {at}", alg), module)
        for at, alg in enumerate((ED25519, ES256, ED25519, ED25519))
    ]
    for signer in signers:
        signer.sign(b"before")

    getattr(library.of(), verb)()

    for signer in reversed(signers):
        verify(signer.public_key(), signer.sign(b"after"), b"after")


def test_many_signers_and_restarts_at_once(module):
    """Eight threads with keys of their own sign while the module is started anew: every signature holds."""
    signers = [Pkcs11Signer.create(module, TOKEN, "receipt", (ED25519, ES256)[at % 2]) for at in range(8)]
    together, wrong = threading.Barrier(9), []

    def sign(signer):
        together.wait()
        for at in range(10):
            data = b"%d" % at
            try:
                verify(signer.public_key(), signer.sign(data), data)
            except Exception as error:  # noqa: BLE001 - counted below
                wrong.append(error)

    threads = [threading.Thread(target=sign, args=(signer,)) for signer in signers]
    for thread in threads:
        thread.start()
    together.wait()
    for _ in range(5):
        with signers[0]._desk()._module.lock:
            signers[0]._desk()._module.restart()
    for thread in threads:
        thread.join()

    assert wrong == []


# ------------------------------------------------------------------ PINs


@pytest.fixture
def pinned(module, tmp_path):
    """The module with a PIN file of this test's own, logged out; afterwards whoever comes logs in again."""
    pin_file = tmp_path / "pin"
    pin_file.write_text(f"{PIN}\n")
    signer = Pkcs11Signer.create(module, SPARE_TOKEN, "receipt")
    signer._desk()._module.restart()
    yield Pkcs11Module(module.path, pin_file), signer.pointer
    signer._desk()._module.refused.clear()


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        pytest.param(b"0000", "is wrong", id="wrong"),
        pytest.param(b"1", "is (wrong|too short or too long)", id="short"),
        pytest.param(b"", "is empty or too long", id="empty"),
        pytest.param(b" \n", "is empty or too long", id="blank"),
        pytest.param(b"1" * 300, "is empty or too long", id="long"),
        pytest.param(b"caf\xe9", "cannot be read", id="not-text"),
        pytest.param(None, "cannot be read", id="missing"),
    ],
)
def test_a_bad_pin_is_a_fault_that_names_the_file_and_not_the_pin(pinned, content, sentence, caplog):
    """The sentence says which file and which token; the PIN is in no error, trace or log line."""
    module, pointer = pinned
    module.pin_file.unlink() if content is None else module.pin_file.write_bytes(content)
    caplog.set_level(logging.DEBUG)

    with pytest.raises(
        Unavailable, match=f"the PIN in pin for the token {SPARE_TOKEN} {sentence}"
    ) as refused:
        Pkcs11Signer(pointer, module).sign(b"data")

    assert refused.value.code == "hsm-pin"
    said = "".join(traceback.format_exception(refused.value)) + caplog.text
    for secret in (PIN, (content or b"").decode("latin-1").strip()):
        assert len(secret) < 4 or secret not in said


def test_a_refused_pin_is_not_tried_twice(pinned, library, monkeypatch):
    """Tokens lock after a few wrong PINs: the same one is not sent again, and a corrected one is."""
    module, pointer = pinned
    sent, token = [], library.pkcs11.lib(str(module.path)).get_token(token_label=SPARE_TOKEN)
    monkeypatch.setattr(
        "ledger.keys.cryptoki.Token._token",
        lambda _: SimpleNamespace(open=lambda **said: sent.append(said) or token.open(**said)),
    )
    module.pin_file.write_text("0000")
    for _ in range(5):
        with pytest.raises(Unavailable, match=r"is wrong|was refused before"):
            Pkcs11Signer(pointer, module).sign(b"data")

    module.pin_file.write_text(PIN)
    signature = Pkcs11Signer(pointer, module).sign(b"data")

    assert [said["user_pin"] for said in sent if "user_pin" in said] == ["0000", PIN]
    verify(Pkcs11Signer(pointer, None).public_key(), signature, b"data")


# ------------------------------------------------------------------ without a module


def _pointer(alg=ED25519):
    return KeyPointer("a token", "receipt", b"\x01", MemorySigner.generate(alg).public_key_jwk())


@ALGS
def test_a_key_is_known_without_its_module(alg):
    """While no module is named, a signer says what it is; only signing is refused, with what to set."""
    pointer = _pointer(alg)

    signer = Pkcs11Signer(pointer, None)

    assert (signer.alg, signer.public_key_jwk()) == (alg, pointer.jwk)
    with pytest.raises(Unavailable, match="ROA_PKCS11_MODULE, ROA_PKCS11_PIN_FILE") as refused:
        signer.sign(b"data")
    assert refused.value.code == "hsm"


@pytest.mark.parametrize("content", [None, b"not a library"], ids=["missing", "not-a-library"])
def test_a_module_that_cannot_be_loaded_is_a_fault(tmp_path, content):
    """A module that is not there, or is none, makes the key unavailable and nothing worse."""
    pytest.importorskip("pkcs11", reason="keys in a hardware module: the extra `hsm` is not installed")
    (tmp_path / "pin").write_text(PIN)
    if content is not None:
        (tmp_path / "module.so").write_bytes(content)

    with pytest.raises(Unavailable, match=r"cannot be used now .*; module module\.so"):
        Pkcs11Signer(_pointer(), Pkcs11Module(tmp_path / "module.so", tmp_path / "pin")).sign(b"data")


def test_without_the_package_the_sentence_says_what_to_install(tmp_path):
    """Where python-pkcs11 is not installed, everything else works and the error names the extra."""
    script = (
        "import sys; sys.modules['pkcs11'] = None\n"
        "from pathlib import Path\n"
        "from ledger.keys.keystore import KeyStore\n"
        "from ledger.keys.pkcs11 import Pkcs11Module\n"
        "store = KeyStore(Path(sys.argv[1]), b'x', Pkcs11Module(Path('a'), Path('b')))\n"
        "print(store.create('receipt').alg)\n"
        "try: store.create('credential', token='t')\n"
        "except Exception as error: print(type(error).__name__, error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, tmp_path],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout == (
        "Ed25519\nUnavailable keys in a hardware module need the package python-pkcs11:"
        " install achievement-ledger[hsm]\n"
    )


# ------------------------------------------------------------------ pointers


@given(
    token=st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=32),
    label=st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=128),
    key_id=st.binary(min_size=1, max_size=64),
    alg=st.sampled_from([ED25519, ES256]),
)
def test_a_pointer_comes_back(token, label, key_id, alg):
    """What is written down about a key is what is read."""
    pointer = KeyPointer(token, label, key_id, SIGNERS[alg].public_key_jwk())

    assert KeyPointer.from_bytes(pointer.to_bytes(), "a pointer") == pointer


SIGNERS = {alg: MemorySigner.generate(alg) for alg in (ED25519, ES256)}
GOOD = {
    "v": 1,
    "token": "a token",
    "label": "receipt",
    "id": "01",
    "alg": ED25519,
    "jwk": SIGNERS[ED25519].public_key_jwk(),
}


def _changed(**members):
    changed = GOOD | members
    return canonical({name: value for name, value in changed.items() if value is not None}) + b"\n"


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"{}", id="no-members"),
        pytest.param(b"[]", id="an-array"),
        pytest.param(_changed()[:-1], id="no-newline"),
        pytest.param(b" " + _changed(), id="a-space"),
        pytest.param(_changed(v=2), id="another-version"),
        pytest.param(_changed(pin="1234"), id="another-member"),
        pytest.param(_changed(token=None), id="no-token"),
        pytest.param(_changed(token=7), id="a-token-of-number"),
        pytest.param(_changed(label=["receipt"]), id="a-label-of-array"),
        pytest.param(_changed(id=""), id="no-id"),
        pytest.param(_changed(id="0"), id="half-a-byte"),
        pytest.param(_changed(id="0A"), id="capitals"),
        pytest.param(_changed(id="00" * 65), id="a-long-id"),
        pytest.param(_changed(alg=ES256), id="another-algorithm"),
        pytest.param(_changed(jwk="x"), id="a-jwk-of-text"),
        pytest.param(_changed(jwk=[1]), id="a-jwk-of-array"),
        pytest.param(_changed(jwk={}), id="an-empty-jwk"),
        pytest.param(_changed(jwk=GOOD["jwk"] | {"d": "AAAA"}), id="a-private-key"),
        pytest.param(_changed(label="x" * 5000), id="too-long"),
    ],
)
def test_what_is_no_pointer_is_refused(tmp_path, data):
    """A pointer that was changed by hand into anything that we would not write is not followed."""
    (tmp_path / "receipt.pkcs11.json").write_bytes(data)

    with pytest.raises(Corrupt, match=r"receipt\.pkcs11\.json does not say where"):
        KeyStore(tmp_path, PASSPHRASE).get("receipt")


def test_the_good_pointer_is_read(tmp_path):
    """The pointer of which those above are mutations is one."""
    (tmp_path / "receipt.pkcs11.json").write_bytes(_changed())

    assert KeyStore(tmp_path, PASSPHRASE).get("receipt").thumbprint == SIGNERS[ED25519].thumbprint


ED_POINT = unb64url(SIGNERS[ED25519].public_key_jwk()["x"])
P256 = SIGNERS[ES256].public_key_jwk()
P256_POINT = b"\x04" + unb64url(P256["x"]) + unb64url(P256["y"])


@pytest.mark.parametrize(
    ("alg", "point"),
    [
        pytest.param(ED25519, ED_POINT, id="ed25519-plain"),
        pytest.param(ED25519, b"\x04\x20" + ED_POINT, id="ed25519-octet-string"),
        pytest.param(ED25519, b"\x03\x21\x00" + ED_POINT, id="ed25519-bit-string"),
        pytest.param(ES256, P256_POINT, id="p-256-plain"),
        pytest.param(ES256, b"\x04\x41" + P256_POINT, id="p-256-octet-string"),
    ],
)
def test_a_point_is_read_however_it_is_wrapped(alg, point):
    """Modules of different makers write the same point in different ways."""
    assert ours._jwk_of(SimpleNamespace(label="x", alg=alg, point=point)) == SIGNERS[alg].public_key_jwk()


@pytest.mark.parametrize(
    ("alg", "point"),
    [
        pytest.param(ED25519, b"", id="nothing"),
        pytest.param(ED25519, ED_POINT[:-1], id="short"),
        pytest.param(ED25519, b"\x04\x20" + ED_POINT + b"\x00", id="something-after-it"),
        pytest.param(ED25519, b"\x04\x21\x00" + ED_POINT, id="another-wrapping"),
        pytest.param(ED25519, bytes(32), id="of-small-order"),
        pytest.param(ES256, P256_POINT[1:], id="without-its-form"),
        pytest.param(ES256, b"\x02" + P256_POINT[1:33], id="compressed"),
        pytest.param(ES256, P256_POINT[:-1] + bytes([P256_POINT[-1] ^ 1]), id="off-the-curve"),
        pytest.param(None, b"", id="another-kind"),
    ],
)
def test_what_is_no_point_is_refused(alg, point):
    """A point that is none, or is of another curve, is no key of ours."""
    with pytest.raises(Refusal, match="neither Ed25519 nor P-256"):
        ours._jwk_of(SimpleNamespace(label="x", alg=alg, point=point))


# ------------------------------------------------------------------ beside keys in files


def test_a_label_means_the_same_wherever_its_key_lies(tmp_path, module):
    """Generations in files and in the module stand in one row, and a pointer is its owner's only."""
    store = KeyStore(tmp_path, PASSPHRASE, module)
    made = [
        store.create("95001.credential"),
        store.create_next("95001.credential", alg=ES256, token=TOKEN),
        store.create_next("95001.credential"),
    ]

    again = KeyStore(tmp_path, PASSPHRASE, module)

    assert [one.thumbprint for one in again.generations("95001.credential")] == [
        one.thumbprint for one in made
    ]
    pointer = tmp_path / "95001.credential~2.pkcs11.json"
    assert pointer.stat().st_mode & 0o777 == 0o600
    assert [(name, signer.thumbprint) for name, signer in again.module_keys()] == [
        ("95001.credential~2", made[1].thumbprint)
    ]
    assert not again.lies_in_module("95001.credential")


def test_a_pointer_that_could_not_be_written_leaves_no_key_behind(tmp_path, module, monkeypatch):
    """A full disk while the pointer is written: the key that was just made is not left in the module."""
    store = KeyStore(tmp_path, PASSPHRASE, module)
    before = module_keys(module, TOKEN)
    monkeypatch.setattr(
        "ledger.keys.keystore.write_key_file", lambda *_: (_ for _ in ()).throw(OSError("no space"))
    )

    with pytest.raises(OSError, match="no space"):
        store.create("credential", token=TOKEN)

    assert module_keys(module, TOKEN) == before
    assert not store.has("credential")


def test_a_label_has_one_key(tmp_path, module):
    """Neither a second key in the module nor one in a file is made under a label that is taken."""
    store = KeyStore(tmp_path, PASSPHRASE, module)
    store.create("credential", token=TOKEN)

    for token in (None, TOKEN):
        with pytest.raises(FileExistsError):
            store.create("credential", token=token)

    FileSigner.create(tmp_path / "credential.pem", ED25519, PASSPHRASE)
    with pytest.raises(Corrupt, match="two keys under one label"):
        KeyStore(tmp_path, PASSPHRASE, module).get("credential")


def test_a_key_is_adopted_once(tmp_path, module):
    """A key that others made becomes the next generation; a second time it is refused."""
    theirs = Pkcs11Signer.create(module, TOKEN, "from a ceremony")
    store = KeyStore(tmp_path, PASSPHRASE, module)
    store.create("receipt")

    adopted = store.adopt_next(
        "receipt", token=TOKEN, key_label="from a ceremony", key_id=theirs.pointer.key_id
    )

    assert [one.thumbprint for one in KeyStore(tmp_path, PASSPHRASE, module).generations("receipt")][1:] == [
        adopted.thumbprint
    ]
    with pytest.raises(Refusal, match="in custody under receipt already"):
        store.adopt_next("receipt", token=TOKEN, key_label="from a ceremony", key_id=theirs.pointer.key_id)
