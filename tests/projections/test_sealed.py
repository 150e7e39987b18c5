"""Nothing sealed is in the views' file: not a name, not an NSN, not a birth date, not a reference."""

from datetime import date
from pathlib import Path

from projections.catalogue import Views
from tests.support.ledgers import a_study_ledger
from tests.support.world import Human, reference, synthetic_nsn

CANARIES = (
    Human(synthetic_nsn(31), "Xanthippe", "Quetzalcoatl", date(1987, 6, 5)),
    Human(synthetic_nsn(32), "Zebedee", "Featherstonehaugh", date(1986, 4, 3)),
)


def secrets_of(human: Human) -> list[str]:
    """Return everything about a learner that is sealed or kept in the vault."""
    born = human.date_of_birth.isoformat()
    return [human.nsn, human.nsn[1:], human.given, human.family, human.name_id, born, reference(human)]


def bytes_of(folder: Path) -> bytes:
    """Return the views' file with everything beside it: write-ahead log and shared memory."""
    paths = sorted(folder.glob("views.sqlite*"))
    assert any(path.name.endswith("-wal") and path.stat().st_size for path in paths)
    return b"".join(path.read_bytes() for path in paths)


def test_no_sealed_value_is_in_the_file_of_the_views(tmp_path):
    """After folding, a rebuild and a record made, file and write-ahead log hold none of the canaries."""
    house = a_study_ledger(tmp_path)
    views = Views(house.ledger, batch=3)
    for human in CANARIES:
        house.register(human)
        house.enrol(human)
        house.passed(human)
        house.award(human)
        views.catch_up()
    views.rebuild()
    house.publish()

    learner, _ = views.record_of_achievement.learner_with_most_awards()
    record = views.record(learner)
    held = bytes_of(tmp_path)

    # The canaries sing where they may: unsealed for the record, which knows the published tree too.
    assert record.learner.legal_name in {f"{human.given} {human.family}" for human in CANARIES}
    assert record.tree.size == house.size()
    assert b"LO1" in held
    for human in CANARIES:
        for secret in secrets_of(human):
            for encoding in ("utf-8", "utf-16-le"):
                assert secret.encode(encoding) not in held, (
                    f"a sealed value of kind {secrets_of(human).index(secret)}"
                )
