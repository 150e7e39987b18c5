"""Commands of whoever watches a log that somebody else keeps: they need its address, and no ledger here.

`fsck`, `monitor`, `mirror pull`, `mirror serve`, `register rebuild`. Exit codes: 0 clean · 1 findings ·
3 a step back · 4 two histories · 5 no answer, and nothing was found.
"""

import json
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.cli.console import (
    INCOMPLETE,
    REFUSED,
    ROLLBACK,
    SPLIT,
    WRONG_USE,
    AsJson,
    err,
    fail,
    opened,
    out,
    print_json,
    shortened,
    spoken_errors,
)
from api.cli.serving import Address, Port, listening, reserved, run_app
from api.client.errors import ClientError
from api.client.verify import Trust
from api.operations.asking import Site, is_address, log_at, site
from ledger.encoding.strict_json import parse
from ledger.errors import Corrupt, Malformed
from ledger.files import flush_folder, replace_file
from ledger.log.note import parse_vkey
from ledger.log.policy import parse_policy
from ledger.log_keys import LogKeys, log_key_of_json
from ledger.monitor.findings import NO_ANSWER, Finding, Findings
from ledger.monitor.source import LogSource, folder
from ledger.monitor.trusted import Trusted

if TYPE_CHECKING:
    from ledger.domain.register import Register
    from ledger.monitor.rebuilding import Rebuilt
    from ledger.monitor.watching import Watch

mirror = typer.Typer(help="A copy of somebody's log that never goes back.", no_args_is_help=True)
register = typer.Typer(help="The register, made again from a log alone.", no_args_is_help=True)

MIRROR_PORT = 8200
STATUSES_TOTAL_S = 300.0  # for all status lists of a ledger together
_FILE_MAX_BYTES = 16 << 20
_CONVICTING = ("split", "rollback")  # findings whose notes are proof
_SPELLED = {"microcredentials": "micro-credentials"}  # where a word is not the name of a JSON member

Where = Annotated[str, typer.Argument(help="Address of a ledger or a log, or a folder that holds a log.")]
TrustFile = Annotated[
    Path | None, typer.Option("--trust", help="The trust file you got yourself, and compared.")
]
PolicyFile = Annotated[
    Path | None, typer.Option("--policy", help="A tlog-policy: known logs, witnesses, and how many.")
]
Vkeys = Annotated[
    list[str] | None, typer.Option("--vkey", help="A key that must have signed; may be said again.")
]


# ------------------------------------------------------------------ what is believed, and where it lies


def trusted_by(trust: Path | None, policy: Path | None, vkeys: list[str] | None) -> Trusted:
    """Return what the options say about the log's keys; wrong use where one of them cannot be read."""
    try:
        keys = tuple(map(parse_vkey, vkeys or ()))
        rules = None if policy is None else parse_policy(_bytes_of(policy))
        if trust is None:
            return Trusted(keys, rules)
        _opened_trust(trust)
        content = parse(_bytes_of(trust), size_max_bytes=_FILE_MAX_BYTES)
        named = LogKeys(
            log_key_of_json({name: one[name] for name in ("vkey", "from", "to")})
            for one in content["log_keys"]
            if one["must_verify"]
        )
        witnesses = parse_policy(content["witness_policy"])
        return Trusted(keys, rules or witnesses, content["origin"], named)
    except Malformed as error:
        fail(str(error), WRONG_USE)


def _opened_trust(path: Path) -> Trust:
    """Return the trust file, its signature checked where one lies beside it; wrong use where it is none."""
    signature = path.with_name(path.name + ".jws")
    try:
        return Trust.parse(_bytes_of(path), _bytes_of(signature) if signature.exists() else None)
    except ClientError as error:
        fail(f"{path} is no trust file to rely on: {error}", WRONG_USE)


def _bytes_of(path: Path) -> bytes:
    with path.open("rb") as file:
        data = file.read(_FILE_MAX_BYTES + 1)
    if len(data) > _FILE_MAX_BYTES:
        raise Malformed(f"{path} is larger than such a file is")
    return data


