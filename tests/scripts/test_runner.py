"""The script runner itself, against a stand-in: what holds passes, and what does not hold fails."""

import sys
from pathlib import Path

import pytest

from tests.scripts.language import BadScript, expand, parse_script, unescape
from tests.scripts.runner import ScriptFailed, run_script

STANDIN = Path(__file__).with_name("standin.py")


@pytest.fixture
def roa(tmp_path: Path) -> Path:
    """A command that behaves as the stand-in says."""
    command = tmp_path / "bin" / "roa"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -S "{STANDIN}" "$@"\n')
    command.chmod(0o755)
    return command


@pytest.fixture
def run(tmp_path: Path, roa: Path):
    """Run a script given as text, in a folder of its own."""

    def run_text(text: str) -> None:
        run_script(parse_script("example.txt", text), tmp_path / "work", roa)

    return run_text


def test_commands_that_hold(run):
    """Commands, their output, their files, variables and standard input are what the script says."""
    run(
        r"""
        # everything a script can do without a server
        roa say 'one two\n' warning
        stdout contains "one two"
        stdout matches ^one
        stderr == warning
        ! stdout contains three
        exit 0
        ! roa say "" refused 2
        exit 2
        stdout empty
        roa say '{"rows": [{"code": "6022", "n": 3, "ok": true}], "a/b": 1.5}'
        json /rows count 1
        json /rows/0/code == 6022
        json /rows/0/code matches ^60
        json /rows/0 contains code
        json /rows/0/n == 3
        json /rows/0/n >= 3
        json /rows/0/n <= 3.5
        json /rows/0/ok == true
        json /a~1b == 1.5
        ! json /rows/1 exists
        ! json /rows/0/n == 4
        let CODE json /rows/0/code
        let FIRST stdout '"n": (\d)'
        save answer.json
        exists answer.json
        env GREETING=$CODE-${FIRST}
        roa say $GREETING
        stdout == 6022-3
        stdin given.csv
        roa echo
        stdout == a,b
        save copy.csv
        cmp given.csv copy.csv
        replace copy.csv ',' '\r\n'
        ! cmp given.csv copy.csv
        exec cat copy.csv
        stdout matches '^b$'
        cd elsewhere
        ! exists given.csv
        exists $WORK/given.csv
        exec \
          cat $WORK/given.csv

-- given.csv --
a,b
"""
    )


