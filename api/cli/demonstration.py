"""`roa demo`: the whole arrow on one machine, with figures at the end.

Makes a ledger with its bodies, catalogue and learners, posts one provider's files through the same
function as the HTTP door, publishes, exports, checks the exports from a directory with nothing
else in it, revokes an award, tampers with two copies, and shows all three failing.

Source: SPEC.md 7.
"""

import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, NoReturn
from uuid import UUID

import typer
from rich.table import Table

from api.cli import demo as data_of
from api.cli.bundles import DOCUMENT, changed, document_of
from api.cli.console import (
    WRONG_USE,
    AsJson,
    err,
    fail,
    out,
    print_json,
    settings_of_environment,
    spoken_errors,
)
from api.cli.serving import Address, Port, reserved, run_server
from api.client.answers import counts
from api.client.statements import Statement
from api.client.submission import build, organisation_id
from api.house import House, close_house, files_of, furnish, open_house
from api.operations.custody import take_into_custody
from api.operations.registrar import found, say_or_fail
from api.security.tokens import Bearer
from api.settings import DEMO_MARK, Settings
from ledger.access.rows import ON_DEMONSTRATION
from ledger.domain.founding import OPERATOR_BODY
from ledger.founding import Charter, make_passphrase
from ledger.keys.keystore import custody_label
from ledger.statements import read_submission

CHARTER = Charter(
    origin="ledger.example/log",
    host="ledger.example",
    registrar_number=95000,
    registrar_name="Demo Qualifications Authority (demo)",
    operator_name="Demo Ledger Operator (demo)",
)
DEMO_PUBLISH_EVERY_S = 1.0
PERSONAS = 5
ELSEWHERE = "name another folder, or remove this one"

Step = Callable[[str], None]


def demo(
    data: Annotated[
        Path | None,
        typer.Option(
            "--data", help="Folder for the demonstration ledger; one that is removed at the end if left out."
        ),
    ] = None,
    serve: Annotated[bool, typer.Option("--serve", help="Serve it afterwards until Ctrl-C.")] = False,
    as_json: AsJson = False,
    host: Address = "127.0.0.1",
    port: Port = 8000,
) -> None:
    """Run the whole arrow on invented data: post, decide, seal, prove, show, export, check."""
    settings = settings_of_environment(publish_every_s=DEMO_PUBLISH_EVERY_S)
    with spoken_errors(), tempfile.TemporaryDirectory(prefix="roa-demo-") as scratch:
        folder = data or Path(scratch) / "ledger"
        held = reserved(host, port) if serve else None  # before the work: a port in use is told at once
        started = time.monotonic()
        figures = run(folder, settings, _say if not as_json else _silent)
        figures["seconds"] = round(time.monotonic() - started, 1)
        if as_json:
            print_json(figures)
        else:
            _table(figures, folder if data else None)
        if held is not None:
            run_server(folder, held, settings)
    failed = not (figures["verified"] and figures["revoked_detected"] and figures["tampered_detected"])
    if failed:
        fail("the demonstration did not show what it should: see the figures")


def run(folder: Path, settings: Settings, step: Step) -> dict[str, Any]:
    """Run the demonstration in a folder; again in the same folder, nothing is written twice."""
    house = _house(folder, settings, step)
    try:
        posted = _post_files(house, step)
        house.catch_up()
        step("Published a checkpoint over every record.")
        shown = _show(house, step)
        _keep_personas(house)
        house.issuer.write_trust()
    finally:
        close_house(house)
    return {**posted, **shown}


# ------------------------------------------------------------------ the ledger and who is on it


def _house(folder: Path, settings: Settings, step: Step) -> House:
    files = files_of(folder, settings)
    if files.exists:
        if not (folder / DEMO_MARK).exists():
            fail(f"{folder} holds a ledger that is no finished demonstration: {ELSEWHERE}", WRONG_USE)
        step(f"Found the demonstration ledger in {folder}.")
        house = open_house(folder, settings)
        if house.fault is not None:
            close_house(house)
            raise house.fault
        return house
    if files.epoch.exists():
        # Not even the passphrase is made again: the old one opens the keys that are there.
        fail(f"{folder} holds the keys of a ledger: {ELSEWHERE}", WRONG_USE)
    ledger = found(files, make_passphrase(files), CHARTER)
    step(f"Founded {CHARTER.origin} in {folder}.")
    statements = data_of.register()
    say_or_fail(ledger, [one for one in statements if not _founded(one)])
    numbers = [body["number"] for body in data_of.organisations() if "provider" in _roles(body)]
    take_into_custody(ledger, numbers)
    listed = sum(statement["type"] == "microcredential.registered" for statement in statements)
    bodies = len(data_of.organisations())
    step(f"Registered {bodies} bodies, {listed} micro-credentials, {2 * len(numbers)} keys.")
    learners = data_of.learners()
    say_or_fail(ledger, [Statement({"type": "learner.registered", "v": 1}, who) for who in learners])
    step(f"Registered {len(learners)} learners.")
    (folder / DEMO_MARK).write_text(json.dumps({"personas": []}))
    return furnish(ledger, settings)