@contextmanager
def log_in(where: str) -> Iterator[tuple[LogSource, Site | None]]:
    """Give a log, and the ledger behind it where it has an address; wrong use where there is none."""
    try:
        asked = is_address(where)
    except Malformed as error:
        fail(f"{where}: {error}", WRONG_USE)
    if asked:
        with site(where) as place:
            yield log_at(place)
    elif Path(where).is_dir():
        yield folder(Path(where)), None
    else:
        fail(f"{where} is neither an address nor a folder", WRONG_USE)


def _finish(findings: Findings, *, as_json: dict[str, Any] | None, summary: str) -> None:
    """Tell what was found, and leave with its exit code."""
    _tell(findings, as_json=as_json, summary=summary)
    _leave(findings)


def _tell(findings: Findings, *, as_json: dict[str, Any] | None, summary: str) -> None:
    if as_json is not None:
        print_json(as_json | _error(findings))
    else:
        for one in findings.found:
            out.print(f"{one.code:16} {one.where}: {one.what}", markup=False)
            _show(one)
        out.print(f"{summary}: {_outcome(findings)}", markup=False)
    sys.stdout.flush()


def _show(one: Finding) -> None:
    """Print the notes that show a finding: in full where they convict a log, since it may mend its ways."""
    whole = "".join(f"    | {line}\n" for note in one.evidence for line in note.splitlines())
    shown = whole if one.code in _CONVICTING else shortened(whole)
    out.print(shown, end="", markup=False)
    if shown != whole:
        out.print("    In full: the same command with --json", markup=False)


def _outcome(findings: Findings) -> str:
    if findings.unanswered:
        return "no answer: try again; nothing was found"
    return "clean" if findings.ok else f"{len(findings.found) + findings.more} findings"


def _error(findings: Findings) -> dict[str, str]:
    """Return what a look came to that was not answered, as members of its JSON; else none."""
    return {"error": NO_ANSWER, "sentence": findings.found[0].what} if findings.unanswered else {}


def _leave(findings: Findings) -> None:
    if "split" in findings.codes:
        raise typer.Exit(SPLIT)
    if "rollback" in findings.codes:
        raise typer.Exit(ROLLBACK)
    if findings.unanswered:
        raise typer.Exit(INCOMPLETE)
    if not findings.ok:
        raise typer.Exit(REFUSED)


# ------------------------------------------------------------------ fsck


def fsck(
    where: Where,
    trust: TrustFile = None,
    policy: PolicyFile = None,
    vkey: Vkeys = None,
    entries: Annotated[
        str, typer.Option(help="ledger: entries are a ledger's records; opaque: only their hashes count.")
    ] = "ledger",
    as_json: AsJson = False,
) -> None:
    """Check every tile, entry bundle, entry and signature of a log; exit 1 when something does not check.

    Exit 5 when there was no answer, and nothing else was found.
    """
    from ledger.monitor.fsck import LEDGER, OPAQUE
    from ledger.monitor.fsck import fsck as look

    if entries not in (LEDGER, OPAQUE):
        fail(f"--entries is {LEDGER} or {OPAQUE}", WRONG_USE)
    with spoken_errors(), log_in(where) as (source, _):
        result = look(source, trusted_by(trust, policy, vkey), entries=entries)
    if not as_json and result.keys == "own":
        out.print(
            "No key was named: signatures were held to the keys in the log's own first record.", markup=False
        )
    if not as_json and result.keys == "none":
        out.print("No key was named, and the log names none: its signatures were not checked.", markup=False)
    summary = f"{result.entries} entries, {result.public} of them public, {result.tiles} tiles"
    _finish(result.findings, as_json=result.as_json() if as_json else None, summary=summary)


# ------------------------------------------------------------------ monitor


