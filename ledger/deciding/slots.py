"""Places in status lists: drawn at random, never twice, the next list opened at 75 %.

Source: CREDENTIALS.md 5.
"""

import secrets
from uuid import UUID

from ledger.commands.base import Slot
from ledger.deciding.loads import Loads
from ledger.domain.claims import SLOT, slot_claim, slot_prefix
from ledger.domain.organisation import Organisation

STATUS_LIST_SIZE = 131_072
STATUS_LIST_FULL_AT = STATUS_LIST_SIZE * 3 // 4


class Slots:
    """Draws places in a provider's status lists: at random, never twice, the next list at 75 %."""

    def __init__(self, actor: Organisation, loads: Loads) -> None:
        self._number, self._loads = actor.number or 0, loads
        self._list, self._used = 0, STATUS_LIST_FULL_AT
        self._drawn: set[bytes] = set()

    def draw(self, credential_id: UUID) -> Slot:
        """Return a free place for a new credential."""
        while self._used >= STATUS_LIST_FULL_AT:
            self._list += 1
            self._used = self._loads.taken_count(SLOT, slot_prefix(self._number, self._list))
        while True:
            index = secrets.randbelow(STATUS_LIST_SIZE)
            key = slot_claim(self._number, self._list, index).key
            if key not in self._drawn and not self._loads.taken(SLOT, [key]):
                self._drawn.add(key)
                self._used += 1
                return Slot(self._list, index, credential_id)