def _founded(statement: Mapping[str, Any]) -> bool:
    """Whether the founding has registered this organisation already: the regulator and the operator."""
    named = statement.get("number", statement.get("body"))
    return statement["type"] == "organisation.registered" and named in (
        CHARTER.registrar_number,
        OPERATOR_BODY,
    )


def _roles(body: Mapping[str, Any]) -> set[str]:
    return {role["role"] if isinstance(role, dict) else role for role in body.get("roles", [])}


# ------------------------------------------------------------------ a provider's files


def _post_files(house: House, step: Step) -> dict[str, Any]:
    """Post the three files; return the counts of the results file."""
    from api.providers.posting import Desk  # it brings the web with it, which no other command needs

    desk = Desk(house)
    provider = organisation_id(data_of.PROVIDER)
    bearer = house.tokens.bearer(house.tokens.make(provider, house.ledger.clock.now_us()))
    assert isinstance(bearer, Bearer)
    figures: dict[str, Any] = {}
    for name in data_of.CSV_FILES:
        answer = desk.post_file(bearer, data_of.read_bytes(name))
        rows = answer.body["rows"]
        found = counts(rows)
        step(
            f"Posted {name}: {len(rows)} rows, "
            + ", ".join(f"{many} {what}" for what, many in found.items() if many)
        )
        if name == data_of.RESULTS:
            figures = {
                "posted": len(rows),
                **{what: found[what] for what in ("accepted", "unchanged", "held", "rejected")},
                "codes": dict(
                    Counter(_first_code(row) for row in rows if row["status"] in ("held", "rejected"))
                ),
            }
    return figures


def _first_code(row: Mapping[str, Any]) -> str:
    return str(next(one["code"] for one in row["findings"] if one["severity"] in ("block", "hold")))


# ------------------------------------------------------------------ documents, and checking them


def _show(house: House, step: Step) -> dict[str, Any]:
    """Export, verify elsewhere, tamper with two copies and revoke one award; return what was seen."""
    with tempfile.TemporaryDirectory(prefix="roa-employer-") as place:
        desk = _Elsewhere(Path(place), house.issuer.trust_file())
        learner, award = house.views.record_of_achievement.learner_with_most_awards() or _nobody()
        one_award = house.issuer.export(learner, "bundle", award, reader=ON_DEMONSTRATION).data
        whole_record = house.issuer.export(learner, "bundle", reader=ON_DEMONSTRATION).data
        verified = all(
            desk.headline(name, content).startswith("Verified")
            for name, content in (("award.zip", one_award), ("record.zip", whole_record))
        )
        step(
            "An employer checked an award and a record offline: "
            + ("Verified." if verified else "NOT verified.")
        )
        changed = (("level.zip", _with_level(one_award)), ("proof.zip", _with_proof(one_award)))
        tampered = [desk.headline(name, content) == "Not valid" for name, content in changed]
        step(f"Two tampered copies: {sum(tampered)} of {len(tampered)} found.")
        revoked = desk.headline("revoked.zip", _revoked_award(house))
        step(f"An award after its revocation: {revoked}.")
    return {
        "awards": house.views.record_of_achievement.awards_in_force(),
        "verified": verified,
        "revoked_detected": revoked == "Not valid",
        "tampered_detected": all(tampered),
    }


def _nobody() -> NoReturn:
    fail("the demonstration has no award to show")


