"""Publishing goes on by itself after whatever stopped it for a while."""

from pathlib import Path

import pytest

from api.house import furnish
from api.operations.background import Background
from api.settings import Settings
from ledger.errors import Unavailable
from ledger.publisher import latest
from tests.support.ledgers import a_ledger


def test_a_full_disk_at_the_anchors_place_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """No space for tiles: nothing is signed, the thread lives on, and publishes when there is room."""
    made = a_ledger(tmp_path)
    house = furnish(made.ledger, Settings())
    background = Background(house)

    def full(*_arguments: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as stopped:
        stopped.setattr("ledger.store.anchor.replace_file", full)
        with pytest.raises(Unavailable, match="No space left on device"):
            house.publisher.publish()
        background._turn()
        nothing = latest(made.ledger.store.database.reader)
    background._turn()
    published = latest(made.ledger.store.database.reader)
    house.views.close()
    made.close()

    assert nothing is None
    assert published is not None
    assert published.size > 0
