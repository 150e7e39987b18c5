"""The public log over HTTP: what is published, all of it and nothing beyond it."""

import pytest

from api.client.verify.tlog import parse_checkpoint, parse_vkey
from ledger.log.merkle import leaf_hash, root_at
from ledger.log.tiles import TileReader, entries_path, parse_entry_bundle, path_of, tile_path, tiles_of
from ledger.publisher import latest
from tests.api.door import Door
from tests.support.ledgers import people

FOR_EVER = "public, max-age=31536000, immutable"


def size_of(door: Door) -> int:
    """Return the number of records that the newest checkpoint covers."""
    return parse_checkpoint(door.get("/log/checkpoint").text).size


def fetch(door: Door, path: str) -> bytes:
    """Return what a reader of the log gets; nothing else than 200 will do."""
    answer = door.get(f"/log/{path}", accept="*/*")
    assert answer.status_code == 200, (path, answer.text)
    return answer.content


# ------------------------------------------------------------------ the checkpoint


def test_the_checkpoint_is_signed_by_the_keys_of_the_policy(log):
    """A signed note of three lines: origin, size, root; its keys are those that the policy names."""
    answer = log.get("/log/checkpoint")
    checkpoint = parse_checkpoint(answer.text)
    policy = log.get("/log/policy").text
    vkeys = [line.split()[1] for line in policy.splitlines() if line.startswith("log ")]

    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert checkpoint.origin == "ledger.example/log"
    assert checkpoint.size < log.ledger.size()
    assert {parse_vkey(vkey).name for vkey in vkeys} == {checkpoint.origin}
    assert all(parse_vkey(vkey).signed(checkpoint) for vkey in vkeys)
    assert vkeys == list(log.ledger.ledger.founding.log_keys)


def test_the_policy_asks_for_the_log_and_no_witness(log):
    """C2SP tlog-policy: one line for each key of the log, Ed25519 and ML-DSA-44, and the quorum."""
    answer = log.get("/log/policy")

    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert [line.split()[0] for line in answer.text.splitlines()] == ["log", "log", "quorum"]
    assert answer.text.endswith("\nquorum none\n")


def test_before_the_first_checkpoint_there_is_no_log_to_read(door):
    """404 for checkpoint and tiles, 503 for the trust file; the policy is known from the founding."""
    paths = (
        "/log/checkpoint",
        "/log/tile/0/000.p/1",
        "/log/tile/entries/000.p/1",
        "/trust.json",
        "/log/policy",
    )

    assert [door.get(path).status_code for path in paths] == [404, 404, 404, 503, 200]


# ------------------------------------------------------------------ tiles


def test_every_tile_is_served_and_leads_to_the_signed_root(log):
    """At every level: a reader that has only HTTP computes the checkpoint's root."""
    checkpoint = parse_checkpoint(log.get("/log/checkpoint").text)
    levels = {tile.level for tile in tiles_of(checkpoint.size)}

    reader = TileReader(lambda path: fetch(log, path), checkpoint.size)

    assert levels == {None, 0, 1}
    assert root_at(checkpoint.size, reader.node) == checkpoint.root
    for tile in tiles_of(checkpoint.size):
        if tile.level is not None:
            assert len(fetch(log, path_of(tile))) == 32 * tile.width


def test_every_bundle_holds_the_entries_whose_hashes_are_in_the_tiles(log):
    """Each entry after its length; its RFC 6962 hash stands at its place in the tile beside."""
    for tile in tiles_of(size_of(log)):
        if tile.level is None:
            entries = parse_entry_bundle(fetch(log, path_of(tile)))
            hashes = fetch(log, tile_path(0, tile.number, tile.width))
            assert len(entries) == tile.width
            assert b"".join(map(leaf_hash, entries)) == hashes