def monitor(
    where: Where,
    state: Annotated[Path, typer.Option(help="File that remembers what was seen; made when missing.")],
    org: Annotated[
        list[str] | None,
        typer.Option(help="Number or body code of an organisation whose news to tell; may be said again."),
    ] = None,
    compare: Annotated[
        str | None, typer.Option(help="A second address of the same log, or a copy of it.")
    ] = None,
    trust: TrustFile = None,
    policy: PolicyFile = None,
    vkey: Vkeys = None,
    as_json: AsJson = False,
) -> None:
    """Follow a log from where it was last seen; exit 1 for findings, 3 for a step back, 4 for two histories.

    Exit 5 when there was no answer, and nothing else was found.

    Every new public record is judged: who said it, by which right, and what the rules make of it.
    Status lists are held to the digests in the log.
    """
    from ledger.monitor.watching import Watch

    with spoken_errors():
        trusted = trusted_by(trust, policy, vkey)
        known = None if trust is None else _opened_trust(trust)
        try:
            watch = Watch(state, trusted, frozenset(org or ()))
        except Corrupt as error:
            fail(str(error), WRONG_USE)
        with log_in(where) as (source, ledger):
            log = watch.advance(source)
            if log is not None and ledger is not None:
                _judge_statuses(watch, source, ledger, known)
            if log is not None and compare is not None:
                _compare(watch, source, compare, trusted)
    _warn_of_strangers(watch, org or ())
    result = watch.result
    if not as_json:
        for one in result.news:
            said = one.what.items()
            what = ", ".join(f"{name} {_words(value)}" for name, value in said if value not in (None, []))
            about = f"{one.type} {one.organisation}".rstrip()
            out.print(f"#{one.position} {about}, said by {one.said_by}: {what}", markup=False)
    size = watch.memory.state.checkpoint
    summary = f"{result.size_before} entries before, {0 if size is None else size.size} now"
    _tell(result.findings, as_json=result.as_json() if as_json else None, summary=summary)
    # From here it may be forgotten: until now the next look would have told it again.
    with spoken_errors():
        watch.told()
    _leave(result.findings)


