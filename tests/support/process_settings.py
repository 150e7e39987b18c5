"""What a command sets for its whole process, put back for the tests that run after it in the same one."""

import logging
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def put_back() -> Iterator[None]:
    """Put back where lines go, who hears of faults, and how threads switch, as `roa serve` sets them."""
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    shown, died, unraisable = warnings.showwarning, threading.excepthook, sys.unraisablehook
    interval = sys.getswitchinterval()
    try:
        yield
    finally:
        root.handlers = handlers
        root.setLevel(level)
        warnings.showwarning, threading.excepthook, sys.unraisablehook = shown, died, unraisable
        sys.setswitchinterval(interval)
