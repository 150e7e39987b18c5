"""What lies in deploy/ fits the program: commands, settings, limits and times that are really there."""

import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

from api.cli.commands import TABLE, loaded
from api.providers.routes import JSON_LINES_MAX_BYTES
from api.settings import Settings
from tests.support.stranger import roa_command
from tests.support.tree import ROOT

DEPLOY = ROOT / "deploy"
UNITS = sorted((DEPLOY / "systemd").iterdir())
SERVICES = [one for one in UNITS if one.suffix == ".service"]
INSTALLED = "/opt/achievement-ledger/bin/roa"
EXPOSURE_MAX = {"achievement-ledger.service": 1.2, "achievement-ledger-audit.service": 0.8}
# `make test` has it installed, and names it.
ANALYZE = os.environ.get("ROA_SYSTEMD_ANALYZE") or shutil.which("systemd-analyze")
needs_systemd = pytest.mark.skipif(
    ANALYZE is None, reason="units: systemd-analyze is not on this machine (.ci/install-systemd-analyze)"
)


def values(unit: Path, name: str) -> list[str]:
    """Return what a unit sets a name to, in order."""
    return re.findall(rf"^{name}=(.*)$", unit.read_text(encoding="utf-8"), re.MULTILINE)


def seconds(text: str) -> float:
    """Return a time as systemd writes it."""
    number, unit = re.fullmatch(r"(\d+)(min|s)?", text).groups()
    return float(number) * (60 if unit == "min" else 1)


def test_everything_is_shipped_and_told_of():
    """The source archive has the folder, and its page names every file in it."""
    shipped = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    page = (DEPLOY / "README.md").read_text(encoding="utf-8")
    files = [path for path in DEPLOY.rglob("*") if path.is_file() and path.name != "README.md"]

    named = {name for name in re.findall(r"\]\(([\w./-]+)\)", page) if not name.startswith("..")}

    assert "/deploy" in shipped["tool"]["hatch"]["build"]["targets"]["sdist"]["include"]
    assert named == {path.relative_to(DEPLOY).as_posix() for path in files}


@pytest.mark.parametrize("unit", SERVICES, ids=lambda path: path.name)
def test_a_unit_runs_a_command_that_there_is(unit):
    """With options that it has, and variables that are settings."""
    (line,) = values(unit, "ExecStart")
    program, command, *words = line.split()
    found = loaded(next(entry for entry in TABLE if entry.name == command))
    options = {name for parameter in found.params for name in parameter.opts}

    variables = {one.partition("=")[0] for one in values(unit, "Environment")}

    assert program == INSTALLED
    assert {word for word in words if word.startswith("--")} <= options
    fields = {f"ROA_{name.upper()}" for name in Settings.model_fields}
    assert variables <= fields | {"ROA_DATA"}
    assert {"ROA_DATA", "ROA_PASSPHRASE_FILE"} <= variables


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.name)
def test_a_unit_names_no_page_that_nothing_installs(unit):
    """The wheel has no pages: whoever follows a `file:` finds nothing."""
    assert [page for page in values(unit, "Documentation") if page.startswith("file:")] == []


def test_the_service_waits_longer_than_the_server_takes_to_stop():
    """It ends by itself, with an exit code that says how, before it is killed."""
    settings = Settings()

    (limit,) = values(DEPLOY / "systemd" / "achievement-ledger.service", "TimeoutStopSec")

    assert seconds(limit) >= settings.drain_s + settings.stop_within_s + 10


def test_the_secrets_of_a_unit_are_credentials():
    """No secret stands in a unit or its environment: each comes as a file of the service manager."""
    for unit in SERVICES:
        given = {one.partition(":")[0] for one in values(unit, "LoadCredential")}
        used = {one.partition("%d/")[2] for one in values(unit, "Environment") if "%d/" in one}

        assert used == given


@needs_systemd
def test_systemd_finds_nothing_wrong_with_the_units(tmp_path):
    """Read as it reads them, with our command in the place of the installed one."""
    for unit in UNITS:
        text = unit.read_text(encoding="utf-8").replace(INSTALLED, str(roa_command()))
        (tmp_path / unit.name).write_text(text)

    ran = subprocess.run(
        [ANALYZE, "verify", "--man=no", *(f"./{one.name}" for one in UNITS)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    ours = [line for line in ran.stderr.splitlines() if "achievement-ledger" in line]
    assert ours == []


@needs_systemd
@pytest.mark.parametrize("unit", SERVICES, ids=lambda path: path.name)
def test_a_unit_may_do_little(unit):
    """Its exposure, as systemd counts it, does not grow; 10 is a service without any limits."""
    ran = subprocess.run(
        [ANALYZE, "security", "--offline=yes", "--no-pager", unit.name],
        cwd=unit.parent,
        capture_output=True,
        text=True,
        check=False,
    )

    if "offline" in ran.stderr:
        pytest.skip("units: a systemd-analyze older than 250 cannot look at one offline")
    (exposure,) = re.findall(r"Overall exposure level for \S+: ([\d.]+)", ran.stdout)
    assert float(exposure) <= EXPOSURE_MAX[unit.name]


def test_the_proxy_lets_through_what_the_ledger_takes_and_no_more():
    """The largest submission fits; /metrics is not for outsiders; no path or query is logged."""
    site = (DEPLOY / "nginx" / "achievement-ledger.conf").read_text(encoding="utf-8")

    (size,) = re.findall(r"client_max_body_size\s+(\d+)m;", site)
    (line,) = re.findall(r"log_format ledger '(.*)';", site)

    assert JSON_LINES_MAX_BYTES <= int(size) * 1024 * 1024 < 1.2 * JSON_LINES_MAX_BYTES
    assert "location = /metrics { return 404; }" in site
    assert set(re.findall(r"\$\w+", line)).isdisjoint(
        {"$request", "$uri", "$request_uri", "$args", "$query_string", "$http_referer", "$remote_addr"}
    )
    assert site.count("{") == site.count("}")
    assert "$upstream_http_request_id" in line
    assert 'proxy_set_header Request-Id "";' in site
