"""`roa keys hsm`, and a ledger whose keys lie in a hardware module from its founding to a verified bundle."""

import json
import shutil
from pathlib import Path

import pytest

from api.client.acknowledgement import check_acknowledgement
from api.house import furnish
from api.settings import Settings
from ledger.application import Ledger
from ledger.errors import Unavailable
from ledger.founding import RECEIPT
from ledger.keys.keystore import KeyStore
from ledger.keys.pkcs11 import Pkcs11Signer
from tests.api.cli.shell import roa
from tests.api.door import Door, results_csv, statuses
from tests.support.hardware import SPARE_TOKEN, TOKEN, softhsm
from tests.support.ledgers import PASSPHRASE, PROVIDER_KEY, a_ledger, registration_of
from tests.support.world import ANA, PROVIDER, REGULATOR

FOUNDING = {"checkpoint": "Ed25519", "receipt": "ES256", "credential": "Ed25519"}

in_a_module = pytest.mark.usefixtures("module")


@pytest.fixture
def module(monkeypatch):
    """A module that the settings name."""
    found = softhsm()
    monkeypatch.setenv("ROA_PKCS11_MODULE", str(found.path))
    monkeypatch.setenv("ROA_PKCS11_PIN_FILE", str(found.pin_file))
    return found


def hsm(command, *words):
    """Run a command of `roa keys hsm`."""
    return roa("keys", "hsm", command, *words)


def create(label, folder, *words):
    """Make a key in the module for the ledger in a folder."""
    return hsm("create", label, "--data", folder, "--token", TOKEN, *words)


# ------------------------------------------------------------------ make, find, list, check


@pytest.mark.parametrize("alg", ["Ed25519", "ES256"])
def test_a_key_is_made_in_the_module(tmp_path, module, alg):
    """Exit 0 and its kid; what lies in the ledger's folder is a pointer that only its owner reads."""
    ran = create("receipt", tmp_path / "D", "--alg", alg)

    (made,) = KeyStore(tmp_path / "D" / "keys", b"", module).generations("receipt")
    assert ran.code == 0
    assert ran.out == f"receipt: {alg}, kid {made.thumbprint}, in the module\n"
    assert [path.name for path in (tmp_path / "D" / "keys").iterdir()] == ["receipt.pkcs11.json"]
    assert (tmp_path / "D" / "keys").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "D" / "keys" / "receipt.pkcs11.json").stat().st_mode & 0o777 == 0o600


@in_a_module
def test_a_ledger_is_founded_with_its_first_key(tmp_path):
    """Before the founding a second key under a label is refused; afterwards it is the next generation."""
    folder = tmp_path / "D"
    create("credential", folder)

    again = create("credential", folder)
    founded = roa("init", "--data", folder)
    after = create("credential", folder)

    assert (again.code, again.out) == (2, "")
    assert (founded.code, after.code) == (0, 0)
    assert sorted(path.name for path in (folder / "keys").glob("credential*")) == [
        "credential.pkcs11.json",
        "credential~2.pkcs11.json",
    ]


@in_a_module
@pytest.mark.parametrize(
    ("label", "words"),
    [
        pytest.param("webhook", [], id="another-purpose"),
        pytest.param("95001.keys", [], id="a-purpose-not-in-custody"),
        pytest.param("../receipt", [], id="another-folder"),
        pytest.param("95001.credential~2", [], id="a-generation"),
        pytest.param("receipt", ["--alg", "RSA"], id="another-algorithm"),
        pytest.param("95001.credential", ["--alg", "ES256"], id="P-256-for-credentials"),
        pytest.param("checkpoint", ["--alg", "ES256"], id="P-256-for-checkpoints"),
    ],
)
def test_what_is_no_key_of_a_ledger_is_not_made(tmp_path, label, words):
    """Exit 2 and one sentence; nothing is made anywhere."""
    ran = create(label, tmp_path / "D", *words)

    assert (ran.code, ran.out, len(ran.err.splitlines())) == (2, "", 1)
    assert not (tmp_path / "D").exists()


@in_a_module
def test_the_next_key_of_a_log_comes_with_its_ceremony(folder):
    """Exit 2: for a log that is founded no key is made here, and it says which command makes one."""
    ran = create("checkpoint", folder)

    assert (ran.code, ran.out) == (2, "")
    assert "roa keys next OPERATOR checkpoint" in ran.err
    assert not list((folder / "keys").glob("checkpoint*.pkcs11.json"))


