"""What every command shares: options, how it speaks, and what its exit code means.

Exit codes (SPEC.md 6): 0 done, or Verified with or without notes · 1 refused, not valid, findings ·
2 wrong use · 3 rollback · 4 split · 5 could not be verified completely · 70 internal.
"""

import json
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, NoReturn
from uuid import UUID

import typer
from pydantic import ValidationError
from rich.console import Console

from api.client.errors import ClientError
from api.house import House, close_house, existing_files, open_house
from api.settings import Settings
from ledger.access.rows import NUMBER, Reader
from ledger.errors import Absent, LedgerError, Rollback, Split
from ledger.files import LedgerFiles
from ledger.founding import make_passphrase
from ledger.schemas import NSN_DIGITS

DONE, REFUSED, WRONG_USE, ROLLBACK, SPLIT, INCOMPLETE, INTERNAL = 0, 1, 2, 3, 4, 5, 70
_SETTINGS = ("policy", "passphrase")  # codes of a setting that cannot be used

# A key or a signature that fills more than a line, as it ends a vkey or a line of a note.
_LONG = re.compile(r"(\+[0-9a-f]{8}\+|— \S+ )([A-Za-z0-9+/]{16})[A-Za-z0-9+/]{100,}={0,2}")

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)

Data = Annotated[Path, typer.Option("--data", help="Folder of the ledger.", envvar="ROA_DATA")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of words.")]


def print_json(value: Any) -> None:
    """Print one JSON object on one line."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def shortened(text: str) -> str:
    """Return words with long keys and signatures cut after 16 characters; say then where they are in full."""
    return _LONG.sub(r"\1\2…", text)


def fail(message: str, code: int = REFUSED) -> NoReturn:
    """Say what is wrong and what to do, and stop with an exit code."""
    err.print(f"roa: {message}", style="bold red" if err.is_terminal else None, markup=False)
    raise typer.Exit(code)


def settings_of_environment(**given: Any) -> Settings:
    """Return the settings that the environment names; wrong use where one of them cannot be read."""
    try:
        return Settings(**given)
    except ValidationError as error:
        first = error.errors()[0]
        fail(f"ROA_{'_'.join(map(str, first['loc'])).upper()}: {first['msg']}", WRONG_USE)


def new_passphrase(files: LedgerFiles, settings: Settings) -> bytes:
    """Return the passphrase for keys that are made now: of the file that is set, or a new one, kept."""
    if settings.passphrase_file is None:
        return make_passphrase(files)
    passphrase = settings.passphrase_file.read_bytes().strip()
    if not passphrase:
        fail(f"{settings.passphrase_file} is empty: it holds the passphrase of the keys", WRONG_USE)
    return passphrase


def ledger_in(data: Path, settings: Settings) -> LedgerFiles:
    """Return where the ledger in a folder keeps its files; wrong use where there is none."""
    try:
        return existing_files(data, settings)
    except Absent as error:
        fail(str(error), WRONG_USE)


@contextmanager
def opened(data: Path, *, writes: bool = False) -> Iterator[House]:
    """Open the ledger in a folder for one command.

    Raises:
        Rollback, Split, Corrupt: the command writes, and database and anchor do not agree.
    """
    settings = settings_of_environment()
    ledger_in(data, settings)
    house = open_house(data, settings)
    try:
        if writes and house.fault is not None:
            raise house.fault
        yield house
    finally:
        close_house(house)


@contextmanager
def spoken_errors() -> Iterator[None]:
    """Turn errors of ours into one sentence and an exit code."""
    try:
        yield
    except Rollback as error:
        fail(str(error), ROLLBACK)
    except Split as error:
        fail(str(error), SPLIT)
    except (LedgerError, ClientError) as error:
        # A setting is wrong then: nothing was refused to anybody.
        fail(str(error), WRONG_USE if error.code in _SETTINGS else REFUSED)
    except (
        FileNotFoundError,
        FileExistsError,
        IsADirectoryError,
        NotADirectoryError,
        PermissionError,
    ) as error:
        fail(f"{error.filename}: {error.strerror}" if error.filename else str(error), WRONG_USE)


def read_input(path: str) -> bytes:
    """Return a file's bytes, or standard input's for `-`."""
    return sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes()


def learner_of(house: House, name: str, reader: Reader) -> UUID:
    """Return the learner whom an id names, or an NSN, blanks and a missing leading zero allowed.

    Who looks somebody up by the number is kept before the answer is used, as `reader` says. Exit 1 where
    the NSN is nobody's, wrong use where it is neither.
    """
    digits = name.replace(" ", "")
    if digits.isdigit():
        found = house.ledger.vault.people([digits.zfill(NSN_DIGITS)])
        if not found:
            fail("no learner with this NSN is known here")
        learner = next(iter(found.values())).learner_id
        if house.ledger.store.newest_of_each([learner]):  # else it is only a reservation: nothing is known
            house.issuer.accesses.write(reader, {learner: NUMBER})
        return learner
    return uuid_of(name, "a learner is named by an id or an NSN")


def uuid_of(text: str, rule: str) -> UUID:
    """Return the id that somebody typed; wrong use, with the rule in words, where it is none."""
    try:
        return UUID(text)
    except ValueError:
        fail(f"that is no id: {rule}", WRONG_USE)
