"""Running a script: every line does something or checks something, and the first that fails stops it.

The language is described in README.md beside this file.
"""

import shutil
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import httpx2

from tests.scripts.checks import (
    CannotTell,
    Seen,
    at_pointer,
    check_json,
    check_text,
    excerpt,
    first_match,
    read_json,
)
from tests.scripts.language import Line, Script, expand, unescape
from tests.scripts.server import Server, ServerFailed
from tests.support.stranger import environment

COMMAND_TIMEOUT_S = 240.0
REQUEST_TIMEOUT_S = 60.0
UNTIL_TRIES = 300
UNTIL_INTERVAL_S = 0.1
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
# What may be turned round with `!`. "Not this status" or "not this exit code" would say too little.
NEGATABLE = ("roa", "exec", "until", "header", "body", "json", "stdout", "stderr", "exists", "cmp")


class ScriptFailed(AssertionError):
    """A line did not hold: says file, line, what was expected and what was there."""


@dataclass(frozen=True, slots=True)
class Ran:
    """A command that has ended."""

    code: int
    stdout: str
    stderr: str


@dataclass(slots=True)
class Request:
    """A request as a script's line describes it, kept so that `until` can send it again."""

    method: str
    path: str
    headers: list[tuple[str, str]] = field(default_factory=list)
    content: bytes | None = None
    form: dict[str, str] = field(default_factory=dict)
    uploads: dict[str, Path] = field(default_factory=dict)


def run_script(script: Script, work: Path, roa: Path) -> None:
    """Run a script from its first line to its last.

    Args:
        script: what to do and to check.
        work: an empty folder; the script's files are written to it, its commands run in it.
        roa: the command under test.

    Raises:
        ScriptFailed: a line did not hold; the lines after it were not run.
    """
    runner = _Runner(script, work, roa)
    try:
        for line in script.lines:
            runner.run(line)
    finally:
        runner.close()


