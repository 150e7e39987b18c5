"""README and docs say what the installed command really prints."""

from pathlib import Path

import pytest

from tests.support.console import BadBlock, console_blocks, mask, run_blocks, same_output
from tests.support.stranger import environment, roa_command

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / "README.md", *sorted(ROOT.glob("docs/**/*.md"))]
NOT_RUN = [
    pytest.param(block.not_run, id=f"{path.relative_to(ROOT)}:{block.number}")
    for path in DOCUMENTS
    for block in console_blocks(path.name, path.read_text(encoding="utf-8"))
    if block.not_run is not None
]


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_documentation_prints_what_it_says(path, tmp_path):
    """Every console block of the document, run in order as a stranger would, prints what stands below it."""
    blocks = console_blocks(path.name, path.read_text(encoding="utf-8"))
    home, work = tmp_path / "home", tmp_path / "work"
    home.mkdir()
    work.mkdir()

    differences = run_blocks(blocks, work, environment(home, roa_command())) if blocks else []

    assert not differences, "\n\n".join(map(str, differences))


if NOT_RUN:

    @pytest.mark.parametrize("reason", NOT_RUN)
    def test_blocks_that_are_not_run(reason):
        """A console block that is not run is counted with the reason it gives."""
        pytest.skip(f"console block: {reason}")


# ------------------------------------------------------------------ the executor itself


def run(text, folder):
    """Return the differences of a document given as text, run with nothing but the system's commands."""
    blocks = console_blocks("example.md", text)
    return run_blocks(blocks, folder, {"PATH": "/usr/local/bin:/usr/bin:/bin"})


def test_what_is_printed_as_documented_passes(tmp_path):
    """Blocks share a folder, commands may go on in the next line, `…` stands for any text or lines."""
    text = """
Words.

```console
$ echo one > file
$ printf 'two\\nthree\\n' \\
  >> file
```

1. Indented, as in a list:

   ```console
   $ cat file
   one
   …
   $ echo "it took 0.25 s"; echo warning >&2; false; echo "exit $?"
   it took 12 s
   warn…
   exit 1
   ```

```python
print("not ours to run")
```

```console no-run: needs a browser
$ false
```
"""

    differences = run(text, tmp_path)

    assert differences == []
    assert [block.not_run for block in console_blocks("example.md", text)] == [None, None, "needs a browser"]


@pytest.mark.parametrize(
    ("command", "output"),
    [
        ("echo one", "two"),
        ("echo one", ""),
        ("true", "one"),
        ("echo one; echo two", "one"),
        ("echo one two", "one…three"),
        ("echo '5 accepted in 3 s'", "4 accepted in 3 s"),
        ("echo one; exit 1", "one"),
        ("false | cat", ""),
    ],
)
def test_what_is_printed_otherwise_is_a_difference(tmp_path, command, output):
    """A command that prints something else, more, less, or fails, is told with its line."""
    (difference,) = run(f"```console\n$ {command}\n{output}\n```\n", tmp_path)

    assert difference.step.number == 2
    assert str(difference).startswith(f"line 2: $ {command}\n")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("```console\n$ true\n", "1: the block has no end"),
        ("```console\n```\n", "1: no command"),
        ("```console\noutput\n$ true\n```\n", "2: output before any command"),
        ("```console no-run\n$ true\n```\n", "1: after `console`"),
        ("```console no-run:  \n$ true\n```\n", "1: after `console`"),
        ("```console norun: because\n$ true\n```\n", "1: after `console`"),
    ],
)
def test_a_block_that_cannot_be_read(text, reason):
    """A block that would never be checked is an error, not silence."""
    with pytest.raises(BadBlock, match=f"example.md:{reason}"):
        console_blocks("example.md", text)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("made at 2026-11-22T01:02:03Z", "made at 2027-01-01T00:00:00.123+13:00"),
        ("on 2026-11-22", "on 2027-01-01"),
        ("9:59:01 left", "12:00:00 left"),
        ("id 018f1f52-7a4b-7c3d-9e1f-0a1b2c3d4e5f", "id 018f1f53-0000-7000-8000-0a1b2c3d4e50"),
        (
            "root 4mJ9yXb0d0J7qQm2hZy3pC8sK1vN6tR5wE0aL7uF2g8=",
            "root AmJ9yXb0d0J7qQm2hZy3pC8sK1vN6tR5wE0aL7uF2g4=",
        ),
        ("5 312/s", "12,100.5 /s"),
        ("12 ms", "0.8 ms"),
        ("1 003 s", "2.25 s"),
        ('{"seconds": 1.5, "posted": 3}', '{"seconds": 12, "posted": 3}'),
        ("at http://127.0.0.1:8000/me", "at http://127.0.0.1:49152/me"),
        ("│ audit  │   12 ms │", "│ audit  │ 1 200 ms │"),
    ],
)
def test_what_differs_from_run_to_run_is_masked(first, second):
    """Times, durations, rates, ids, digests and ports count as the same."""
    assert same_output(first, second)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("1003 posted", "1004 posted"),
        ("level 4, credits 20", "level 4, credits 25"),
        ("accepted 971, held 2", "accepted 971, held 3"),
        ("Verified", "Not valid"),
        ("ledger.example/log", "ledger.other/log"),
    ],
)
def test_what_matters_is_not_masked(first, second):
    """Counts, levels, codes and words must be as documented."""
    assert not same_output(first, second)
    assert mask(first) == first
