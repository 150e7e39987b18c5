"""A small ledger behind its doors, asked as programs ask, with a background that works when it is told to.

    door = a_door(tmp_path)                            # 95001 and 95002 may deliver 6022; Ana and Ben study
    answer = door.post_csv(results_csv([(ANA, "LO1", "A")]))
    answer = door.get(f"/v1/submissions/{answer.json()['submission']}", PROVIDER)

Organisations are named by their numbers; each gets a token when it first needs one.
"""

import shutil
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from httpx2 import Response
from starlette.testclient import TestClient

from api.app import create_app
from api.client.submission import Submission, organisation_id
from api.house import House, furnish
from api.providers.posting import Desk
from api.settings import Settings
from ledger.founding import RECEIPT
from ledger.store.recorder import Head
from tests.support import ledgers
from tests.support.ledgers import a_study_ledger, open_house
from tests.support.world import ANA, BEN, PROVIDER, Human, reference

OTHER = 95002
OTHER_KEY = "95002.submission"
_RESULTS = "row_ref,nsn,name_id,date_of_birth,mc_code,outcome_id,enrolment_ref,grade,assessed_on"
_ENROLMENTS = "row_ref,nsn,name_id,date_of_birth,enrolment_ref,mc_code,start_on,mode,language,funding"


@dataclass
class Door:
    """A ledger, its house, and a client that follows nothing."""

    ledger: ledgers.House
    house: House = field(init=False)
    tokens: dict[int, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Put a house around the ledger."""
        self.house = furnish(self.ledger.ledger, Settings())

    @cached_property
    def client(self) -> TestClient:
        """A client of an application whose background does not run by itself."""
        return TestClient(create_app(self.house), follow_redirects=False, raise_server_exceptions=False)

    @property
    def desk(self) -> Desk:
        """The desk behind the providers' door."""
        found: Desk = self.client.app.state.desk  # type: ignore[attr-defined]
        return found

    def head(self) -> Head:
        """Return what the ledger holds: equal before and after means that nothing was written."""
        return self.ledger.ledger.store.head()

    def jobs(self) -> int:
        """Return the number of submissions that are kept with their outcomes."""
        reader = self.ledger.ledger.jobs._database.reader
        return int(reader.execute("SELECT COUNT(*) FROM job").fetchone()[0])

    # -------------------------------------------------------------- asking

    def token(self, number: int) -> str:
        """Return a token of an organisation."""
        if number not in self.tokens:
            now_us = self.ledger.clock.now_us()
            self.tokens[number] = self.house.tokens.make(organisation_id(number), now_us)
        return self.tokens[number]

    def get(self, path: str, number: int | None = None, accept: str = "application/json") -> Response:
        """Ask for something, with the token of an organisation or without any."""
        return self.client.get(path, headers={"Accept": accept, **self._authorised(number)})

    def post_csv(
        self, data: bytes | Iterable[bytes], number: int | None = PROVIDER, *, query: str = "", **headers: str
    ) -> Response:
        """Post a file under an organisation's token."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.client.post(
            f"/v1/submissions{query}",
            content=data,
            headers={"Content-Type": "text/csv; charset=utf-8", **self._authorised(number), **sent},
        )

    def post_signed(self, content: Submission | bytes | Iterable[bytes]) -> Response:
        """Post what somebody signed, or what is not even that."""
        body = content.body() if isinstance(content, Submission) else content
        return self.client.post(
            "/v1/submissions", content=body, headers={"Content-Type": "application/jsonl"}
        )

    def _authorised(self, number: int | None) -> dict[str, str]:
        return {} if number is None else {"Authorization": f"Bearer {self.token(number)}"}

    # -------------------------------------------------------------- what goes on beside

    def hold_background(self) -> None:
        """Have large submissions wait, as behind a desk whose background is busy."""
        self.desk._thread = threading.current_thread()

    def work(self) -> None:
        """Do what the background does from its start until it is told to stop."""
        self.desk._waiting.put(None)
        self.desk._work()

    def restart(self) -> None:
        """Let the process go, whatever waits in it, and open the same files in a new one."""
        self.house.views.close()
        self.ledger.reopen()
        self.house = furnish(self.ledger.ledger, Settings())
        vars(self).pop("client", None)

    def receipt_jwk(self) -> dict[str, str]:
        """Return the public key by which the ledger signs acknowledgements."""
        return self.ledger.keystore.get(RECEIPT).public_key_jwk()

    def close(self) -> None:
        """Close every file."""
        self.house.views.close()
        self.ledger.close()


def a_door(folder: Path, *humans: Human) -> Door:
    """Return a ledger where 95001 and 95002 may deliver 6022 and Ana, Ben (or others) study at 95001."""
    ledger = a_study_ledger(folder)
    ledger.organisation(OTHER, "provider")
    ledger.key(OTHER_KEY, OTHER)
    ledger.accredited(OTHER)
    ledger.register(*(humans or (ANA, BEN)))
    ledger.enrol(*(humans or (ANA, BEN)))
    return Door(ledger)


def made_once(folder: Path) -> Path:
    """Make the files of `a_door`, for `copy_of`: a ledger of one's own costs a test hardly anything then."""
    a_door(folder).close()
    return folder


def copy_of(made: Path, folder: Path) -> Door:
    """Return a ledger of one's own on a copy of those files."""
    shutil.copytree(made, folder)
    ledger = open_house(folder)
    ledger.speakers[OTHER_KEY] = organisation_id(OTHER)
    return Door(ledger)


def results_csv(rows: Sequence[tuple[Human, str, str]], *, first: int = 1) -> bytes:
    """Return a results file: (whose, which outcome, grade) for each row; called R-1, R-2, and so on."""
    lines = [
        f"R-{number},{who.nsn},{who.name_id},{who.date_of_birth},6022,{outcome},{reference(who)},{grade},2026-03-02"
        for number, (who, outcome, grade) in enumerate(rows, first)
    ]
    return _file(_RESULTS, lines)


def enrolments_csv(humans: Sequence[Human]) -> bytes:
    """Return an enrolments file with a row for each of them."""
    return _file(_ENROLMENTS, [enrolment_line(number, who) for number, who in enumerate(humans, 1)])


def enrolment_line(number: int, who: Human, **changes: Any) -> str:
    """Return one row of an enrolments file, with cells changed."""
    cells = {
        "row_ref": f"N-{number}",
        "nsn": who.nsn,
        "name_id": who.name_id,
        "date_of_birth": str(who.date_of_birth),
        "enrolment_ref": reference(who),
        "mc_code": "6022",
        "start_on": "2026-01-12",
        "mode": "workplace",
        "language": "en",
        "funding": "employer",
    }
    return ",".join({**cells, **changes}.values())


def enrolments_file(lines: Iterable[str]) -> bytes:
    """Return an enrolments file of rows that were made one by one."""
    return _file(_ENROLMENTS, lines)


def _file(header: str, lines: Iterable[str]) -> bytes:
    return "".join(f"{line}\n" for line in (header, *lines)).encode()


def statuses(answer: Response) -> list[str]:
    """Return what became of each row."""
    return [row["status"] for row in answer.json()["rows"]]


def codes(answer: Response) -> list[list[str]]:
    """Return the codes of each row's findings."""
    return [[found["code"] for found in row["findings"]] for row in answer.json()["rows"]]
