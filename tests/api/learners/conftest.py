"""What the tests of this room share: one small site, which they only look at."""

from collections.abc import Iterator

import pytest

from tests.api.web.site import Site, a_site


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A demonstration ledger behind its doors, with something on every page."""
    made = a_site(tmp_path_factory.mktemp("site") / "ledger")
    yield made
    made.close()