@pytest.mark.parametrize(
    "path_at", [tile_path, lambda _level, *rest: entries_path(*rest)], ids=["tile", "entries"]
)
def test_every_width_within_the_published_size_is_served(log, path_at):
    """A partial tile is the beginning of a wider one, also where the wider one is full by now."""
    size = size_of(log)
    number, last = divmod(size, 256)

    widest = fetch(log, path_at(0, number, last))
    assert 1 < last < 255
    for width in (1, last // 2, last - 1):
        assert widest.startswith(fetch(log, path_at(0, number, width)))
    full = fetch(log, path_at(0, 0))
    for width in (1, 7, 255):
        assert full.startswith(fetch(log, path_at(0, 0, width)))


def test_nothing_beyond_the_published_size_is_served(log):
    """What is durable and not yet under a checkpoint is not to be had: not one entry, not the full tile."""
    size, stored = size_of(log), log.ledger.size()
    number, last = divmod(size, 256)
    asked = [
        path(number, width)
        for path in (lambda *tile: tile_path(0, *tile), entries_path)
        for width in (last + 1, 255, 256)
    ]
    asked += [tile_path(0, number + 1, 1), tile_path(1, 0, number + 1), tile_path(1, 0), tile_path(2, 0, 1)]

    assert stored >= (number + 1) * 256 > size
    for path in asked:
        answer = log.get(f"/log/{path}")
        assert (path, answer.status_code) == (path, 404)
        assert answer.json()["code"] == "not-found"
        assert "cache-control" not in answer.headers


def test_what_was_published_stays_the_same_when_the_log_grows(door):
    """Immutable means immutable: the same path gives the same bytes under the next checkpoint."""
    door.house.catch_up()
    size = size_of(door)
    before = {path_of(tile): fetch(door, path_of(tile)) for tile in tiles_of(size)}
    door.ledger.register(*people(300))
    early = door.get(f"/log/{tile_path(0, 0)}").status_code

    door.house.catch_up()

    assert {path: fetch(door, path) for path in before} == before
    assert early == 404
    assert fetch(door, tile_path(0, 0)).startswith(before[tile_path(0, 0, size)])


# ------------------------------------------------------------------ paths that are none


@pytest.mark.parametrize(
    "path",
    [
        "0/000.p/0",
        "0/000.p/256",
        "0/000.p/257",
        "0/000.p/01",
        "0/000.p/-1",
        "0/000.p/",
        "0/000.p",
        "0/0",
        "0/0000",
        "0/x000/001",
        "0/000/000",
        "0/x001",
        "00/000",
        "64/000",
        "-1/000",
        "0/%D9%A0%D9%A0%D9%A0",
        "0/000%2Fp",
        "entries/000.p/0",
        "entries/",
        "ENTRIES/000",
        "",
        "0",
        "0/000%00",
        "0/x999/x999/x999/x999/x999/999",
        "0/x999/x999/x999/x999/x999/x999/999",
        "..%2f..%2f..%2fetc%2fpasswd",
        "0/..%2f..%2f..%2fetc%2fpasswd",
        "%2e%2e/%2e%2e/ledger.sqlite",
        "entries/..%2fanchor",
    ],
)
def test_a_path_that_names_no_tile_is_not_found(log, path):
    """One way to write each tile; anything else is nothing, and leads nowhere on the disk."""
    answer = log.get(f"/log/tile/{path}")

    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "path", ["/log/../ledger.sqlite", "/log/anchor", "/log", "/log/", "/log/checkpoint/x"]
)
def test_nothing_else_is_under_the_log(log, path):
    """The door is not a folder."""
    assert log.get(path).status_code == 404


# ------------------------------------------------------------------ caching


@pytest.mark.parametrize(
    ("path", "type_", "cached"),
    [
        ("/log/tile/0/000", "application/octet-stream", FOR_EVER),
        ("/log/tile/0/000.p/9", "application/octet-stream", FOR_EVER),
        ("/log/tile/1/000.p/2", "application/octet-stream", FOR_EVER),
        ("/log/tile/entries/000", "application/octet-stream", FOR_EVER),
        ("/log/checkpoint", "text/plain; charset=utf-8", "public, max-age=1, must-revalidate"),
        ("/log/policy", "text/plain; charset=utf-8", "public, max-age=300"),
        ("/trust.json", "application/json", "public, max-age=1, must-revalidate"),
        ("/trust.json.jws", "text/plain; charset=utf-8", "public, max-age=1, must-revalidate"),
        ("/.well-known/did.json", "application/did+json", "public, max-age=300"),
    ],
)
def test_what_never_changes_is_kept_for_ever_and_what_changes_for_seconds(log, path, type_, cached):
    """Kind and life of each, for HEAD as for GET."""
    for ask in (log.client.get, log.client.head):
        answer = ask(path)
        assert answer.status_code == 200
        assert (answer.headers["content-type"], answer.headers["cache-control"]) == (type_, cached)


def test_the_door_says_that_it_serves(log):
    """`/healthz`, for whoever watches."""
    answer = log.get("/healthz")

    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


def test_the_published_size_is_that_of_the_store(log):
    """What the tests above call published is what the ledger calls so."""
    published = latest(log.ledger.ledger.store.database.reader)

    assert published is not None
    assert published.size == size_of(log)
