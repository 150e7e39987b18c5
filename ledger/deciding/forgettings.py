"""What statements about forgetting lead to: the learner, and the request that stands.

Requests for learners are few and long apart: what they need is loaded for themselves.

Source: LEDGER.md 4.
"""

from collections.abc import Mapping, Sequence
from uuid import UUID

from ledger.commands.base import Request
from ledger.deciding.batch import Circumstances
from ledger.deciding.loads import Loads
from ledger.domain.base import LedgerAggregate
from ledger.domain.claims import FORGETTING, forgetting_claim
from ledger.domain.forgetting import LEVEL_SEALED, WITHDRAWN, Forgetting, ForgettingRequested
from ledger.domain.learner import Learner
from ledger.ids import uuid7
from ledger.statements import Statement

GROUP = "forgetting"  # of the statements that this is about


class Forgettings:
    """Finds what statements about forgetting are about."""

    def __init__(self, case: Circumstances, loads: Loads, streams: Mapping[UUID, LedgerAggregate]) -> None:
        """Read the loaded streams of a chunk, as the rows before have left them."""
        self._case, self._loads, self._streams = case, loads, streams

    def first(self, statements: Sequence[Statement]) -> set[UUID]:
        """Return the streams that statements name: learners to forget, requests to approve or withdraw."""
        return {one.members.get("learner") or one.members["forgetting"] for one in statements}

    def then(self, statements: Sequence[Statement]) -> set[UUID]:
        """Return the streams that those lead to: requests that stand for the learners, and their learners."""
        named = {one.members["learner"] for one in statements if "learner" in one.members}
        held = self._loads.taken(FORGETTING, [forgetting_claim(learner).key for learner in named])
        found = (
            self._streams.get(one.members["forgetting"]) for one in statements if "forgetting" in one.members
        )
        learners = {one.learner for one in found if isinstance(one, Forgetting)}
        return learners | {UUID(str(record.originator_id)) for record in held.values()}

    def complete(self, request: Request) -> None:
        """Fill a request with the learner and the request to forget that it is about."""
        request.kid = self._case.received.jws.header["kid"]
        if request.type != ForgettingRequested.TOPIC:
            named = self._streams.get(request.members["forgetting"])
            request.forgetting = named if isinstance(named, Forgetting) else None
            return
        learner = self._streams.get(request.members["learner"])
        request.learner = learner if isinstance(learner, Learner) else None
        request.forgetting = self._stands_for(request.members["learner"])
        request.new_id = uuid7(self._case.now_us)

    def _stands_for(self, learner: UUID) -> Forgetting | None:
        """Return the request that stands for a learner, be it of a row before in this chunk."""
        for one in self._streams.values():
            stands = isinstance(one, Forgetting) and one.level == LEVEL_SEALED and one.state != WITHDRAWN
            if isinstance(one, Forgetting) and stands and one.learner == learner:
                return one
        return None
