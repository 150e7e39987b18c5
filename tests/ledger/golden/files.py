"""Golden vectors as JSON: text, numbers, null and arrays as they are, bytes as {"hex": …}."""

import json
from datetime import date
from pathlib import Path
from typing import Any
from uuid import UUID

from ledger.clock import microseconds
from ledger.domain.base import PUBLIC
from ledger.log.merkle import leaf_hash
from ledger.mapper import SALT_BYTES, private_state, unseal
from ledger.privacy.commitments import statement_leaf
from ledger.privacy.sealing import NONCE_BYTES
from tests.ledger.golden.samples import DATA_KEY, Golden, subject_key
from tests.support.world import MIDDAY

FOLDER = Path(__file__).parent
RECORDED_AT_US = microseconds(MIDDAY)


def vector_of(golden: Golden) -> dict[str, Any]:
    """Return what is frozen of a record: its inputs, and the bytes that the ledger's code makes of them."""
    event, stored = golden.event, golden.stored
    public = event.PRIVACY is PUBLIC
    inputs: dict[str, Any] = {
        "topic": stored.topic,
        "stream": event.originator_id.bytes,
        "version": stored.originator_version,
        "recorded_at_us": RECORDED_AT_US,
    }
    outputs = _public(golden, inputs) if public else _private(golden, inputs)
    entry = stored.entry(RECORDED_AT_US)
    outputs |= {"state": stored.state, "entry": entry, "leaf": leaf_hash(entry)}
    return {"inputs": inputs, "outputs": outputs}


def _public(golden: Golden, inputs: dict[str, Any]) -> dict[str, Any]:
    event: Any = golden.event
    said = event.said
    fields = [_stored(getattr(event, name)) for name in event.OPEN]
    inputs["open"] = [event.class_version, event.as_of, event.ruleset_id, *fields]
    inputs["statement"] = said and {
        "jws": said.jws,
        "i": said.row,
        "n": said.size,
        "path": list(said.path),
        "salt": said.salt,
        "statement": said.statement,
    }
    return {"statement_leaf": said and statement_leaf(said.salt, said.statement)}


def _private(golden: Golden, inputs: dict[str, Any]) -> dict[str, Any]:
    event: Any = golden.event
    said, stored = event.said, golden.stored
    head = [
        event.class_version,
        event.subject.bytes,
        event.as_of,
        event.ruleset_id,
        event.decided_on.isoformat(),
    ]
    fields = [_stored(getattr(event, name)) for name in event.OPEN]
    inputs["data_key"] = DATA_KEY
    parts, plaintext = private_state(stored.state), unseal(stored, subject_key()).plaintext
    inputs["open_salt"], inputs["content_salt"] = parts.open_salt, plaintext[:SALT_BYTES]
    inputs["nonce"] = parts.sealed[:NONCE_BYTES]
    inputs["open"] = [*head, event.row_key, event.row_mac, *fields]
    inputs["sealed"] = [_stored(getattr(event, name)) for name in event.SEALED]
    inputs["shows"] = [list(claim) for claim in event.shown()]
    inputs["statement"] = said and {
        "submission": said.jti.bytes,
        "row": said.row,
        "salt": said.salt,
        "statement": said.statement,
        "who_salt": said.who_salt,
        "who": said.who,
    }
    names = ("statement_commit", "open_commit", "claims_commit", "sealed_commit", "ciphertext_hash")
    return {
        "open_bytes": parts.open_bytes,
        "sealed_plaintext": plaintext,
        "sealed_bytes": parts.sealed,
        "statement_leaf": said and statement_leaf(said.salt, said.statement),
        **dict(zip(names, stored.commitments, strict=True)),
    }


def _stored(value: Any) -> Any:
    """Return a value as LEDGER.md 3 has it stored: dates as text, ids as 16 bytes."""
    if isinstance(value, date):
        return value.isoformat()
    return value.bytes if isinstance(value, UUID) else value


def as_text(vector: Any) -> str:
    """Return the JSON text of a vector."""
    return json.dumps(_coded(vector), indent=1, ensure_ascii=False) + "\n"


def read(path: Path) -> Any:
    """Return the vector of a file."""
    return _decoded(json.loads(path.read_text(encoding="utf-8")))


def _coded(value: Any) -> Any:
    if isinstance(value, bytes):
        return {"hex": value.hex()}
    if isinstance(value, dict):
        return {name: _coded(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_coded(one) for one in value]
    return value


def _decoded(value: Any) -> Any:
    if isinstance(value, dict):
        if value.keys() == {"hex"}:
            return bytes.fromhex(value["hex"])
        return {name: _decoded(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_decoded(one) for one in value]
    return value