def _revoked_award(house: House) -> bytes:
    """Return the bundle of a revoked award: of an earlier run, or one that is revoked now."""
    mark = house.ledger.files.folder / DEMO_MARK
    kept = json.loads(mark.read_text())
    if "revoked" not in kept:
        learner, award = house.views.record_of_achievement.learner_with_most_awards() or _nobody()
        _revoke(house, award)
        house.catch_up()
        kept["revoked"] = [str(learner), str(award)]
        mark.write_text(json.dumps(kept))
    learner, award = map(UUID, kept["revoked"])
    return house.issuer.export(learner, "bundle", award, reader=ON_DEMONSTRATION).data


class _Elsewhere:
    """A directory with nothing of the ledger in it, where the installed `roa verify` is run."""

    def __init__(self, place: Path, trust: tuple[bytes, str]) -> None:
        self._place = place
        (place / "trust.json").write_bytes(trust[0])
        (place / "trust.json.jws").write_text(trust[1])

    def headline(self, name: str, content: bytes) -> str:
        (self._place / name).write_bytes(content)
        command = [sys.executable, "-c", "from api.cli.main import main; main()", "verify", name]
        done = subprocess.run(  # noqa: S603 - our own program, on files it has just written
            [*command, "--trust", "trust.json", "--json"], cwd=self._place, capture_output=True, check=False
        )
        try:
            return str(json.loads(done.stdout)["headline"])
        except ValueError:
            err.print(done.stderr.decode(errors="replace"), markup=False)
            return "could not be checked"


def _with_level(bundle: bytes) -> bytes:
    """Return a bundle whose credential claims a higher level."""
    credential = json.loads(document_of(bundle))
    alignments = credential["credentialSubject"]["achievement"]["alignment"]
    level = next(one for one in alignments if one["targetType"] == "ext:NZQCFLevel")
    level["targetCode"] = str(int(level["targetCode"]) + 1)
    return changed(bundle, {DOCUMENT: json.dumps(credential).encode()})


def _with_proof(bundle: bytes) -> bytes:
    """Return a bundle whose credential carries another signature."""
    credential = json.loads(document_of(bundle))
    value = credential["proof"]["proofValue"]
    credential["proof"]["proofValue"] = value[:-1] + ("2" if value[-1] != "2" else "3")
    return changed(bundle, {DOCUMENT: json.dumps(credential).encode()})


def _revoke(house: House, award: UUID) -> None:
    """Say, as the provider, that an award was made in error."""
    ledger = house.ledger
    submission = build(
        [
            {
                "type": "award.revoked",
                "v": 1,
                "award": str(award),
                "reason": "issued_in_error",
                "effective_on": "2026-11-20",
            }
        ],
        signer=ledger.signer(
            custody_label(data_of.PROVIDER, "submission"), organisation_id(data_of.PROVIDER), "submission"
        ),
        organisation=organisation_id(data_of.PROVIDER),
        origin=ledger.founding.origin,
        now_s=ledger.clock.now_us() // 1_000_000,
        by=str(organisation_id(data_of.PROVIDER)),
    )
    ledger.submit(read_submission(list(submission.lines()), origin=ledger.founding.origin))


# ------------------------------------------------------------------ personas and words


def _keep_personas(house: House) -> None:
    """Keep which learners the demonstration lets a visitor pose as: ids and stories, never names."""
    found = house.views.record_of_achievement.examples(PERSONAS)
    personas = [{"learner": str(learner), "story": story} for learner, story in found]
    mark = house.ledger.files.folder / DEMO_MARK
    mark.write_text(json.dumps({**json.loads(mark.read_text()), "personas": personas}, indent=1))


def _table(figures: Mapping[str, Any], folder: Path | None) -> None:
    table = Table(title="Demonstration: everything in it is invented")
    table.add_column("What")
    table.add_column("Figure", justify="right")
    words = {
        "posted": "rows of results.csv posted",
        "accepted": "accepted",
        "unchanged": "unchanged",
        "held": "held for a person to decide",
        "rejected": "rejected, each with what to do",
        "awards": "awards in force",
        "verified": "award and record verified offline",
        "revoked_detected": "revoked award found",
        "tampered_detected": "tampered copies found",
        "seconds": "seconds",
    }
    for name, what in words.items():
        value = figures[name]
        table.add_row(what, ("yes" if value else "NO") if isinstance(value, bool) else str(value))
    out.print(table)
    if folder is not None:
        out.print(
            f"The ledger is in {folder}: roa serve --data {folder}, roa audit --data {folder}", markup=False
        )


def _say(what: str) -> None:
    out.print(what, markup=False)


def _silent(_what: str) -> None:
    """With --json, only the figures are printed."""
