"""Connections of a server: how many there may be, and how long one may take to say what it asks for.

The web server bounds how long a connection idles after an answer. It does not bound how long one may stay
silent before its first request, or send the head of one: so a few hundred that say nothing would keep
everybody else out. And one too many is told in words that a client understands, not dropped.
"""

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

CONNECTIONS_MAX = 1_000  # more than requests may be let in: those too many are answered in words
HEAD_WITHIN_S = 30.0  # from the connection, or the first byte of a request, to the end of its head
TOO_MANY = (
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 2\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
)


class Connection(HttpToolsProtocol):
    """One connection of a client; all of it happens in the server's event loop."""

    _patience: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a client in, or tell one too many to come back."""
        super().connection_made(transport)
        if len(self.connections) > CONNECTIONS_MAX:
            transport.write(TOO_MANY)
            transport.close()
            return
        self._wait_for_a_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no longer."""
        self._wait_no_longer()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        """Begin to wait: the first byte of a request is there."""
        super().on_message_begin()
        self._wait_for_a_head()

    def on_headers_complete(self) -> None:
        """Go on: from here the bounds of `api.admission` hold."""
        self._wait_no_longer()
        super().on_headers_complete()

    def timeout_keep_alive_handler(self) -> None:
        """Let a connection go that has idled long enough, whatever of the last answer is not read yet."""
        self.transport.abort()

    def _wait_for_a_head(self) -> None:
        self._wait_no_longer()
        # Not `close`: that would wait for a client who does not read to take what is left for them.
        self._patience = self.loop.call_later(HEAD_WITHIN_S, self.transport.abort)

    def _wait_no_longer(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None
