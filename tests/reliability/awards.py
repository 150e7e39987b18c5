"""A thousand awards are revoked at once, from many threads, some of them again and again.

None is lost, none is revoked twice, and the status lists that are made afterwards have exactly those bits.

Source: LEDGER.md 9, P1 and P2; 6 (group commit for concurrent posts).
"""

import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from random import Random
from uuid import UUID

from api.client.submission import Submission
from ledger.deciding.batch import ACCEPTED, Outcome
from ledger.domain.award import Award, AwardRevoked, MicrocredentialAwarded
from ledger.domain.status_list import StatusListChanged
from ledger.errors import Unavailable
from projections.catalogue import Views
from projections.exports.status_list import StatusBits
from projections.issuing import Issuer
from tests.reliability.harness import Campaign, Line, Setting, Trials
from tests.reliability.power import faults, recorded
from tests.support.documents import spaced
from tests.support.ledgers import PROVIDER_KEY, House, a_full_ledger, people, statement

THREADS = 32
REPEATED = 10  # of a hundred awards are revoked by two submissions, and as many by one that is sent twice
LEFT = 50  # awards that stay in force
BUSY_TRIES = 1_000


@dataclass(frozen=True, slots=True)
class Revoked:
    """What came of it.

    awards: those that were to be revoked; as many more are left as they are.
    answers: what each submission was answered.
    """

    house: House
    awards: Sequence[UUID]
    answers: Sequence[tuple[Submission, Outcome]]


def revoke_at_once(folder: Path, count: int, chance: Random) -> Revoked:
    """Make a ledger with more awards than these, and revoke so many from many threads at once."""
    house = a_full_ledger(folder, people(count + LEFT))
    held = house.ledger.store.select_notifications(None, 10 * count, topics=(MicrocredentialAwarded.TOPIC,))
    awards = chance.sample([UUID(str(one.originator_id)) for one in held], count)
    posts = [_revocation(house, award) for award in awards]
    again = [_revocation(house, award) for award in awards[: count * REPEATED // 100]]
    posts += [*again, *again]  # by somebody else too, whose bytes are sent twice
    chance.shuffle(posts)
    together = threading.Barrier(THREADS)

    def work(mine: Sequence[Submission]) -> list[tuple[Submission, Outcome]]:
        together.wait()
        return [(submission, _answered(house, submission)) for submission in mine]

    with ThreadPoolExecutor(THREADS) as pool:
        done = list(pool.map(work, [posts[at::THREADS] for at in range(THREADS)]))
    return Revoked(house, awards, [one for part in done for one in part])


def _revocation(house: House, award: UUID) -> Submission:
    said = statement("award.revoked", award=award, reason="integrity", effective_on="2026-10-01")
    return house.build(PROVIDER_KEY, [said])


def _answered(house: House, submission: Submission) -> Outcome:
    for _ in range(BUSY_TRIES):
        try:
            (outcome,) = house.send(submission)
        except Unavailable:
            continue  # too many at once: a provider posts again, too
        return outcome
    raise AssertionError("the ledger was busy a thousand times")


def wrongs(done: Revoked) -> Iterator[str]:
    """Yield whatever is not as it was answered, or not once."""
    house = done.house
    found = house.ledger.store.select_notifications(None, 10**6, topics=(AwardRevoked.TOPIC,))
    recorded_of = Counter(UUID(str(one.originator_id)) for one in found)
    places = {one.id for one in found}
    if lost := len(set(done.awards) - recorded_of.keys()):
        yield f"{lost} revocations are lost"
    if twice := [award for award, times in recorded_of.items() if times > 1]:
        yield f"{len(twice)} awards are revoked twice"
    if recorded_of.keys() - set(done.awards):
        yield "awards are revoked that nobody named"
    for submission, outcome in done.answers:
        # Who was second is told where the first is recorded.
        wanted = {0: outcome.position} if outcome.status == ACCEPTED else {}
        if outcome.position not in places or recorded(house, submission) != wanted:
            yield f"answered {outcome.status} at {outcome.position}, and recorded elsewhere"
    yield from _wrong_bits(done)
    yield from faults(house)


def _wrong_bits(done: Revoked) -> Iterator[str]:
    """Compare the status lists, as they are recorded and shown, with the awards that were revoked."""
    ledger = done.house.ledger
    wanted: dict[tuple[int, int], StatusBits] = {}
    for award in ledger.get_many(done.awards).values():
        assert isinstance(award, Award)
        bits = wanted.setdefault((award.awarded_by, award.status_list), StatusBits())
        bits.set(award.status_index)
    views = Views(ledger)
    views.catch_up()
    Issuer(ledger, done.house.publisher(), views).status_lists.record_changes()
    shown = {one: StatusBits(views.status.revoked(*one) or b"") for one in views.status.lists()}
    views.close()
    if {one: bits.digest() for one, bits in shown.items()} != {
        one: bits.digest() for one, bits in wanted.items()
    }:
        yield "status lists show other awards than were revoked"
    changed = ledger.store.select_notifications(None, 10**6, topics=(StatusListChanged.TOPIC,))
    newest = [ledger.mapper.to_domain_event(one).bits_sha256 for one in changed][-len(wanted) :]
    if set(newest) != {bits.digest() for bits in wanted.values()}:
        yield "the recorded digest of a status list is of other bits"


def run(setting: Setting) -> list[Line]:
    """Revoke as many awards as there are trials, at once."""
    trials = Trials("awards")
    done = revoke_at_once(setting.folder / "ledger", setting.trials, Random(setting.seed))
    trials.add(setting.seed, wrongs(done))
    groups = done.house.ledger.store.database.sharing
    done.house.close()
    seen = (
        f"{spaced(len(done.awards))} revocations, {spaced(len(done.answers))} posts: none lost, none twice,"
        f" status lists with exactly those bits; {spaced(groups.requests)} writes in"
        f" {spaced(groups.groups)} flushes"
    )
    return [trials.line(f"awards revoked at once by {THREADS} threads, some twice", seen)]


AWARDS = Campaign("awards", "P1, P2", run, trials=1_000)
