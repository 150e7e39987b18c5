"""A folder of keys: labels, generations under a label, and which of them signs now."""

import threading
from uuid import UUID, uuid4

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ledger.errors import Unauthorised
from ledger.keys.keyring import Keyring, RegisteredKey
from ledger.keys.keystore import KeyStore, current_signer, custody_label, generation_name
from ledger.keys.signer import ES256, FileSigner

PASSPHRASE = b"a passphrase for one test"
LABEL = "95001.credential"
PROVIDER = UUID(int=95001)


@pytest.fixture
def store(tmp_path):
    """An empty folder of keys."""
    return KeyStore(tmp_path, PASSPHRASE)


def registered(signer, at, **ends):
    """Return the registration of a signer's key at a position, as the provider's credential key."""
    states = {"retired_at": None, "revoked_at": None, "suspected_from": None} | ends
    return RegisteredKey(
        kid=signer.thumbprint,
        organisation=PROVIDER,
        jwk=signer.public_key_jwk(),
        purposes=frozenset({"credential"}),
        custody="delegated",
        registered_at=at,
        **states,
    )


# ------------------------------------------------------------------ labels


def test_keys_are_kept_by_label(tmp_path, store):
    """A key made under a label is the same key later, in this process and in the next."""
    made = store.create("receipt")

    assert store.get("receipt") is made
    assert KeyStore(tmp_path, PASSPHRASE).get("receipt").thumbprint == made.thumbprint
    assert KeyStore(tmp_path, PASSPHRASE).has("receipt")
    with pytest.raises(FileExistsError):
        KeyStore(tmp_path, PASSPHRASE).create("receipt")


@pytest.mark.parametrize(
    ("reference", "label"), [(95001, "95001.submission"), ("ISB:FOOD_FIBRE", "ISB-FOOD_FIBRE.submission")]
)
def test_a_key_in_custody_is_named_for_its_organisation(store, reference, label):
    """A number and a body code both give a label, though a code has a sign that no file name should."""
    store.create(custody_label(reference, "submission"))

    assert store.has(label)


def test_a_key_that_is_not_in_custody_is_refused(store):
    """Asking for a key that is not here is a refusal with its own code."""
    assert not store.has(LABEL)
    with pytest.raises(Unauthorised, match=r"95001\.credential") as refused:
        store.get(LABEL)
    assert refused.value.code == "custody"


@pytest.mark.parametrize(
    "label",
    [
        "",
        ".",
        "..",
        "../receipt",
        "a/b",
        "a\\b",
        "-a",
        "a b",
        "a\x00",
        "a\n",
        "ā",
        "a~2",
        "95001.credential~",
    ],
)
@pytest.mark.parametrize("verb", ["create", "create_next", "get", "has", "generations"])
def test_a_label_stays_in_its_folder(store, verb, label):
    """A label that could name a file elsewhere, or a generation, is our own mistake and stops the work."""
    with pytest.raises(AssertionError):
        getattr(store, verb)(label)


# ------------------------------------------------------------------ generations


def test_the_next_key_lies_beside_the_last(tmp_path, store):
    """Every key under a label stays; the label alone means the first, whatever came after it."""
    made = [store.create(LABEL), store.create_next(LABEL), store.create_next(LABEL, alg=ES256)]

    again = KeyStore(tmp_path, PASSPHRASE)

    kids = [signer.thumbprint for signer in made]
    assert [signer.thumbprint for signer in again.generations(LABEL)] == kids
    assert [signer.thumbprint for signer in again.newest_first(LABEL)] == kids[::-1]
    assert again.get(LABEL).thumbprint == kids[0]
    assert [again.by_thumbprint(LABEL, kid).thumbprint for kid in kids] == kids
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "95001.credential.pem",
        "95001.credential~2.pem",
        "95001.credential~3.pem",
    ]


def test_the_first_of_the_next_keys_is_the_first(store):
    """Where no key is in custody yet, the next one is the first, and there are no generations before it."""
    assert store.generations(LABEL) == []

    made = store.create_next(LABEL)

    assert store.get(LABEL) is made
    assert store.generations(LABEL) == [made]


def test_generations_have_an_order_beyond_nine(store):
    """The tenth key is newer than the ninth."""
    made = [store.create_next(LABEL) for _ in range(11)]

    assert store.generations(LABEL) == made


