"""Documents that leave: an Open Badge signed, and a bundle verified by the independent verifier."""

from pathlib import Path
from uuid import UUID

from api.client.verify import Result, Trust, verify
from benchmarks.harness import Benchmark, Stopwatch
from benchmarks.study import teach
from ledger.access.rows import OWN
from ledger.clock import FixedClock
from projections.catalogue import Views
from projections.issuing import Issuer
from tests.support.ledgers import House, a_study_ledger
from tests.support.world import PROVIDER

LEARNERS = 20


def an_issuer(
    folder: Path, number: int = LEARNERS, clock: FixedClock | None = None
) -> tuple[House, Issuer, list[UUID]]:
    """Return an issuer, and learners who hold a published award; its caches are warm."""
    house = a_study_ledger(folder, clock)
    house.key(f"{PROVIDER}.credential", PROVIDER, "credential")
    humans = teach(house, number)
    known = house.ledger.vault.people([human.nsn for human in humans])
    views = Views(house.ledger)
    issuer = Issuer(house.ledger, house.publisher(), views)
    views.catch_up()
    issuer.status_lists.record_changes()
    house.publish()
    views.catch_up()
    learners = [person.learner_id for person in known.values()]
    issuer.export(learners[0], "bundle", reader=OWN)
    return house, issuer, learners


def signed(folder: Path, watch: Stopwatch) -> int:
    """Make and sign an Open Badge 3.0 for each award: receipt, canonical form (PyLD), Ed25519."""
    _, issuer, learners = an_issuer(folder)
    with watch:
        for learner in learners:
            issuer.export(learner, "ob3", reader=OWN)
    return len(learners)


def verified(folder: Path, watch: Stopwatch) -> int:
    """Verify as many bundles: nine checks of each, offline."""
    house, issuer, learners = an_issuer(folder)
    bundles = [issuer.export(learner, "bundle", reader=OWN).data for learner in learners]
    trust = Trust.parse(issuer.trust_file()[0])
    now_us = house.clock.now_us()
    verify(bundles[0], trust=trust, now_us=now_us)  # contexts are read once
    with watch:
        verdicts = [verify(bundle, trust=trust, now_us=now_us) for bundle in bundles]
    assert not any(check.result is Result.FAILED for verdict in verdicts for check in verdict.checks)
    return len(verdicts)


BENCHMARKS = (
    Benchmark("badges signed", "badges", signed),
    Benchmark("bundles verified", "bundles", verified, beside="badges signed"),
)
