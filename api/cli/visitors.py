"""Commands that need no ledger here: they talk to one over HTTP, or to nobody at all.

`post`, `prove`, `verify`.
"""

import time
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Annotated, Any

import httpx2
import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from api.cli.console import (
    INCOMPLETE,
    REFUSED,
    WRONG_USE,
    AsJson,
    err,
    fail,
    out,
    print_json,
    read_input,
    spoken_errors,
)
from api.cli.key_commands import PassphraseFile, passphrase_of, reference
from api.client import keys as kit
from api.client import rows as files
from api.client.answers import WARNED, answer_csv, counts, outcomes
from api.client.errors import ClientError, Malformed, Refused
from api.client.jose import read_json
from api.client.post import Answer, post
from api.client.statements import Line, Statement, line
from api.client.submission import Submission, build, organisation_id
from api.client.verify import Trust, http_fetch, verify

Url = Annotated[str, typer.Option("--url", help="Address of the ledger.", envvar="ROA_URL")]
LOCAL = "http://127.0.0.1:8000"


def post_file(
    path: Annotated[
        str, typer.Argument(help="results, enrolments or awards CSV; or JSON statements; or - .")
    ],
    url: Url = LOCAL,
    key: Annotated[Path | None, typer.Option(help="File of your own private key.")] = None,
    organisation: Annotated[str | None, typer.Option(help="Your number, or body code.")] = None,
    token: Annotated[str | None, typer.Option(help="Your organisation's token.", envvar="ROA_TOKEN")] = None,
    origin: Annotated[
        str | None, typer.Option(help="Name of the log; asked of the ledger when left out.")
    ] = None,
    keep: Annotated[
        Path | None, typer.Option(help="Where to keep the signed submission for another try.")
    ] = None,
    to: Annotated[Path | None, typer.Option("--out", help="Where to write the answered CSV.")] = None,
    idempotency_key: Annotated[
        str | None, typer.Option(help="Name of this posting (files with a token).")
    ] = None,
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:
    """Post a file, signed with your own key or under your token, and show what became of it.

    Posting the same again is safe: it gets the same answer and writes nothing.
    """
    answer: Answer | None
    with spoken_errors():
        data = read_input(path)
        if to is not None:
            _check_answer_file(to, data)
        if key is None:
            if token is None:
                fail("post with --key and --organisation, or with --token", WRONG_USE)
            said = _with_progress(url, data, token, idempotency_key)
            answer, rows = said, said.rows
        else:
            if organisation is None:
                fail("say whose key it is: --organisation 95001", WRONG_USE)
            answer, rows = _signed(data, url, key, organisation, origin, keep, passphrase_of(passphrase_file))
        if to is not None:
            to.write_bytes(answer_csv(data, rows))
    _show(answer, rows, as_json=as_json)


def _check_answer_file(path: Path, data: bytes) -> None:
    """Refuse before anything is posted what could not be written afterwards."""
    if _is_json(data):
        fail("--out writes an answered CSV file, and this is JSON: ask for --json instead", WRONG_USE)
    if not path.absolute().parent.is_dir():
        fail(f"{path}: there is no such folder", WRONG_USE)


def _signed(
    data: bytes,
    url: str,
    key: Path,
    organisation: str,
    origin: str | None,
    keep: Path | None,
    passphrase: str | None,
) -> tuple[Answer | None, list[dict[str, Any]]]:
    """Sign and post; return the answer, None where no row could be read, and an outcome for every row."""
    file, statements = _statements(data)
    if file is not None and not statements:
        return None, outcomes(file, [])
    if keep is not None and keep.exists():
        submission = _kept(keep, statements)
    else:
        submission = build(
            statements,
            signer=kit.load(key, passphrase=passphrase),
            organisation=organisation_id(reference(organisation)),
            origin=origin or _origin(url),
            now_s=int(time.time()),
        )
        if keep is not None:
            submission.save(keep)
    answer = _with_progress(url, submission, None, None)
    return answer, answer.rows if file is None else outcomes(file, answer.rows)


def _kept(path: Path, statements: Sequence[Any]) -> Submission:
    """Return the submission that was kept at the first try; Refused when it says something else."""
    submission = Submission.load(path)
    wanted = [
        Statement(one.statement or {}, one.who) if isinstance(one, files.Row) else one for one in statements
    ]
    if len(wanted) != len(submission) or not all(map(_says, submission.statements, wanted)):
        raise Refused(f"{path} keeps a submission of other content: name another file with --keep")
    return submission


def _says(kept: Line, wanted: Statement | Mapping[str, Any]) -> bool:
    said = wanted if isinstance(wanted, Statement) else Statement(wanted)
    return line(said, kept.salt, kept.who_salt or b"") == kept


def _statements(data: bytes) -> tuple[files.ReadFile | None, list[Any]]:
    """Return the rows of a CSV file, or the statements of a JSON array; Refused when it is neither."""
    if _is_json(data):
        try:
            found = read_json(data)
        except Malformed as error:
            raise Refused(f"this is neither a CSV file nor a JSON array of statements: {error}") from error
        statements = found if isinstance(found, list) else [found]
        if not all(isinstance(one, dict) for one in statements):
            raise Refused("a statement is a JSON object: a file holds one, or an array of them")
        return None, [_statement(one) for one in statements]
    file = files.read(data)
    if file.refused:
        first = file.findings[0].to_json()
        raise Refused(f"{first['code']}: {first['message']} {first['fix']}")
    return file, list(file.sendable())


def _is_json(data: bytes) -> bool:
    return data.lstrip()[:1] in (b"[", b"{")


def _statement(value: Any) -> Any:
    """Return a statement as the kit wants one; identity columns come under `who` as an object."""
    if isinstance(value, dict) and isinstance(value.get("who"), dict):
        return Statement({name: part for name, part in value.items() if name != "who"}, value["who"])
    return value


def _origin(url: str) -> str:
    response = _get(url, "/log/checkpoint")
    if response.status_code != HTTPStatus.OK:
        raise Refused(f"the ledger at {url} has published nothing yet: name the log with --origin")
    return response.text.split("\n", 1)[0]


def _get(url: str, path: str, headers: Mapping[str, str] | None = None) -> httpx2.Response:
    """Ask the ledger at an address, and nobody it points to; Refused when none answers there."""
    try:
        return httpx2.get(f"{url.rstrip('/')}{path}", headers=headers, timeout=30, follow_redirects=False)
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        raise Refused(f"no ledger answers at {url}") from error


def _with_progress(
    url: str, content: Submission | bytes, token: str | None, idempotency_key: str | None
) -> Answer:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as bar:
        tasks = {phase: bar.add_task(phase, total=None) for phase in ("sending", "deciding")}

        def progress(phase: str, done: int, total: int) -> None:
            bar.update(tasks[phase], completed=done, total=total)

        return post(url, content, token=token, idempotency_key=idempotency_key, progress=progress)


def _show(answer: Answer | None, rows: list[dict[str, Any]], *, as_json: bool) -> None:
    found = counts(rows)
    if as_json:
        print_json({**(answer.raw if answer else {}), "counts": found, "rows": rows})
    else:
        for row in rows:
            for one in row["findings"]:
                if row["status"] in ("rejected", "held"):
                    ref = f" ({row['row_ref']})" if row.get("row_ref") else ""
                    column = f" [{one['column']}]" if one.get("column") else ""
                    out.print(
                        f"row {row['row']}{ref} {row['status']}: {one['code']}{column} {one['message']}",
                        markup=False,
                    )
                    out.print(f"    {one['fix']}", markup=False)
        _show_warnings(rows)
        out.print("  ".join(f"{name} {number}" for name, number in found.items()), markup=False)
        if answer is not None:
            _show_receipt(answer, rows)
    if found["rejected"] or found["held"]:
        raise typer.Exit(REFUSED)


def _show_warnings(rows: list[dict[str, Any]]) -> None:
    """Tell each kind of warning once: with the first row it is about, and how many more there are."""
    warned: dict[str, list[tuple[dict[str, Any], dict[str, Any]]]] = {}
    for row in rows:
        if row["status"] == WARNED:
            for one in row["findings"]:
                warned.setdefault(one["code"], []).append((row, one))
    for code, told in warned.items():
        row, one = told[0]
        ref = f" ({row['row_ref']})" if row.get("row_ref") else ""
        more = f" and {len(told) - 1} more" if len(told) > 1 else ""
        column = f" [{one['column']}]" if one.get("column") else ""
        out.print(f"row {row['row']}{ref}{more} warned: {code}{column} {one['message']}", markup=False)
        out.print(f"    {one['fix']}", markup=False)


def _show_receipt(answer: Answer, rows: list[dict[str, Any]]) -> None:
    """Say which rows are durable, and end with the ledger's signature over it."""
    out.print(f"Submission {answer.submission}", markup=False)
    positions = [row["position"] for row in rows if row.get("position")]
    if positions:
        out.print(f"Positions {min(positions)} to {max(positions)}, {answer.state}", markup=False)
    if answer.acknowledgement:
        out.print("Acknowledgement, signed by the ledger, to keep:", markup=False)
        out.print(answer.acknowledgement, markup=False)


def prove(
    position: Annotated[int, typer.Argument(help="Position of a record.")],
    url: Url = LOCAL,
    token: Annotated[
        str | None, typer.Option(help="Your token, to open what is yours.", envvar="ROA_TOKEN")
    ] = None,
) -> None:
    """Print the proof that the public log holds a record (C2SP tlog-proof)."""
    headers = {"Accept": "text/x.tlog-proof"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    with spoken_errors():
        response = _get(url, f"/v1/receipts/{position}", headers)
    if response.status_code != HTTPStatus.OK:
        fail(_detail(response))
    out.print(response.text, end="", markup=False)


def _detail(response: httpx2.Response) -> str:
    """Return the sentence of a problem document; what can be said where the answer is none."""
    try:
        return str(response.json()["detail"])
    except (ValueError, LookupError, TypeError):
        return f"the answer is not a ledger's (HTTP status {response.status_code})"


def verify_file(
    path: Annotated[str, typer.Argument(help="A credential (JSON), an offline bundle (ZIP), or - .")],
    trust: Annotated[Path | None, typer.Option(help="The trust file you got yourself, and compared.")] = None,
    url: Annotated[
        str | None, typer.Option(help="Where to fetch status lists from; nowhere when left out.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check a credential, a record or an offline bundle. Nobody is asked but whom you name with --url."""
    with spoken_errors():
        held = None if trust is None else _trust(trust)
        try:
            fetch = http_fetch(url) if url else None
        except ClientError as error:
            fail(f"--url {url}: {error}", WRONG_USE)
        verdict = verify(read_input(path), trust=held, fetch=fetch, now_us=time.time_ns() // 1000)
    if as_json:
        print_json(verdict.as_json())
    else:
        out.print(verdict.text(), markup=False)
    if verdict.headline == "Not valid":
        raise typer.Exit(REFUSED)
    if verdict.headline == "Could not be verified completely":
        raise typer.Exit(INCOMPLETE)


def _trust(path: Path) -> Trust:
    """Return the trust file, its signature checked where one lies beside it; wrong use where it is none."""
    signature = path.with_name(path.name + ".jws")
    try:
        return Trust.parse(path.read_bytes(), signature.read_bytes() if signature.exists() else None)
    except ClientError as error:
        fail(f"{path} is no trust file to rely on: {error}", WRONG_USE)
