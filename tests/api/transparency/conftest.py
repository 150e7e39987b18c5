"""What the tests of this room share: a log of more than two full tiles."""

from collections.abc import Iterator

import pytest

from tests.api.door import Door, a_door
from tests.support.ledgers import people


@pytest.fixture(scope="session")
def log(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    """A published log of more than 600 records, with 160 more that are durable and not published.

    Tests only look at it.
    """
    opened = a_door(tmp_path_factory.mktemp("log") / "ledger")
    opened.ledger.register(*people(600))
    opened.house.catch_up()
    opened.ledger.register(*people(160, first=1000))
    yield opened
    opened.close()
