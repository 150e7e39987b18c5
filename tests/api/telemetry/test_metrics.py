"""Figures are read by whoever holds the token, are all in the table, and hold when something fails."""

import re
from pathlib import Path

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient

from api.app import create_app
from api.employers.checkers import Checkers
from api.house import furnish
from api.settings import Settings
from tests.api.door import Door, results_csv
from tests.support.tree import ROOT
from tests.support.world import ANA, BEN

TOKEN = "figures-for-one-test"
_ROW = re.compile(r"^\| `(roa_\w+)` \| (\w+) \|(.*?)\| .+ \|$", re.MULTILINE)
TABLE = {
    name: (kind, frozenset(re.findall(r"`(\w+)`", labels)))
    for name, kind, labels in _ROW.findall((ROOT / "docs" / "metrics.md").read_text(encoding="utf-8"))
}
ALERTS = ROOT / "deploy" / "prometheus" / "alerts.yml"
# Of these the labels stand in the table, and no sample yet: nothing has failed, and nobody is a witness.
ABSENT = {"roa_witnessed_records"}


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """The operator's file."""
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n")
    return file


@pytest.fixture
def measured(door: Door, secret: Path) -> Door:
    """A ledger whose figures may be read."""
    door.house = furnish(door.ledger.ledger, Settings(metrics_token_file=secret))
    app = create_app(door.house, checkers=Checkers(1))
    door.__dict__["client"] = TestClient(app, follow_redirects=False, raise_server_exceptions=False)
    return door


def read(door: Door) -> dict[str, dict[tuple[tuple[str, str], ...], float]]:
    """Return every sample: name to labels to value."""
    answer = door.client.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
    assert answer.status_code == 200
    found: dict[str, dict[tuple[tuple[str, str], ...], float]] = {}
    for family in text_string_to_metric_families(answer.text):
        for sample in family.samples:
            found.setdefault(sample.name, {})[tuple(sorted(sample.labels.items()))] = sample.value
    return found


def one(figures, name: str, **labels: str) -> float:
    """Return one figure."""
    return figures[name][tuple(sorted(labels.items()))]


# ------------------------------------------------------------------ who may


@pytest.mark.parametrize(
    "header",
    [None, "", "Bearer", "Bearer ", "Bearer wrong", f"Basic {TOKEN}", f"Bearer {TOKEN}x", "Bearer ā"],
)
def test_without_the_token_there_is_nothing_to_read(measured, header):
    """401, and not a figure in it."""
    headers = {} if header is None else {"Authorization": header.encode()}

    answer = measured.client.get("/metrics", headers=headers)

    assert (answer.status_code, answer.json()["code"]) == (401, "token")
    assert "roa_" not in answer.text


def test_without_the_setting_there_is_no_such_address(door):
    """404 like any other."""
    answer = door.client.get("/metrics", headers={"Authorization": "Bearer "})

    assert (answer.status_code, answer.json()["code"]) == (404, "not-found")


def test_an_empty_file_opens_nothing(measured, secret):
    """It is no token that anybody could have; and a new one counts without a restart."""
    secret.write_text("\n")
    empty = measured.client.get("/metrics", headers={"Authorization": "Bearer "})
    secret.write_text("another\n")
    new = measured.client.get("/metrics", headers={"Authorization": "Bearer another"})

    assert (empty.status_code, new.status_code) == (401, 200)


# ------------------------------------------------------------------ the table


def families(door: Door) -> dict[str, tuple[str, frozenset[str]]]:
    """Return what there is of ours: name to kind and labels, as the table writes them."""
    text = door.client.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"}).text
    found = {}
    for family in text_string_to_metric_families(text):
        if family.name.startswith("roa_"):
            labels = {label for sample in family.samples for label in sample.labels} - {"le"}
            name = f"{family.name}_total" if family.type == "counter" else family.name
            found[name] = (family.type, frozenset(labels))
    return found


