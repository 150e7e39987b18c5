"""One real ledger, made once, and what it hands out: the examples that docs/formats quotes.

Its keys are random and forgotten; what is frozen are the files. One learner is enrolled, assessed and
awarded by 95001, the award's credential is issued, two witnesses cosign the last checkpoint.
"""

import json
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import ZipFile

from api.house import House as Furnished
from api.house import furnish
from api.operations.custody import take_into_custody
from api.settings import Settings
from ledger.access.rows import OWN
from ledger.encoding.msgpack import unpack
from ledger.encoding.strict_json import canonical
from ledger.founding import CREDENTIAL, RECEIPT, REGISTRAR
from ledger.keys.did import provider_did
from ledger.keys.keystore import custody_label
from ledger.keys.mldsa import MldsaSigner
from ledger.keys.signer import MemorySigner
from ledger.log.cosignature import Ed25519Cosigner, MldsaCosigner
from ledger.log.note import Note, format_note, parse_note
from ledger.log.tiles import entry_bundle
from ledger.mapper import (
    LedgerMapper,
    commitments_of,
    private_state,
    public_state,
    unseal,
    with_sealed_fields,
)
from ledger.privacy.commitments import statement_leaf
from ledger.publisher import latest
from ledger.receipts import acknowledge, award_receipt, prove, provider_receipt, public_receipt
from ledger.statements import read_submission
from ledger.store.readback import StoredRecord, records
from tests.ledger.golden.files import as_text
from tests.support.ledgers import PROVIDER_KEY, House, a_study_ledger, people, statement
from tests.support.world import ANA, BEN, ORIGIN, PROVIDER, a_result
from tests.vectors.formats.access_rows import access_examples

COMMITMENTS = ("statement_commit", "open_commit", "claims_commit", "sealed_commit", "ciphertext_hash")


def ledger_examples(folder: Path) -> dict[str, bytes]:
    """Return every example by its file name.

    Args:
        folder: an empty place for the ledger, thrown away afterwards.
    """
    house = a_study_ledger(folder)
    take_into_custody(house.ledger, [PROVIDER])
    first = house.publish()
    assert first is not None
    house.register(ANA)
    house.enrol(ANA)
    found = _submission(house)
    (award,) = house.award(ANA)
    assert award.position is not None
    furnished = furnish(house.ledger, Settings())
    furnished.catch_up()
    found |= _credential(house, furnished, award.position)
    _a_stolen_key(house)
    furnished.catch_up()
    found |= _records(house, award.position)
    found |= _log(house, first.size)
    found |= _receipts(house, award.position)
    found |= _bundle(house, furnished, award.position)
    furnished.issuer.close()
    furnished.views.close()
    house.close()
    return found | access_examples()


# ------------------------------------------------------------------ said, and answered


def _submission(house: House) -> dict[str, bytes]:
    said = [statement("assessment.passed", **a_result(ANA, outcome)) for outcome in ("LO1", "LO2")]
    submission = house.build(PROVIDER_KEY, said)
    received = read_submission(submission.body().splitlines(), origin=ORIGIN)
    outcomes = house.ledger.submit(received)
    answer = acknowledge(house.ledger.store, house.signer(RECEIPT), received.claims, outcomes, ORIGIN)
    return {
        "submission.jsonl": submission.body(),
        "submission-key.json": canonical(house.signer(PROVIDER_KEY).public_key_jwk()),
        "acknowledgement.jws": answer.encode(),
        "receipt-key.json": canonical(house.signer(RECEIPT).public_key_jwk()),
    }


def _credential(house: House, furnished: Furnished, award: int) -> dict[str, bytes]:
    event: Any = LedgerMapper.for_reading().to_domain_event(_record(house, award).event)
    document = furnished.issuer.export(event.subject, "ob3", event.originator_id, reader=OWN).data
    issuer = provider_did(house.ledger.founding.host, PROVIDER)
    kid = house.signer(custody_label(PROVIDER, "credential")).thumbprint
    facts = json.dumps({"issuer": issuer, "kid": kid}, indent=1)
    return {"credential.json": document, "issued-facts.json": facts.encode() + b"\n"}


def _a_stolen_key(house: House) -> None:
    """Give 95001 a second credential key, and let it live through everything that a key can."""
    signer = house.key("95001.lost", PROVIDER, "credential")
    first = house.size()
    house.register(BEN, *people(4))
    said = {"organisation": PROVIDER, "kid": signer.thumbprint}
    house.must(REGISTRAR, [statement("key.revoked", **said, reason="stolen", suspected_from=first + 2)])
    house.must(REGISTRAR, [statement("key.reaffirmed", **said, first=first + 2, last=first + 3)])
    house.must(REGISTRAR, [statement("key.annulled", **said, first=first + 5, last=first + 5)])


def _bundle(house: House, furnished: Furnished, award: int) -> dict[str, bytes]:
    event: Any = LedgerMapper.for_reading().to_domain_event(_record(house, award).event)
    trust, signature = furnished.issuer.trust_file()
    key = house.signer(CREDENTIAL).public_key_jwk()
    bundle = furnished.issuer.export(event.subject, "bundle", event.originator_id, reader=OWN).data
    with ZipFile(BytesIO(bundle)) as archive:
        listed = {name: archive.read(name) for name in ("status-list.json", "status-list.tlog-proof")}
    return {
        **listed,
        "bundle.zip": bundle,
        "trust.json": trust,
        "trust.json.jws": signature.encode(),
        "operator-key.json": canonical(key),
    }


# ------------------------------------------------------------------ records


def _record(house: House, position: int) -> StoredRecord:
    (found,) = records(house.ledger.store.database.reader, position, position)
    return found


