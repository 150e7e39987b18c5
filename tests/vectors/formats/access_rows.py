"""One day of an access log, made of fixed bytes: what a learner gets of it, and the entry that closes it.

Written from docs/formats/access-log.md with hashlib and msgpack: none of the ledger's code is used.
"""

import json
from base64 import b64encode, urlsafe_b64encode
from hashlib import sha256
from uuid import UUID, uuid5

import msgpack

LEARNER, OTHER = "01941f29-7c00-7000-8000-000000000001", "01941f29-7c00-7000-8000-000000000002"
NAMESPACE = uuid5(UUID("6ba7b811-9dad-11d1-80b4-00c04fd430c8"), "achievement-ledger/v1")
DAY, POSITION = "2026-11-21", 25
RECORDED_AT_US, AT_US = 1_795_305_600_000_000, 1_795_219_200_000_000
READS = (
    {"at": AT_US, "learner": LEARNER, "v": 1, "what": "record_page", "who": "learner", "why": "own_record"},
    {"at": AT_US + 1, "learner": OTHER, "v": 1, "what": "record_clr", "who": "operator", "why": "legal"},
    {"at": AT_US + 2, "v": 1, "what": "everything", "who": "operator", "why": "integrity"},
)


def access_examples() -> dict[str, bytes]:
    """Return what is handed out: the rows of one learner with their paths, and the public receipt's entry."""
    rows = [json.dumps(one, sort_keys=True, separators=(",", ":")) for one in READS]
    salts = [sha256(f"salt {number}".encode()).digest() for number in range(len(rows))]
    leaves = [
        sha256(b"\x00achievement-ledger/access/v1\x00" + salt + row.encode()).digest()
        for salt, row in zip(salts, rows, strict=True)
    ]
    first_two = sha256(b"\x01" + leaves[0] + leaves[1]).digest()
    root = sha256(b"\x01" + first_two + leaves[2]).digest()
    paths = {0: [leaves[1], leaves[2]], 2: [first_two]}
    shown = [
        {
            "day": DAY,
            "row": rows[number],
            "salt": _b64url(salts[number]),
            "closed": {
                "index": number,
                "size": len(rows),
                "path": [_b64url(one) for one in paths[number]],
                "root": _b64url(root),
                "position": POSITION,
            },
        }
        for number in (2, 0)
    ]
    answer = {"v": 1, "log": "ledger.example/log", "learner": LEARNER, "rows": shown, "next": None}
    state = msgpack.packb([[1, POSITION - 1, "MC-2026", DAY, len(rows), root], None])
    topic = b"access.day_closed"
    entry = b"".join(
        (
            b"\x02",
            RECORDED_AT_US.to_bytes(8, "big"),
            uuid5(NAMESPACE, f"access|{DAY}").bytes,
            (1).to_bytes(4, "big"),
            len(topic).to_bytes(2, "big"),
            topic,
            state,
        )
    )
    closed = {"position": POSITION, "entry": b64encode(entry).decode()}
    return {"access.json": _text(answer), "access-day.json": _text(closed)}


def _text(value: object) -> bytes:
    return (json.dumps(value, indent=1) + "\n").encode()


def _b64url(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()