class _Runner:
    """What a script has so far: its variables, its server, the latest command and answer."""

    def __init__(self, script: Script, work: Path, roa: Path) -> None:
        self._script = script
        self._work = work
        self._roa = roa
        home = work / ".home"
        home.mkdir(parents=True)
        self._environment = environment(home, roa)
        self._variables: dict[str, str] = {"WORK": str(work)}
        self._folder = work  # where commands run and file names begin
        self._stdin: Path | None = None
        self._ran: Ran | None = None
        self._servers: dict[str, Server] = {}  # by name; one without has none
        self._asked = ""  # the one that requests go to
        self._client = httpx2.Client(trust_env=False, timeout=REQUEST_TIMEOUT_S)
        self._request: Request | None = None
        self._answer: httpx2.Response | None = None
        self._latest = b""  # body or standard output, whichever came last
        for name, text in script.files.items():
            path = self._file(name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text.encode())

    def close(self) -> None:
        """Leave nothing running."""
        self._client.close()
        for server in self._servers.values():
            server.kill()

    def run(self, line: Line) -> None:
        """Do one line; ScriptFailed where it does not hold."""
        try:
            word, *arguments = (expand(word, self._variables) for word in line.words)
            self._do(word, arguments, negated=line.negated)
        except KeyError as error:
            raise self._failed(line, f"there is no variable {error}") from error
        except (CannotTell, _DoesNotHold, ServerFailed) as error:
            raise self._failed(line, str(error)) from error
        except (ValueError, IndexError, OSError, httpx2.HTTPError, subprocess.TimeoutExpired) as error:
            # Among these a line with too few or too many words, which Python unpacks in vain.
            raise self._failed(line, f"{type(error).__name__}: {error}") from error

    def _do(self, word: str, arguments: list[str], *, negated: bool) -> None:
        if negated and word not in NEGATABLE:
            raise CannotTell(f"`!` has no meaning before {word}")
        if word in CHECKS:
            self._require(CHECKS[word](self, arguments), negated=negated)
        elif word in COMMANDS:
            COMMANDS[word](self, arguments, negated=negated)
        elif word in METHODS:
            self.send(self.read_request(word, arguments))
        elif word in ACTIONS:
            ACTIONS[word](self, arguments)
        else:
            raise CannotTell(f"there is no command {word}")

    @staticmethod
    def _require(seen: Seen, *, negated: bool) -> None:
        if seen.holds is negated:
            raise _DoesNotHold(f"there is: {seen.what}")

    def _failed(self, line: Line, reason: str) -> ScriptFailed:
        told = [f"{self._script.name}:{line.number}: {line.text}", reason]
        if self._ran is not None:
            told.append(f"latest command: exit {self._ran.code}")
            told.append(f"stdout: {excerpt(self._ran.stdout)}\nstderr: {excerpt(self._ran.stderr)}")
        if self._answer is not None and self._request is not None:
            told.append(
                f"latest answer: {self._request.method} {self._request.path}: {self._answer.status_code}"
            )
            told.append(excerpt(self._answer.text))
        told += [f"server {name}: {server.log_tail()}" for name, server in self._servers.items()]
        return ScriptFailed("\n".join(told))

    def _file(self, name: str) -> Path:
        return self._folder / name

    # ------------------------------------------------------------------ commands

    def run_roa(self, arguments: list[str], *, negated: bool) -> None:
        self.spawn([str(self._roa), *arguments], negated=negated)

    def exec_program(self, arguments: list[str], *, negated: bool) -> None:
        program = shutil.which(arguments[0], path=self._environment["PATH"])
        if program is None:
            raise CannotTell(f"there is no program {arguments[0]}")
        self.spawn([program, *arguments[1:]], negated=negated)

    def spawn(self, command: Sequence[str], *, negated: bool) -> None:
        sent, self._stdin = self._stdin, None
        done = subprocess.run(
            command,
            cwd=self._folder,
            env=self._environment,
            input=sent.read_bytes() if sent else b"",
            capture_output=True,
            timeout=COMMAND_TIMEOUT_S,
            check=False,
        )
        self._latest = done.stdout
        self._ran = Ran(done.returncode, done.stdout.decode(), done.stderr.decode())
        if done.returncode < 0:
            raise _DoesNotHold(f"ended by signal {-done.returncode}")
        if (done.returncode == 0) is negated:
            raise _DoesNotHold(f"exit {done.returncode}")

    # ------------------------------------------------------------------ requests

    def read_request(self, method: str, arguments: list[str]) -> Request:
        path, *rest = arguments
        request = Request(method, path)
        while rest:
            match rest:
                case ["file", name, *rest]:
                    request.content = self._file(name).read_bytes()
                case ["text", text, *rest]:
                    request.content = unescape(text).encode()
                case ["type", media_type, *rest]:
                    request.headers.append(("content-type", media_type))
                case ["header", name, value, *rest]:
                    request.headers.append((name, value))
                case ["form", pair, *rest]:
                    name, _, value = pair.partition("=")
                    request.form[name] = value
                case ["upload", pair, *rest]:
                    name, _, file_name = pair.partition("=")
                    request.uploads[name] = self._file(file_name)
                case _:
                    raise CannotTell(f"a request has no {' '.join(rest)}")
        return request

    def send(self, request: Request) -> None:
        server = self._running(self._asked)
        self._request = request
        self._answer = self._client.request(
            request.method,
            server.url + request.path,
            headers=request.headers,
            content=request.content,
            data=request.form or None,
            files={name: (path.name, path.read_bytes()) for name, path in request.uploads.items()} or None,
        )
        self._latest = self._answer.content

    def until(self, arguments: list[str], *, negated: bool) -> None:
        if self._request is None or self._request.method != "GET":
            raise CannotTell("`until` sends the latest GET again; there is none")
        check, *words = arguments
        if check not in CHECKS:
            raise CannotTell(f"`until` takes a check; {check} is none")
        for tries_left in reversed(range(UNTIL_TRIES)):
            try:
                self._require(CHECKS[check](self, words), negated=negated)
            except (_DoesNotHold, CannotTell):
                if not tries_left:
                    raise
            else:
                return
            time.sleep(UNTIL_INTERVAL_S)
            self.send(self._request)

    # ------------------------------------------------------------------ checks

    def check_exit(self, arguments: list[str]) -> Seen:
        code = self._needs_ran().code
        return Seen([str(code)] == arguments, f"exit {code}")

    def check_stdout(self, arguments: list[str]) -> Seen:
        return check_text(arguments, self._needs_ran().stdout)

    def check_stderr(self, arguments: list[str]) -> Seen:
        return check_text(arguments, self._needs_ran().stderr)

    def check_status(self, arguments: list[str]) -> Seen:
        status = self._needs_answer().status_code
        return Seen([str(status)] == arguments, f"status {status}")

    def check_header(self, arguments: list[str]) -> Seen:
        name, *words = arguments
        value = self._needs_answer().headers.get(name)
        if words == ["absent"]:
            return Seen(value is None, f"{name}: {value}")
        if value is None:
            raise CannotTell(f"the answer has no header {name}")
        return check_text(words, value)

    def check_body(self, arguments: list[str]) -> Seen:
        return check_text(arguments, self._needs_answer().text)

    def check_json(self, arguments: list[str]) -> Seen:
        return check_json(arguments, self._latest.decode())

    def check_exists(self, arguments: list[str]) -> Seen:
        (name,) = arguments
        return Seen(
            self._file(name).exists(), ", ".join(sorted(path.name for path in self._folder.iterdir()))
        )

    def check_cmp(self, arguments: list[str]) -> Seen:
        first, second = (self._file(name).read_bytes() for name in arguments)
        return Seen(first == second, f"{len(first)} and {len(second)} bytes")

    def _needs_ran(self) -> Ran:
        if self._ran is None:
            raise CannotTell("no command has run yet")
        return self._ran

    def _needs_answer(self) -> httpx2.Response:
        if self._answer is None:
            raise CannotTell("no request has been answered yet")
        return self._answer

    # ------------------------------------------------------------------ everything else

    def serve(self, arguments: list[str]) -> None:
        name = ""
        if arguments[0] == "as":
            name, arguments = arguments[1], arguments[2:]
        if name in self._servers:
            raise CannotTell("one server of a name at a time: `stop` or `kill -9` comes first")
        serving = arguments[1:] if arguments[0] == "roa" else ["serve", "--data", *arguments]
        log = self._work / f".server{name and f'-{name}'}.log"
        server = Server([str(self._roa), *serving], self._folder, self._environment, log)
        self._servers[name], self._asked = server, name
        prefix = f"{name}_" if name else ""
        self._variables |= {f"{prefix}URL": server.url, f"{prefix}PORT": str(server.port)}

    def at(self, arguments: list[str]) -> None:
        (self._asked,) = arguments
        self._running(self._asked)

    def stop(self, arguments: list[str]) -> None:
        (name,) = arguments or [""]
        self._running(name).stop()
        del self._servers[name]

    def kill(self, arguments: list[str]) -> None:
        signal, *rest = arguments or [""]
        if signal != "-9":
            raise CannotTell("a server ends by `stop` or by `kill -9`")
        (name,) = rest or [""]
        self._running(name).kill()
        del self._servers[name]

    def _running(self, name: str) -> Server:
        if name not in self._servers:
            raise CannotTell(f"there is no server{name and f' {name}'}: `serve` comes first")
        return self._servers[name]

    def cd(self, arguments: list[str]) -> None:
        (name,) = arguments
        self._folder = self._work / name
        self._folder.mkdir(parents=True, exist_ok=True)

    def env(self, arguments: list[str]) -> None:
        for pair in arguments:
            name, _, value = pair.partition("=")
            self._environment[name] = self._variables[name] = value

    def stdin_from(self, arguments: list[str]) -> None:
        (name,) = arguments
        self._stdin = self._file(name)

    def let(self, arguments: list[str]) -> None:
        name, source, *words = arguments
        self._variables[name] = self._value(source, words)

    def _value(self, source: str, words: list[str]) -> str:
        (what,) = words
        if source == "json":
            value: Any = at_pointer(read_json(self._latest.decode()), what)
            return value if isinstance(value, str) else str(value)
        if source == "header":
            return str(self._needs_answer().headers[what])
        if source in ("stdout", "stderr", "body"):
            text = self._needs_answer().text if source == "body" else str(getattr(self._needs_ran(), source))
            return first_match(what, text)
        raise CannotTell(f"a variable cannot be taken from {source}")

    def save(self, arguments: list[str]) -> None:
        (name,) = arguments
        self._file(name).write_bytes(self._latest)

    def replace(self, arguments: list[str]) -> None:
        name, old, new = arguments
        path = self._file(name)
        data, wanted = path.read_bytes(), unescape(old).encode()
        if wanted not in data:
            raise _DoesNotHold(f"{name} has no {old!r}")
        path.write_bytes(data.replace(wanted, unescape(new).encode()))


class _DoesNotHold(Exception):
    """What the line asks for is not so."""


class _Command(Protocol):
    def __call__(self, runner: _Runner, arguments: list[str], /, *, negated: bool) -> None: ...


CHECKS: Mapping[str, Callable[[_Runner, list[str]], Seen]] = {
    "exit": _Runner.check_exit,
    "stdout": _Runner.check_stdout,
    "stderr": _Runner.check_stderr,
    "status": _Runner.check_status,
    "header": _Runner.check_header,
    "body": _Runner.check_body,
    "json": _Runner.check_json,
    "exists": _Runner.check_exists,
    "cmp": _Runner.check_cmp,
}
COMMANDS: Mapping[str, _Command] = {
    "roa": _Runner.run_roa,
    "exec": _Runner.exec_program,
    "until": _Runner.until,
}
ACTIONS: Mapping[str, Callable[[_Runner, list[str]], None]] = {
    "serve": _Runner.serve,
    "at": _Runner.at,
    "stop": _Runner.stop,
    "kill": _Runner.kill,
    "cd": _Runner.cd,
    "env": _Runner.env,
    "stdin": _Runner.stdin_from,
    "let": _Runner.let,
    "save": _Runner.save,
    "replace": _Runner.replace,
}
