"""A person who has the command `roa` and nothing else of ours: the environment their commands run in."""

import os
import sys
from pathlib import Path

# Set by `make test` to the command of the wheel it installed outside the checkout.
VARIABLE = "ROA_BIN"
SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin"


def roa_command() -> Path:
    """Return the command under test: the one ROA_BIN names, else the one beside this Python.

    Raises:
        FileNotFoundError: there is no such command.
    """
    path = Path(os.environ.get(VARIABLE) or Path(sys.executable).with_name("roa"))
    if not path.is_file():
        raise FileNotFoundError(f"there is no {path}: install the project, or correct {VARIABLE}")
    return path.absolute()


def environment(home: Path, roa: Path) -> dict[str, str]:
    """Return the variables of a stranger: nothing of the developer's, the checkout or a proxy.

    Args:
        home: an empty folder of their own.
        roa: the command they call `roa`; its folder comes first on PATH.
    """
    return {
        "COLUMNS": "100",
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "NO_COLOR": "1",
        "PATH": f"{roa.parent}:{SYSTEM_PATH}",
        "TERM": "dumb",
        "TZ": "UTC",
    }
