"""A small stand-in for the command `roa`, so that the script runner can be tested without it.

Usage: standin.py say OUT [ERR] [CODE] | echo (standard input) | die | serve --data DIR --port PORT
"""

import json
import os
import signal
import sys
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class Handler(BaseHTTPRequestHandler):
    """Answers what the tests ask: what was sent, a count that grows, a cookie, a redirect."""

    counted = 0

    def do_GET(self) -> None:
        """Answer a GET."""
        if self.path == "/count":
            Handler.counted += 1
            self._answer(200, {"count": Handler.counted, "path": self.path})
        elif self.path == "/login":
            self._answer(303, {}, ("Location", "/healthz"), ("Set-Cookie", "persona=mere"))
        else:
            self._answer(
                200 if self.path in ("/healthz", "/echo") else 404, {"cookie": self.headers.get("cookie")}
            )

    def do_POST(self) -> None:
        """Answer with what was sent."""
        sent = self.rfile.read(int(self.headers.get("content-length", 0)))
        self._answer(201, {"sent": sent.decode(), "type": self.headers.get("content-type")})

    def _answer(self, status: int, document: object, *headers: tuple[str, str]) -> None:
        body = json.dumps(document).encode()
        self.send_response(status)
        for name, value in [
            ("Content-Type", "application/json"),
            ("Content-Length", str(len(body))),
            *headers,
        ]:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


def serve(folder: str, port: str) -> int:
    """Serve until interrupted; a folder named `broken` stops at once, `stubborn` ends with exit 3."""
    if folder == "broken":
        sys.stderr.write("this folder holds no ledger\n")
        return 1
    server = ThreadingHTTPServer(("127.0.0.1", int(port)), Handler)
    Path("served").write_text(folder, encoding="utf-8")
    try:
        server.serve_forever(poll_interval=0.01)
    except KeyboardInterrupt:
        return 3 if folder == "stubborn" else 0
    return 0


def say(out: str, err: str = "", code: str = "0") -> int:
    """Write both texts and end with the code."""
    sys.stdout.write(out)
    sys.stderr.write(err)
    return int(code)


def echo() -> int:
    """Write what came in."""
    sys.stdout.write(sys.stdin.read())
    return 0


def die() -> int:
    """End by a signal."""
    os.kill(os.getpid(), signal.SIGKILL)
    return 0


COMMANDS: dict[str, Callable[..., int]] = {
    "say": say,
    "echo": echo,
    "die": die,
    "serve": lambda _data, folder, _port, port: serve(folder, port),
}

if __name__ == "__main__":
    sys.exit(COMMANDS[sys.argv[1]](*sys.argv[2:]))