def test_without_settings_it_says_what_to_set(tmp_path, monkeypatch):
    """Exit 2 where neither setting is there, 1 where one is: the sentence names both."""
    none = create("receipt", tmp_path / "D")
    monkeypatch.setenv("ROA_PKCS11_MODULE", "/nowhere.so")
    half = create("receipt", tmp_path / "D")

    assert (none.code, half.code) == (2, 1)
    for ran in (none, half):
        assert "ROA_PKCS11_MODULE" in ran.err
        assert "ROA_PKCS11_PIN_FILE" in ran.err


def test_a_key_from_elsewhere_is_adopted(tmp_path, module):
    """A key that the module's own tools made is used under a label; by its id where a label has several."""
    theirs = [Pkcs11Signer.create(module, SPARE_TOKEN, "from a ceremony") for _ in range(2)]
    words = ("--data", tmp_path / "D", "--token", SPARE_TOKEN, "--key-label", "from a ceremony")

    unclear = hsm("adopt", "receipt", *words)
    wrong = hsm("adopt", "receipt", *words, "--key-id", "xyz")
    taken = hsm("adopt", "receipt", *words, "--key-id", theirs[1].pointer.key_id.hex())

    assert (unclear.code, wrong.code, taken.code) == (1, 2, 0)
    assert theirs[1].thumbprint in taken.out
    assert KeyStore(tmp_path / "D" / "keys", b"", module).get("receipt").thumbprint == theirs[1].thumbprint
    for one in theirs:
        one.discard()


def test_a_key_for_credentials_is_ed25519_wherever_it_was_made(tmp_path, module):
    """A P-256 key from elsewhere is not adopted for credentials, which could not be signed with it."""
    theirs = Pkcs11Signer.create(module, SPARE_TOKEN, "p-256", "ES256")

    ran = hsm("adopt", "credential", "--data", tmp_path / "D", "--token", SPARE_TOKEN, "--key-label", "p-256")

    assert (ran.code, ran.out) == (1, "")
    assert "credential takes Ed25519" in ran.err
    assert not list((tmp_path / "D" / "keys").iterdir())
    theirs.discard()


def test_the_keys_of_a_token_are_listed(module):
    """In words and as JSON, with the id by which one is adopted."""
    made = Pkcs11Signer.create(module, SPARE_TOKEN, "listed", "ES256")

    words, as_json = (hsm("list", "--token", SPARE_TOKEN, *more) for more in ([], ["--json"]))

    key = {
        "kid": made.thumbprint,
        "label": "listed",
        "id": made.pointer.key_id.hex(),
        "alg": "ES256",
    }
    assert key in as_json.json["keys"]
    assert f"{made.thumbprint}  ES256  listed  id {made.pointer.key_id.hex()}" in words.lines
    made.discard()


def test_every_key_of_a_ledger_is_checked(tmp_path, module):
    """Exit 0 while every key signs; 1 when one does not, and which and why."""
    folder = tmp_path / "D"
    create("credential", folder)
    create("receipt", folder)
    keys = KeyStore(folder / "keys", b"", module)

    good = hsm("check", "--data", folder)
    keys.get("receipt").discard()
    bad = hsm("check", "--data", folder, "--json")

    assert good.code == 0
    assert good.lines == [
        f"{keys.get('credential').thumbprint}  credential  signs",
        f"{keys.get('receipt').thumbprint}  receipt  signs",
    ]
    assert bad.code == 1
    assert [(key["label"], key["ok"]) for key in bad.json["keys"]] == [
        ("credential", True),
        ("receipt", False),
    ]
    assert (bad.json["ok"], "holds no private key" in bad.json["keys"][1]["sentence"]) == (False, True)


def test_keys_for_others_are_kept_in_the_module_too(folder, module):
    """`roa keys custody` registers the keys that lie in the module already, and makes files for no one."""
    made = {
        label: create(label, folder).out.split("kid ")[1].split(",")[0]
        for label in ("95000.submission", "95000.credential")
    }

    kept = roa("keys", "custody", "--data", folder, REGULATOR)

    keys = {key["kid"]: key for key in roa("keys", "list", "--data", folder, "--json").json["keys"]}
    assert kept.code == 0, kept.err
    for label, kid in made.items():
        assert keys[kid]["purposes"] == [label.partition(".")[2]]
        assert (keys[kid]["organisation"], keys[kid]["custody"], keys[kid]["to"]) == (
            REGULATOR,
            "delegated",
            None,
        )
    assert [signer.thumbprint for _, signer in KeyStore(folder / "keys", b"", module).module_keys()] == [
        made["95000.credential"],
        made["95000.submission"],
    ]


