"""What the tests of this room share: a ledger where Ana and Ben are registered, with its access log."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from ledger.access import AccessLog, Listed
from ledger.access.rows import OWN, RECORD_PAGE, Reader
from ledger.audit import Report
from ledger.database import connect
from tests.support.forgetting import learner_id
from tests.support.ledgers import House, a_ledger
from tests.support.world import ANA, BEN, Human


@dataclass
class Reads:
    """A ledger and who reads in it; `reopen` is a new start of the process."""

    house: House
    log: AccessLog
    ids: dict[str, UUID]

    def read(self, human: Human, reader: Reader = OWN, what: str = RECORD_PAGE, times: int = 1) -> None:
        """Have somebody's record read."""
        for _ in range(times):
            self.log.write(reader, {self.ids[human.nsn]: what})

    def of(self, human: Human, **options: Any) -> Listed:
        """Return what a learner is shown."""
        return self.log.of(self.ids[human.nsn], **options)

    def next_day(self) -> None:
        """Let a day pass."""
        self.house.clock.advance(timedelta(days=1))

    def close_day(self) -> int:
        """Let a day pass and close it."""
        self.next_day()
        return self.log.days.close()

    def reopen(self) -> None:
        """End this process and begin another one."""
        self.log.close()
        self.house.reopen()
        self.log = AccessLog(self.house.ledger)

    def audit(self, *, with_keys: bool = True) -> Report:
        """Audit what is published by now."""
        self.house.publish()
        return self.house.audit(with_keys=with_keys)

    def tamper(self, *statements: str) -> None:
        """Change the file behind the log's back."""
        connection = connect(self.house.files.access)
        for statement in statements:
            connection.execute(statement)
        connection.close()


@pytest.fixture
def reads(tmp_path: Path) -> Iterator[Reads]:
    """A ledger where Ana and Ben are registered, and nobody has read anything."""
    house = a_ledger(tmp_path)
    house.register(ANA, BEN)
    made = Reads(
        house, AccessLog(house.ledger), {human.nsn: learner_id(house, human) for human in (ANA, BEN)}
    )
    yield made
    made.log.close()
    house.close()
