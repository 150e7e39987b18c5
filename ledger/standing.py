"""How a record stands: by the key that signed its statement, at its position.

What a key signed stays valid for ever, unless the key is declared stolen from some position on:
then what it signed from there is suspect, until its organisation reaffirms or annuls it.

Source: LEDGER.md 2 (keys count by log position).
"""

from collections.abc import Iterable, Iterator, Sequence

from ledger.authority import AUTHORITY_TOPICS
from ledger.keys.keyring import ANNULLED, VALID, Keyring, RegisteredKey
from ledger.keys.signer import jws_read
from ledger.mapper import LedgerNotification, public_state
from ledger.store.sqlite import LedgerRecorder

_BATCH = 1000


class Standings:
    """Answers for the records of one store, under the keys as a register has them."""

    def __init__(self, store: LedgerRecorder, keyring: Keyring) -> None:
        self._store, self._keyring = store, keyring
        self._suspects = [key for key in keyring if key.suspected_from is not None]
        self._kids: dict[int, str] = {}  # by number of a submission

    def of(self, positions: Sequence[int]) -> dict[int, str]:
        """Return the standing of records; those that rest on no statement are valid."""
        found = dict.fromkeys(positions, VALID)
        if not self._suspects:
            return found
        first = min(key.suspected_from or 0 for key in self._suspects)
        later = [position for position in positions if position >= first]
        for position, kid in self._signed_by(later):
            key = self._keyring.get(kid)
            assert key is not None, "whoever signed a record is on the register"
            found[position] = key.standing(position)
        return found

    def signed_by(self, kid: str, positions: Sequence[int]) -> set[int]:
        """Return which of these records rest on a statement that the key signed."""
        return {at for at, signer in self._signed_by(positions) if signer == kid}

    def annulled(self, topic: str) -> Iterator[LedgerNotification]:
        """Yield every record of a topic that was annulled."""
        for key in self._suspects:
            for first, last in key.annulled:
                yield from self._annulled_between(key, topic, first, last)

    def _annulled_between(
        self, key: RegisteredKey, topic: str, first: int, last: int
    ) -> Iterator[LedgerNotification]:
        start = first
        while batch := self._store.select_notifications(start, _BATCH, stop=last, topics=(topic,)):
            signed = self.signed_by(key.kid, [one.id for one in batch])
            for one in batch:
                assert isinstance(one, LedgerNotification)
                if one.id in signed and key.standing(one.id) == ANNULLED:
                    yield one
            start = batch[-1].id + 1

    def _signed_by(self, positions: Sequence[int]) -> Iterable[tuple[int, str]]:
        """Yield (position, thumbprint) of the keys behind those of these records that somebody said."""
        cited = self._store.submissions_at(positions)
        unknown = list(set(cited.values()) - self._kids.keys())
        for number, jws in self._store.submission_tokens(unknown):
            self._kids[number] = jws_read(jws).header["kid"]
        for position, number in cited.items():
            yield position, self._kids[number]
        # What a restore read back without its submission carries the signature by itself.
        apart = [position for position in positions if position not in cited]
        for position, state in self._store.states_apart(apart, AUTHORITY_TOPICS) if apart else ():
            said = public_state(state)[1]
            assert said is not None, "what is about the register was said"
            yield position, jws_read(said.jws).header["kid"]