def test_every_figure_stands_in_the_table_and_every_row_is_a_figure(measured):
    """With its kind and its labels; names say their unit, and counters that they count."""
    measured.post_csv(results_csv([(ANA, "LO1", "A")]))
    measured.get("/v1/receipts/3")
    measured.house.ledger.watch.failed("storage")
    measured.house.stopping = True

    found = families(measured)

    assert TABLE.keys() - found.keys() == ABSENT
    assert {name: kind for name, kind in found.items() if kind != TABLE.get(name)} == {}


def test_alerts_ask_for_figures_that_exist():
    """A rule over a name or a label that nobody writes would never fire."""
    rules = yaml.safe_load(ALERTS.read_text(encoding="utf-8"))["groups"][0]["rules"]
    suffixes = ("_bucket", "_count", "_sum")

    names = {
        name
        for rule in rules
        for name in re.findall(r"\broa_\w+", f"{rule['expr']} {rule['annotations']['action']}")
    }
    bare = {next((name.removesuffix(one) for one in suffixes if name.endswith(one)), name) for name in names}

    assert len(rules) > 10
    assert bare <= TABLE.keys()
    assert all(rule["annotations"].keys() == {"summary", "action"} for rule in rules)
    assert {rule["labels"]["severity"] for rule in rules} == {"page", "day"}
    assert len({rule["alert"] for rule in rules}) == len(rules)
    used = {label for rule in rules for label in re.findall(r"\$labels\.(\w+)", str(rule["annotations"]))}
    assert used - {"instance"} <= frozenset().union(*(labels for _, labels in TABLE.values()))


# ------------------------------------------------------------------ what they say


def test_rows_are_counted_once_by_what_became_of_them(measured):
    """A submission that is posted again is answered again and counted no more."""
    data = results_csv([(ANA, "LO1", "A"), (BEN, "LO1", "Z"), (ANA, "LO9", "A")])
    first = measured.post_csv(data)
    again = measured.post_csv(data)

    figures = read(measured)

    rejected = sum(row["status"] == "rejected" for row in first.json()["rows"])
    assert (first.status_code, again.status_code) == (200, 200)
    assert rejected > 0
    assert sum(figures["roa_rows_decided_total"].values()) <= 3
    assert one(figures, "roa_rows_decided_total", status="accepted") == 1
    assert one(figures, "roa_submissions_decided_total") == 1
    assert one(figures, "roa_step_duration_seconds_count", step="save") == 1


def test_lags_are_told_as_they_are(measured):
    """Recorded and not published, then published and folded."""
    measured.house.catch_up()
    before = read(measured)
    measured.ledger.organisation(95077, "provider")
    waiting = read(measured)
    measured.house.catch_up()
    after = read(measured)

    names = ("roa_records", "roa_published_records", "roa_views_records")
    size = measured.ledger.size()
    assert [one(before, name) for name in names] == [size - 2] * 3
    assert [one(waiting, name) for name in names] == [size, size - 2, size - 2]
    assert [one(after, name) for name in names] == [size] * 3


def test_trouble_has_its_code(measured):
    """As /readyz says it."""
    well = read(measured)
    measured.house.stopping = True
    figures = read(measured)

    assert (one(well, "roa_ready"), one(figures, "roa_ready")) == (1, 0)
    assert "roa_trouble" not in well
    assert one(figures, "roa_trouble", code="stopping") == 1


def test_what_cannot_be_read_leaves_the_others(measured, monkeypatch, lines):
    """When a disk fails figures are needed most: half of them are told, and that some are missing."""

    def failing(*_: object) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(measured.house.views, "position", failing)
    figures = read(measured)

    assert "roa_views_records" not in figures
    assert one(figures, "roa_metrics_incomplete") == 1
    assert one(figures, "roa_records") == measured.ledger.size()
    assert [said["error"] for said in lines.of("metrics-incomplete")] == ["OSError"]


def test_queues_are_told_with_their_bounds(measured):
    """Of submissions that wait, and of credentials that are checked."""
    figures = read(measured)

    assert one(figures, "roa_queue_length", queue="submissions") == 0
    assert one(figures, "roa_queue_limit", queue="submissions") == 100
    assert one(figures, "roa_queue_limit", queue="checks") == 65
