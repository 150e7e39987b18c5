"""What privacy officers say: that a learner is to be forgotten, that it is approved, that it is taken back.

An officer signs with a key of their own, registered to the regulator for the purpose `forgetting`.

Source: LEDGER.md 4; docs/for-privacy-officers.md.
"""

from typing import Any
from uuid import UUID

from api.client.jose import Signer
from api.client.submission import build, organisation_id
from api.house import House
from api.operations.registrar import check_recorded
from ledger.deciding.batch import Outcome
from ledger.statements import read_submission


def request(
    house: House, signer: Signer, learner: UUID, basis: str, authority: str, *, level: int = 1
) -> tuple[UUID, int]:
    """Ask for a learner to be forgotten; return the id of the request and the position of its record.

    Raises:
        Refusal: the rules say no, with the code of the finding.
        Unauthorised: the key is not one of the regulator's for forgetting.
    """
    members = {"learner": str(learner), "level": level, "basis": basis, "authority": authority}
    outcome = _say(house, signer, "forgetting.requested", members)
    assert outcome.position is not None, "what is not recorded is refused"
    (record,) = house.ledger.store.select_notifications(outcome.position, 1)
    return UUID(str(record.originator_id)), outcome.position


def approve(house: House, signer: Signer, forgetting: UUID) -> Outcome:
    """Approve a request as the second person; what follows is `House.forget`. Raises as `request`."""
    return _say(house, signer, "forgetting.approved", {"forgetting": str(forgetting)})


def withdraw(house: House, signer: Signer, forgetting: UUID) -> Outcome:
    """Take a request back that nobody has approved yet. Raises as `request`."""
    return _say(house, signer, "forgetting.withdrawn", {"forgetting": str(forgetting)})


def _say(house: House, signer: Signer, kind: str, members: dict[str, Any]) -> Outcome:
    ledger = house.ledger
    founding = ledger.founding
    submission = build(
        [{"type": kind, "v": 1, **members}],
        signer=signer,
        organisation=organisation_id(founding.registrar_number),
        origin=founding.origin,
        now_s=ledger.clock.now_us() // 1_000_000,
    )
    received = read_submission(list(submission.lines()), origin=founding.origin)
    (outcome,) = check_recorded(ledger.submit(received))
    return outcome