def test_a_key_of_another_process_is_seen(tmp_path, store):
    """A server that is running signs with the key that a command made a moment ago."""
    first = store.create(LABEL)
    assert store.generations(LABEL) == [first]

    made = KeyStore(tmp_path, PASSPHRASE).create_next(LABEL)

    assert [signer.thumbprint for signer in store.generations(LABEL)] == [first.thumbprint, made.thumbprint]


def test_a_key_that_was_destroyed_leaves_the_others(tmp_path, store):
    """Destroying a retired private key renumbers nothing: those after it are found, and so is a new one."""
    kids = [store.create_next(LABEL).thumbprint for _ in range(3)]
    (tmp_path / f"{LABEL}.pem").unlink()
    (tmp_path / f"{LABEL}~2.pem").unlink()
    later = KeyStore(tmp_path, PASSPHRASE)

    made = later.create_next(LABEL)

    assert [signer.thumbprint for signer in later.generations(LABEL)] == [kids[2], made.thumbprint]
    assert (tmp_path / f"{LABEL}~4.pem").exists()
    with pytest.raises(Unauthorised, match="not in custody here"):
        later.by_thumbprint(LABEL, kids[0])


@pytest.mark.parametrize(
    "name",
    [
        "95001.credential~1.pem",
        "95001.credential~0.pem",
        "95001.credential~02.pem",
        "95001.credential~-2.pem",
        "95001.credential~٢.pem",
        "95001.credential~2",
        "95001.credential~2.pem.new",
        "95001.credential~2~3.pem",
        "95001.credential.2.pem",
        "95001.credential2~2.pem",
        "x95001.credential~2.pem",
        "95001.credential~9999999.pem",
    ],
)
def test_other_files_are_no_generations(tmp_path, store, name):
    """A name with another spelling of the number, another ending or another label is passed over."""
    first = store.create(LABEL)

    (tmp_path / name).write_bytes(b"not a key")

    assert store.generations(LABEL) == [first]


REFERENCES = st.one_of(st.integers(1, 99_999), st.text("AB09:-_.~%2", min_size=1, max_size=6))


@given(st.lists(st.tuples(REFERENCES, st.integers(1, 30)), min_size=2, max_size=2, unique=True))
@example([(95001, 2), ("95001.credential~2", 1)])
@example([("A.2", 1), ("A", 2)])
@example([("A~2", 1), ("A", 2)])
@example([(1, 11), (11, 1)])
def test_no_generation_is_another_organisations_key(two):
    """Numbers and body codes with digits, dots and tildes: two keys never share a file."""
    names = {
        generation_name(custody_label(reference, "credential"), generation) for reference, generation in two
    }

    assert len(names) == len({(str(reference), generation) for reference, generation in two})