def _records(house: House, award: int) -> dict[str, bytes]:
    """Return records taken apart: public ones, with a path and without a statement, and a private one."""
    ended = house.size()
    of_topic = {}
    for record in records(house.ledger.store.database.reader, 1, ended):
        of_topic.setdefault(record.topic, record)
    wanted = (
        "ledger.founded",
        "organisation.role_granted",
        "key.registered",
        "key.revoked",
        "key.reaffirmed",
        "key.annulled",
        "status_list.changed",
    )
    found = {f"record-{topic}.json": as_text(_public(of_topic[topic])).encode() for topic in wanted}
    found["record-microcredential.awarded.json"] = as_text(_private(house, _record(house, award))).encode()
    return found


def _place(record: StoredRecord) -> dict[str, Any]:
    return {
        "topic": record.topic,
        "position": record.position,
        "recorded_at_us": record.recorded_at_us,
        "stream": record.stream,
        "version": record.version,
    }


def _public(record: StoredRecord) -> dict[str, Any]:
    values, said = public_state(record.event.state)
    carried = None
    if said is not None:
        carried = {
            "jws": said.jws,
            "i": said.row,
            "n": said.size,
            "path": list(said.path),
            "salt": said.salt,
            "statement": said.statement.decode(),
        }
    parts = {"values": values, "statement": carried}
    return {
        **_place(record),
        **parts,
        "state": record.event.state,
        "entry": record.entry,
        "leaf": record.leaf,
    }


def _private(house: House, record: StoredRecord) -> dict[str, Any]:
    event = LedgerMapper.for_reading().to_domain_event(record.event)
    key = house.ledger.vault.keys([event.subject])[event.subject]
    parts, hidden = private_state(record.event.state), unseal(record.event, key)
    said = hidden.said
    assert said is not None
    leaf = statement_leaf(said.salt, said.statement)
    return {
        **_place(record),
        "open": unpack(parts.open_bytes[32:]),
        "sealed": unpack(hidden.plaintext[32:]),
        "data_key": key.data_key,
        "open_bytes": parts.open_bytes,
        "sealed_plaintext": hidden.plaintext,
        "sealed_bytes": parts.sealed,
        "statement_leaf": leaf,
        **dict(zip(COMMITMENTS, commitments_of(record.event, leaf), strict=True)),
        "state": record.event.state,
        "entry": record.entry,
        "leaf": record.leaf,
    }


# ------------------------------------------------------------------ the log, and its proofs


def _log(house: House, older: int) -> dict[str, bytes]:
    published = latest(house.ledger.store.database.reader)
    assert published is not None
    tree = house.publisher().tree
    found = {"checkpoint.txt": published.note.encode()}
    first = Ed25519Cosigner("witness.example/one", MemorySigner.generate())
    second = MldsaCosigner("witness.example/two", MldsaSigner.generate())
    note, now_s = parse_note(published.note.encode()), house.clock.now_us() // 1_000_000
    lines = tuple(one.cosign(note.text.encode(), now_s + 2) for one in (first, second))
    witnessed = format_note(Note(note.text, (*note.signatures, *lines)))
    keys = house.ledger.founding.log_keys
    policy = "".join(
        (
            *(f"log {vkey}\n" for vkey in keys),
            f"witness one {first.vkey} https://one.witness.example/\n",
            f"witness two {second.vkey} https://two.witness.example/\n",
            "group both all one two\n",
            "quorum both\n",
        )
    )
    entries = [record.entry for record in records(house.ledger.store.database.reader, 1, published.size)]
    older_root = tree.root(older)
    path = tree.consistency(older, published.size)
    sizes = {
        "old_size": older,
        "old_root": older_root,
        "new_size": published.size,
        "new_root": published.root,
    }
    bundle = {"path": f"tile/entries/000.p/{len(entries)}", "sha256": sha256(entry_bundle(entries)).digest()}
    return found | {
        "checkpoint-witnessed.txt": witnessed,
        "policy.txt": policy.encode(),
        "log-keys.json": (json.dumps({"origin": ORIGIN, "log_keys": list(keys)}, indent=1) + "\n").encode(),
        "consistency.json": as_text({**sizes, "path": path}).encode(),
        "entries.bin": entry_bundle(entries),
        "entries.json": as_text(bundle).encode(),
    }


def _receipts(house: House, award: int) -> dict[str, bytes]:
    store, tree, mapper = house.ledger.store, house.publisher().tree, LedgerMapper.for_reading()
    issued = next(
        record.position
        for record in records(store.database.reader, 1, house.size())
        if record.topic == "credential.issued"
    )
    event = mapper.to_domain_event(_record(house, award).event)
    key = house.ledger.vault.keys([event.subject])[event.subject]
    proven = prove(store, tree, award)
    facts = dict(_shown(proven, key, mapper))
    return {
        "award.tlog-proof": award_receipt(proven, key, mapper).encode(),
        "award-level-only.tlog-proof": award_receipt(proven, key, mapper, shows=["level"]).encode(),
        "award-facts.json": (json.dumps(facts, indent=1, ensure_ascii=False) + "\n").encode(),
        "issued.tlog-proof": award_receipt(prove(store, tree, issued), key, mapper).encode(),
        "provider.tlog-proof": provider_receipt(prove(store, tree, award - 1), key).encode(),
        "public-receipt.json": (json.dumps(public_receipt(prove(store, tree, 1)), indent=1) + "\n").encode(),
    }


def _shown(proven: Any, key: Any, mapper: LedgerMapper) -> Any:
    event = with_sealed_fields(mapper.to_domain_event(proven.record.event), unseal(proven.record.event, key))
    return event.shown()
