"""How far a record has come, in every answer of the ledger: durable, published, witnessed."""

from datetime import timedelta

import pytest
from starlette.testclient import TestClient

from api.app import create_app
from api.client.submission import organisation_id
from api.house import close_house, files_of, furnish
from api.settings import Settings
from ledger.errors import Malformed
from ledger.log.note import parse_note
from ledger.log.policy import parse_policy
from tests.api.door import results_csv
from tests.support.ledgers import a_study_ledger
from tests.support.witnessing import Network, dead
from tests.support.world import ANA, PROVIDER


@pytest.fixture
def ledger(tmp_path):
    """A ledger where Ana studies."""
    made = a_study_ledger(tmp_path / "ledger")
    made.register(ANA)
    made.enrol(ANA)
    return made


@pytest.fixture
def network(tmp_path, ledger):
    """Two witnesses, both of which its policy asks for."""
    made = Network(tmp_path / "witnesses", ledger, 2)
    ledger.files.policy.write_text(made.policy(2))
    yield made
    made.close()


@pytest.fixture
def house(ledger, network):
    """The open ledger with that policy."""
    made = furnish(ledger.ledger, Settings(), transport=network)
    yield made
    close_house(made)


def client_of(house):
    """Return a client of the whole application."""
    return TestClient(create_app(house), follow_redirects=False, raise_server_exceptions=False)


def test_a_submission_goes_from_durable_to_published_to_witnessed(house, ledger, network):
    """In the providers' answers, and in the receipt of the record, which is proven under what was seen."""
    client = client_of(house)
    token = house.tokens.make(organisation_id(PROVIDER), ledger.clock.now_us())
    headers = {"Authorization": f"Bearer {token}"}
    posted = client.post(
        "/v1/submissions",
        content=results_csv([(ANA, "LO1", "A")]),
        headers={**headers, "Content-Type": "text/csv"},
    ).json()
    position = posted["rows"][0]["position"]
    path = f"/v1/submissions/{posted['submission']}"
    answering = dict(network.answers)
    network.answers.update(dict.fromkeys(answering, dead))
    house.catch_up()
    published = _seen(client, path, headers, position)
    network.answers.update(answering)
    ledger.clock.advance(timedelta(minutes=1))

    house.catch_up()

    witnessed = _seen(client, path, headers, position)
    assert posted["state"] == "durable"
    assert (published[0], published[1]["state"]) == ("published", "published")
    assert (witnessed[0], witnessed[1]["state"]) == ("witnessed", "witnessed")
    assert witnessed[1]["proof"].endswith(house.publisher.served().note)


def _seen(client, path, headers, position):
    return client.get(path, headers=headers).json()["state"], client.get(f"/v1/receipts/{position}").json()


def test_the_served_checkpoint_meets_the_served_policy(house):
    """Whoever reads both needs nothing else: log, witnesses, quorum."""
    house.catch_up()
    client = client_of(house)

    policy, note = (client.get(f"/log/{name}") for name in ("policy", "checkpoint"))

    found = parse_policy(policy.content)
    assert found.needs_witnesses
    assert len(found.check(parse_note(note.content))) == 4
    assert client.get("/trust.json").json()["witness_policy"] == policy.text


def test_a_policy_elsewhere_counts_where_it_is_set(tmp_path, ledger):
    """ROA_POLICY names the file in place of the one in the folder."""
    elsewhere = tmp_path / "policy-elsewhere"

    files = files_of(ledger.files.folder, Settings(policy=elsewhere))

    assert files.policy == elsewhere
    assert files_of(ledger.files.folder, Settings()).policy == ledger.files.folder / "policy"
    ledger.close()


def test_a_policy_that_cannot_be_used_opens_nothing(ledger):
    """Not silently without witnesses."""
    ledger.files.policy.write_text("quorum everybody\n")

    with pytest.raises(Malformed, match="cannot be used"):
        furnish(ledger.ledger, Settings())
    ledger.close()