def test_a_key_file_is_opened_once(tmp_path, monkeypatch):
    """Opening a file is slow on purpose: sixteen threads that ask for it open it one time."""
    KeyStore(tmp_path, PASSPHRASE).create_next(LABEL)
    KeyStore(tmp_path, PASSPHRASE).create_next(LABEL)
    store, opened, load = KeyStore(tmp_path, PASSPHRASE), [], FileSigner.load
    monkeypatch.setattr(
        FileSigner, "load", lambda path, passphrase: opened.append(path.name) or load(path, passphrase)
    )
    together = threading.Barrier(16)

    def ask():
        together.wait()
        store.generations(LABEL)
        store.by_thumbprint(LABEL, store.get(LABEL).thumbprint)

    threads = [threading.Thread(target=ask) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(opened) == ["95001.credential.pem", "95001.credential~2.pem"]


def test_threads_that_rotate_at_once_make_a_key_each(tmp_path):
    """Two stores over one folder and eight threads: every key gets a generation, and none is lost."""
    stores = [KeyStore(tmp_path, PASSPHRASE) for _ in range(2)]
    together, made = threading.Barrier(8), []

    def rotate(store):
        together.wait()
        made.append(store.create_next(LABEL).thumbprint)

    threads = [threading.Thread(target=rotate, args=(stores[at % 2],)) for at in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    kept = KeyStore(tmp_path, PASSPHRASE).generations(LABEL)
    assert sorted(signer.thumbprint for signer in kept) == sorted(made)
    assert len(made) == 8


# ------------------------------------------------------------------ which key signs


def test_the_newest_key_in_force_signs(store):
    """After a rotation the newer key signs from the position after its registration on, and not before."""
    old, new = store.create(LABEL), store.create_next(LABEL)
    keyring = Keyring([registered(old, 5, retired_at=21), registered(new, 20)])

    def signs_at(position):
        return current_signer(store, LABEL, keyring, PROVIDER, "credential", position)

    assert [signs_at(position) for position in (6, 20, 21, 22)] == [old, old, new, new]


def test_a_key_that_is_not_registered_signs_nothing(store):
    """A key that was made and never registered, as after a power cut in a rotation, is passed over."""
    old = store.create(LABEL)
    store.create_next(LABEL)

    assert current_signer(store, LABEL, Keyring([registered(old, 5)]), PROVIDER, "credential", 9) is old


def test_a_revoked_newest_key_gives_way(store):
    """When the newest key was revoked, an older one that is still in force signs."""
    old, new = store.create(LABEL), store.create_next(LABEL)
    keyring = Keyring([registered(old, 5), registered(new, 20, revoked_at=30, suspected_from=25)])

    assert current_signer(store, LABEL, keyring, PROVIDER, "credential", 31) is old


@pytest.mark.parametrize(
    ("organisation", "purpose", "position", "sentence"),
    [
        pytest.param(PROVIDER, "credential", 31, "retired or revoked at position 30", id="retired"),
        pytest.param(PROVIDER, "credential", 20, "counts after position 20", id="too-early"),
        pytest.param(PROVIDER, "submission", 25, "purpose `submission`", id="another-purpose"),
        pytest.param(uuid4(), "credential", 25, "another organisation", id="another-organisation"),
    ],
)
def test_no_key_in_force_is_a_refusal_that_says_why(store, organisation, purpose, position, sentence):
    """Where none counts, the sentence says why the newest does not, and what to do."""
    keyring = Keyring([registered(store.create(LABEL), 20, retired_at=30)])

    with pytest.raises(Unauthorised, match=f"{sentence}.*register a new one") as refused:
        current_signer(store, LABEL, keyring, organisation, purpose, position)
    assert refused.value.code == "custody"


def test_no_key_in_custody_is_a_refusal(store):
    """Without any key under the label it is the same refusal as everywhere."""
    with pytest.raises(Unauthorised, match=r"no key named 95001\.credential is in custody") as refused:
        current_signer(store, LABEL, Keyring(()), PROVIDER, "credential", 9)
    assert refused.value.code == "custody"


def test_an_older_key_is_not_opened_for_nothing(tmp_path, store):
    """While the newest key signs, those before it stay closed: a broken old file stops nobody."""
    store.create(LABEL)
    new = store.create_next(LABEL)
    (tmp_path / f"{LABEL}.pem").write_bytes(b"broken")

    later = KeyStore(tmp_path, PASSPHRASE)

    keyring = Keyring([registered(new, 5)])
    assert current_signer(later, LABEL, keyring, PROVIDER, "credential", 9).thumbprint == new.thumbprint


# ------------------------------------------------------------------ ML-DSA-44


def test_mldsa_keys_have_generations_too(store, tmp_path):
    """Newest first, by another process too; what is destroyed is no gap; another label is another key."""
    first = store.create_mldsa("checkpoint-mldsa44")
    second = store.create_next_mldsa("checkpoint-mldsa44")
    third = KeyStore(tmp_path, PASSPHRASE).create_next_mldsa("checkpoint-mldsa44")
    store.create("checkpoint")

    found = [one.thumbprint for one in store.mldsa_newest_first("checkpoint-mldsa44")]

    assert found == [third.thumbprint, second.thumbprint, first.thumbprint]
    assert store.mldsa("checkpoint-mldsa44").thumbprint == first.thumbprint
    (tmp_path / "checkpoint-mldsa44~2.pem").unlink()
    other = KeyStore(tmp_path, PASSPHRASE)
    left = [one.thumbprint for one in other.mldsa_newest_first("checkpoint-mldsa44")]
    assert left == [third.thumbprint, first.thumbprint]
    assert other.create_next_mldsa("checkpoint-mldsa44").thumbprint not in found
    assert (tmp_path / "checkpoint-mldsa44~4.pem").stat().st_mode & 0o777 == 0o600


def test_the_first_mldsa_key_may_be_made_as_the_next(store):
    """A log that was founded with Ed25519 alone gets its second key at a rotation."""
    made = store.create_next_mldsa("checkpoint-mldsa44")

    assert store.mldsa("checkpoint-mldsa44").thumbprint == made.thumbprint