# ------------------------------------------------------------------ a ledger with its keys in a module


def a_ledger_in_a_module(folder: Path, module) -> Door:
    """Found a ledger with its own keys in the module, and 95001's, which is accredited for 6022."""
    keys = KeyStore(folder / "keys", PASSPHRASE, module)
    (folder / "keys").mkdir(parents=True)
    for label, alg in FOUNDING.items():
        keys.create(label, alg, token=TOKEN)
    house = a_ledger(folder)
    house.ledger.close()
    house.ledger = Ledger(house.files, PASSPHRASE, clock=house.clock, module=module)
    house.keystore = house.ledger.keystore
    house.organisation(PROVIDER, "provider")
    for label, alg in ((PROVIDER_KEY, "ES256"), ("95001.credential", "Ed25519")):
        signer = house.keystore.create(label, alg, token=TOKEN)
        house.must("registrar", [registration_of(signer, PROVIDER, label.partition(".")[2])])
    house.speakers[PROVIDER_KEY] = house.ledger.register().organisation(PROVIDER).id
    house.listing()
    house.accredited(PROVIDER)
    house.register(ANA)
    (folder / "keys" / "passphrase").write_bytes(PASSPHRASE + b"\n")
    return Door(house)


@pytest.fixture
def door(tmp_path, module):
    """That ledger, open and behind its doors."""
    opened = a_ledger_in_a_module(tmp_path / "ledger", module)
    yield opened
    opened.close()


def test_everything_a_ledger_signs_is_signed_in_the_module(door, tmp_path, monkeypatch):
    """Submission, acknowledgement, checkpoint, credential and trust file: signed there, and verified."""
    house = door.ledger
    house.enrol(ANA)
    answer = door.post_csv(results_csv([(ANA, "LO1", "A"), (ANA, "LO2", "A")]))
    house.award(ANA)
    door.house.catch_up()
    door.house.issuer.write_trust()

    assert statuses(answer) == ["accepted", "accepted"]
    receipt = house.keystore.get(RECEIPT)
    assert receipt.alg == "ES256"
    assert check_acknowledgement(answer.json()["acknowledgement"], receipt.public_key_jwk())["n"] == 2
    assert sorted(path.name for path in house.files.keys.glob("*.pem")) == [
        "checkpoint-mldsa44.pem",
        "registrar.pem",
    ]
    bundle = tmp_path / "bundle.zip"
    exported = roa("export", ANA.nsn, "--data", house.files.folder, "--format", "bundle", "--out", bundle)
    assert exported.code == 0, exported.err
    verified = roa("verify", bundle, "--trust", house.files.folder / "trust.json", "--json")
    assert verified.code == 0, verified.out
    assert verified.json["headline"].startswith("Verified")
    assert roa("audit", "--data", house.files.folder).code == 0
    monkeypatch.delenv("ROA_PKCS11_MODULE")
    monkeypatch.delenv("ROA_PKCS11_PIN_FILE")
    assert roa("audit", "--data", house.files.folder).code == 0


def test_without_the_module_reads_go_on(door, tmp_path):
    """While the module is away nothing is signed, and everything that needs no signature works."""
    door.ledger.enrol(ANA)
    door.house.catch_up()
    door.ledger.ledger.close()
    copy = tmp_path / "copy"
    shutil.copytree(door.ledger.files.folder, copy)

    away = furnish(Ledger(door.ledger.files.__class__(copy), PASSPHRASE, clock=door.ledger.clock), Settings())
    try:
        size = away.ledger.store.head().size
        with pytest.raises(Unavailable, match="ROA_PKCS11_MODULE"):
            away.issuer.write_trust()
        listed = roa("keys", "list", "--data", copy, "--json")
        assert len(listed.json["keys"]) == len(list(away.ledger.keyring()))
        assert away.ledger.store.head().size == size
    finally:
        away.views.close()
        away.ledger.close()
    assert json.loads((copy / "keys" / "receipt.pkcs11.json").read_bytes())["token"] == TOKEN