def test_requests_that_hold(run):
    """A server is started when it is ready, answers, keeps cookies, and stops as Ctrl-C would stop it."""
    run(
        r"""
        serve ledger
        GET /healthz
        status 200
        header content-type contains json
        header x-nothing absent
        json /cookie == null
        POST /v1 file rows.csv type text/csv header idempotency-key k
        status 201
        json /sent matches 'a,b\n$'
        body contains text/csv
        POST /v1 text '\ufeffa\n' type text/plain
        json /type == text/plain
        POST /v1 form name=value
        json /sent == name=value
        POST /v1 upload file=rows.csv
        json /sent contains 'filename="rows.csv"'
        GET /login
        status 303
        let TO header location
        GET $TO
        json /cookie == persona=mere
        GET /count
        json /count == 1
        until json /count >= 4
        ! roa say "" "" 1
        stop
        serve other
        kill -9

-- rows.csv --
a,b
"""
    )


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("roa say x '' 3", "exit 3"),
        ("! roa say x", "exit 0"),
        ("! roa die", "ended by signal 9"),
        ("exec false", "exit 1"),
        ("exec no-such-program", "there is no program"),
        ("! roa say x '' 3\nexit 4", "exit 3"),
        ("roa say x\nstdout contains y", "there is: x"),
        ("roa say x\n! stdout contains x", "there is: x"),
        ("roa say x\nstdout == xx", "there is: x"),
        ("roa say x\nstdout empty", "there is: x"),
        ("roa say x\nstdout matches ^y", "there is: x"),
        ("roa say '' x\nstderr empty", "there is: x"),
        ("roa say x\njson /a == 1", "not JSON"),
        ("""roa say '{"a": 1}'\njson /a == 2""", "there is: 1"),
        ("""roa say '{"a": 1}'\njson /a == 1.0""", "there is: 1"),
        ("""roa say '{"a": true}'\njson /a == 1""", "there is: true"),
        ("""roa say '{"a": 1}'\n! json /a == 1""", "there is: 1"),
        ("""roa say '{"a": 1}'\n! json /b == 1""", "nothing at /b"),
        ("""roa say '{"a": 1}'\njson /b exists""", "nothing at /b"),
        ("""roa say '{"a": 1}'\njson b exists""", "begins with /"),
        ("""roa say '{"a": [1]}'\njson /a count 2""", "there is: [1]"),
        ("""roa say '{"a": 1}'\njson /a count 1""", "cannot be checked"),
        ("""roa say '{"a": 1}'\njson /a""", "not enough values"),
        ("""roa say '{"a": "1"}'\njson /a >= 1""", "cannot be checked"),
        ("stdout empty", "no command has run yet"),
        ("status 200", "no request has been answered"),
        ("GET /healthz", "there is no server"),
        ("stop", "there is no server"),
        ("serve broken", "this folder holds no ledger"),
        ("serve stubborn\nstop", "stopped with exit 3"),
        ("serve a\nserve b", "one server of a name at a time"),
        ("serve a\nkill", "a server ends by"),
        ("serve a\nGET /nothing\nstatus 200", "there is: status 404"),
        ("serve a\nGET /echo\nheader x-nothing contains x", "no header x-nothing"),
        ("serve a\nGET /echo\nheader content-type absent", "application/json"),
        ("serve a\nGET /echo\nbody contains persona", '"cookie": null'),
        ("serve a\nGET /echo sideways", "a request has no sideways"),
        ("serve a\nPOST /v1 text x\nuntil body contains x", "there is none"),
        ("serve a\nGET /echo\nuntil stop", "takes a check"),
        ("serve a\nstop\nGET /echo", "there is no server"),
        ("exists nothing", "there is:"),
        ("cmp a b\n\n-- a --\n1\n-- b --\n2", "2 and 2 bytes"),
        ("cmp a b\n\n-- a --\n1", "No such file"),
        ("replace a 2 3\n\n-- a --\n1", "has no '2'"),
        ("roa say x\nlet A stdout y", "nothing matches y"),
        ("roa say $NOWHERE", "there is no variable 'NOWHERE'"),
        ("! status 200", "has no meaning before status"),
        ("dance", "there is no command dance"),
    ],
)
def test_what_does_not_hold_fails(run, text, reason):
    """A script whose last line does not hold fails there, names the line, and says what there is."""
    number = len(text.split("\n\n--", maxsplit=1)[0].splitlines())

    with pytest.raises(ScriptFailed) as failed:
        run(text)

    assert f"example.txt:{number}: " in str(failed.value)
    assert reason in str(failed.value)


def test_a_check_that_never_comes_true_fails(run, monkeypatch):
    """`until` gives up after its number of tries."""
    monkeypatch.setattr("tests.scripts.runner.UNTIL_TRIES", 3)

    with pytest.raises(ScriptFailed, match="there is: 3"):
        run("serve a\nGET /count\nuntil json /count >= 5")


def test_lines_after_a_failure_are_not_run(run, tmp_path):
    """The first line that does not hold ends the script, and its server with it."""
    with pytest.raises(ScriptFailed):
        run("serve a\nroa say x '' 1\nsave never")

    assert (tmp_path / "work" / "served").exists()
    assert not (tmp_path / "work" / "never").exists()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "nothing to do"),
        ("# only a remark", "nothing to do"),
        ('roa "say', "1: .*No closing quotation"),
        ("!", "stands before something"),
        ("roa say\n-- ../a --\n", "outside"),
        ("roa say\n-- /a --\n", "outside"),
        ("roa say\n-- a --\n-- a --\n", "twice"),
    ],
)
def test_a_script_that_cannot_be_read(text, reason):
    """A script that makes no sense is refused before anything runs."""
    with pytest.raises(BadScript, match=reason):
        parse_script("example.txt", text)


def test_lines_are_numbered_as_an_editor_counts():
    """Remarks, empty lines and continued lines keep the numbers right."""
    script = parse_script("example.txt", "# remark\n\nroa a \\\n  b\nexit 0\n-- f --\nx\n\ny\n")

    assert [(line.number, line.words) for line in script.lines] == [
        (3, ("roa", "a", "b")),
        (5, ("exit", "0")),
    ]
    assert script.files == {"f": "x\n\ny\n"}


def test_words_are_filled_in_and_unescaped():
    """Only what is a variable or an escape changes."""
    assert expand("$A-${A}b$ ^x$", {"A": "1"}) == "1-1b$ ^x$"
    assert unescape(r"a\nb\tc\\n\ufeff\q") == "a\nb\tc\\n\ufeff\\q"