def _words(value: Any) -> str:
    """Return one JSON value of the news as people write it."""
    if isinstance(value, list):
        return " and ".join(map(_words, value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


def _warn_of_strangers(watch: "Watch", wanted: Iterable[str]) -> None:
    """Say which of the organisations that were asked for the log does not know: one may be misspelled."""
    if watch.memory.state.checkpoint is None:
        return
    known = {one.label for one in watch.follower.register.organisations.values()}
    for name in dict.fromkeys(wanted):
        if name not in known:
            err.print(
                f"roa: no organisation {name} is in this log's register so far: nothing will be told of it",
                markup=False,
            )


def _judge_statuses(watch: "Watch", source: LogSource, ledger: Site, trust: Trust | None) -> None:
    from api.operations.served import status_list

    bounded = ledger.within(STATUSES_TOTAL_S)
    watch.judge_statuses(source, lambda one: status_list(bounded, one, trust), beyond=True)


def _compare(watch: "Watch", source: LogSource, other: str, trusted: Trusted) -> None:
    from ledger.monitor.authentic import AuthenticLog
    from ledger.monitor.watching import compare

    seen, findings = watch.result.seen, watch.result.findings
    assert seen is not None, "a log was followed to a checkpoint"
    with findings.at(source.name), log_in(other) as (second, _):
        own = watch.log_keys if trusted.asks_for(watch.log_keys) else None
        compare(seen, AuthenticLog(source, seen.checkpoint), second, watch.trusted, findings, own)


# ------------------------------------------------------------------ mirror


@mirror.command("pull")
def pull(
    where: Where,
    to: Annotated[Path, typer.Argument(help="Folder of the copy; made when missing.")],
    trust: TrustFile = None,
    policy: PolicyFile = None,
    vkey: Vkeys = None,
    as_json: AsJson = False,
) -> None:
    """Bring a copy of a log up to its newest checkpoint. What does not check is never written."""
    from ledger.monitor.mirroring import pull as bring

    with spoken_errors(), log_in(where) as (source, _):
        result = bring(source, to, trusted_by(trust, policy, vkey))
    size = result.size_before if result.size is None else result.size
    summary = f"{result.size_before} entries before, {size} now ({result.fetched} bundles fetched)"
    _finish(result.findings, as_json=result.as_json() if as_json else None, summary=summary)


@mirror.command("serve")
def serve(
    place: Annotated[Path, typer.Argument(help="Folder of the copy.")],
    host: Address = "127.0.0.1",
    port: Port = MIRROR_PORT,
) -> None:
    """Serve a copy as a static log until Ctrl-C."""
    from api.operations.mirror import mirror_app
    from ledger.monitor.mirroring import copied

    with spoken_errors():
        if not place.is_dir() or copied(place)[1] is None:
            fail(f"{place} holds no copy of a log: make one with roa mirror pull", WRONG_USE)
        held = reserved(host, port)
        listening(held)
        run_app(mirror_app(place), held)


# ------------------------------------------------------------------ register rebuild


@register.command("rebuild")
def rebuild(
    where: Where,
    compare: Annotated[
        str | None,
        typer.Option(help="What to compare with: the address of a ledger, or the folder of one."),
    ] = None,
    to: Annotated[
        Path | None, typer.Option("--out", help="File to write the register into, as JSON.")
    ] = None,
    trust: TrustFile = None,
    policy: PolicyFile = None,
    vkey: Vkeys = None,
    as_json: AsJson = False,
) -> None:
    """Make the register from a log's public entries alone, and compare it with what is served.

    Who said each record is checked, and the rules decide about each again; any difference is a finding.
    """
    with spoken_errors(), log_in(where) as (source, _):
        trusted = trusted_by(trust, policy, vkey)
        if compare is None:
            result = _rebuilt(source, trusted)
        elif _is_address(compare):
            result = _against_site(source, trusted, compare)
        else:
            result = _rebuilt(source, trusted)
            _against_files(result, Path(compare))
    if to is not None and result.seen is not None:
        data = json.dumps(result.as_json(), ensure_ascii=False, indent=1).encode() + b"\n"
        replace_file(to, data)
        flush_folder(to.absolute().parent)
    held = result.register
    counts = {
        "organisations": len(held.organisations),
        "keys": len(held.keys),
        "microcredentials": len(held.microcredentials),
        "accreditations": len(held.accreditations),
    }
    size = None if result.seen is None else result.seen.checkpoint.size
    whole = {**result.findings.as_json(), "size": size, "public": result.public, **counts}
    summary = f"{result.public} public records, " + ", ".join(
        f"{number} {_SPELLED.get(name, name)}" for name, number in counts.items()
    )
    _finish(result.findings, as_json=whole if as_json else None, summary=summary)


def _is_address(where: str) -> bool:
    try:
        return is_address(where)
    except Malformed as error:
        fail(f"{where}: {error}", WRONG_USE)


def _rebuilt(source: LogSource, trusted: Trusted, positions: tuple[int, ...] = ()) -> "Rebuilt":
    from ledger.monitor.rebuilding import rebuild as make

    return make(source, trusted, positions=positions)


def _against_files(result: "Rebuilt", data: Path) -> None:
    """Compare with the register of a ledger whose files lie here, as at the same size."""
    from ledger.monitor.rebuilding import compare_registers

    if result.seen is None:
        return
    size = result.seen.checkpoint.size
    with opened(data) as house:
        stored = house.ledger.store.head().size
        if stored < size:
            result.findings.add("register", str(data), f"has {stored} records, and the log has {size}")
            return
        compare_registers(result.register, house.ledger.register_as_at(size), result.findings)


def _against_site(source: LogSource, trusted: Trusted, url: str) -> "Rebuilt":
    """Compare with the trust file and the register's pages that a ledger serves.

    They are read between two checkpoints: what the log makes of either is right.
    """
    from api.operations.served import compare_pages, compare_trust, served_pages, served_trust
    from ledger.log.checkpoint import parse_checkpoint
    from ledger.log.note import parse_note

    served = Findings()
    trust: dict[str, Any] | None = None
    entries: Any = None
    before = 0
    with site(url) as place:
        log, ledger = log_at(place)
        with served.at(url):
            before = parse_checkpoint(parse_note(log.checkpoint()).text.encode()).size
            trust = served_trust(ledger)
            entries = served_pages(ledger)
        at = 0 if trust is None else trust["as_at_position"]
        result = _rebuilt(source, trusted, (before, at))
    for one in served.found:
        result.findings.add(one.code, one.where, one.what, one.evidence)
    if result.seen is None:
        return result
    if trust is not None:
        then: Register | None = result.registers.get(at)
        if then is None:
            result.findings.add("trust", "trust.json", f"takes in position {at}, which the log does not have")
        else:
            compare_trust(trust, then, result.founding_leaf, result.findings)
    if entries is not None:
        compare_pages(
            entries, [result.registers.get(before, result.register), result.register], result.findings
        )
    return result
