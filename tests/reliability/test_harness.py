"""The command: one table, one object, a document between its marks, exit 1 where something did not hold."""

import json

import pytest

from tests.reliability import __main__ as command
from tests.reliability.catalogue import CAMPAIGNS
from tests.reliability.harness import Campaign, Line, Setting, Trials
from tests.support.documents import spaced
from tests.support.tree import ROOT

MARKS = "before\n<!-- reliability: begin -->\nstale\n<!-- reliability: end -->\nafter\n"


def campaign(name: str, *, ok: bool) -> Campaign:
    """Return a campaign whose trials hold, or do not."""

    def run(setting: Setting) -> list[Line]:
        trials = Trials(name)
        for seed in range(setting.seed, setting.seed + setting.trials):
            trials.add(seed, () if ok else ("lost",))
        return [trials.line("something", "0 lost")]

    return Campaign(name, "P1", run, trials=1_000)


def said(monkeypatch: pytest.MonkeyPatch, *arguments: str, ok: bool = True) -> int:
    """Run the command over one campaign; return its exit code."""
    monkeypatch.setattr(command, "CAMPAIGNS", [campaign("good", ok=True), campaign("other", ok=ok)])
    monkeypatch.setattr(command, "BY_NAME", {"good": None, "other": None})
    monkeypatch.setattr("sys.argv", ["reliability", *arguments])
    return command.main()


def test_one_table_is_printed(monkeypatch, capsys):
    """A line for each thing that went wrong, how often, and whether it held."""
    code = said(monkeypatch)

    out = capsys.readouterr().out
    assert code == 0
    assert out.splitlines()[2:] == [
        "| `good` | something | P1 | 1 000 | 0 lost | holds |",
        "| `other` | something | P1 | 1 000 | 0 lost | holds |",
    ]


def test_a_trial_that_did_not_hold_is_named_with_its_seed(monkeypatch, capsys):
    """Exit 1, the seed for each, and the line says how many."""
    code = said(monkeypatch, "other", "--trials", "3", "--seed", "40", ok=False)

    printed = capsys.readouterr()
    assert code == 1
    assert [line for line in printed.err.splitlines() if "--seed" in line] == [
        f"other --seed {seed}: lost" for seed in (40, 41, 42)
    ]
    assert "| 3 of 3 did not hold; 0 lost | **does not hold** |" in printed.out


def test_json_is_one_object(monkeypatch, capsys):
    """`ok`, and the lines of each campaign."""
    code = said(monkeypatch, "--json", "--trials", "2", ok=False)

    found = json.loads(capsys.readouterr().out)
    assert code == 1
    assert found["ok"] is False
    assert found["campaigns"]["good"][0] == {
        "what": "something",
        "times": 2,
        "seen": "0 lost",
        "ok": True,
        "failures": [],
    }


def test_the_table_is_written_between_the_marks(monkeypatch, tmp_path, capsys):
    """What stands around them stays; a document without them is refused before anything is played."""
    document, other = tmp_path / "a.md", tmp_path / "b.md"
    document.write_text(MARKS)
    other.write_text("nothing")

    said(monkeypatch, "--into", str(document), "--trials", "1")
    with pytest.raises(SystemExit):
        said(monkeypatch, "--into", str(other), "--trials", "1")

    assert "has no lines" in capsys.readouterr().err
    assert other.read_text() == "nothing"
    text = document.read_text()
    assert text.startswith("before\n<!-- reliability: begin -->\n\n| campaign | what goes wrong")
    assert text.endswith("|\n\n<!-- reliability: end -->\nafter\n")
    assert "stale" not in text


def test_what_was_not_played_stays_in_the_document(monkeypatch, tmp_path):
    """One campaign played again replaces its own lines, and the order is that of all."""
    document = tmp_path / "a.md"
    document.write_text(MARKS)
    said(monkeypatch, "--into", str(document), "--trials", "3")

    said(monkeypatch, "good", "--into", str(document), "--trials", "5")

    assert [line for line in document.read_text().splitlines() if line.startswith("| `")] == [
        "| `good` | something | P1 | 5 | 0 lost | holds |",
        "| `other` | something | P1 | 3 | 0 lost | holds |",
    ]


def test_an_unknown_name_is_wrong_use(monkeypatch, capsys):
    """Exit 2, with the names that there are."""
    with pytest.raises(SystemExit) as stopped:
        said(monkeypatch, "nothing")

    assert stopped.value.code == 2
    assert "good, other" in capsys.readouterr().err


def test_a_campaign_without_a_trial_does_not_hold():
    """Nothing tried is nothing shown."""
    assert not Trials("none").line("something", "nothing").ok


def test_the_page_names_every_campaign():
    """docs/reliability.md says of each what it does."""
    page = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")

    missing = [campaign.name for campaign in CAMPAIGNS if f"| `{campaign.name}` |" not in page]

    assert not missing
    assert spaced(1234567) == "1 234 567"
