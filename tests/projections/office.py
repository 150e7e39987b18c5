"""A ledger whose documents can be asked for: Ana and Ben hold awards of 95001, which signs for itself.

office = an_office(tmp_path)                       # Ana and Ben awarded, published, folded
first = office.award(ANA)                          # the signed Open Badge, and where its signing stands
office.reopen()                                    # the process ends, another one begins
assert office.award(ANA) == first
"""

import shutil
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

from api.client.submission import organisation_id
from api.client.verify import Trust, Verdict, verify
from ledger.access.rows import OWN
from ledger.domain.credential import CredentialIssued
from ledger.domain.status_list import StatusListChanged
from ledger.founding import CREDENTIAL, REGISTRAR
from ledger.keys.keystore import custody_label
from ledger.keys.signer import Signer
from ledger.publisher import Publisher
from projections.catalogue import Views
from projections.credentials import Issued
from projections.issuing import Issuer
from tests.support.ledgers import House, a_study_ledger, open_house, registration_of, statement
from tests.support.world import ANA, BEN, PROVIDER, Human

KEY = custody_label(PROVIDER, CREDENTIAL)


@dataclass
class Office:
    """One ledger with its publisher, its views and whoever issues documents."""

    house: House
    publisher: Publisher = field(init=False)
    views: Views = field(init=False)
    issuer: Issuer = field(init=False)

    def __post_init__(self) -> None:
        """Begin as a process does."""
        self.furnish(self.house.publisher())

    def furnish(self, publisher: Publisher) -> None:
        """Open views and documents around a publisher."""
        self.publisher = publisher
        self.views = Views(self.house.ledger)
        self.issuer = Issuer(self.house.ledger, publisher, self.views)

    def close(self) -> None:
        """Close every file."""
        self.issuer.close()
        self.views.close()
        self.house.close()

    def reopen(self) -> None:
        """End this process and begin another one."""
        self.close()
        self.reopen_files()

    def reopen_files(self) -> None:
        """Begin another process after everything was closed."""
        self.house = open_house(self.house.files.folder, self.house.clock)
        self.furnish(self.house.publisher())

    def reopen_views(self) -> None:
        """Open views and documents again that were closed, in the same process."""
        self.issuer.close()
        self.furnish(self.publisher)

    def beside(self) -> "Office":
        """Return another process on the same files."""
        return Office(open_house(self.house.files.folder, self.house.clock))

    # -------------------------------------------------------------- the operator's side

    def turn(self) -> int:
        """Do what the background does at each turn; return how many lists were found changed."""
        self.views.catch_up()
        changed = self.issuer.status_lists.record_changes()
        self.publisher.publish()
        self.views.catch_up()
        return changed

    def trust(self) -> Trust:
        """Return the trust file as a verifier reads it."""
        content, signature = self.issuer.trust_file()
        return Trust.parse(content, signature.encode())

    def verdict(self, data: bytes) -> Verdict:
        """Return what the kit says of a document or a bundle."""
        return verify(data, trust=self.trust(), fetch=None, now_us=self.house.clock.now_us())

    # -------------------------------------------------------------- documents

    def learner(self, human: Human) -> UUID:
        """Return the ledger's id of somebody."""
        return self.house.ledger.vault.people([human.nsn])[human.nsn].learner_id

    def held(self, human: Human) -> Any:
        """Return somebody's record as the view holds it."""
        held = self.views.record_of_achievement.held(self.learner(human))
        assert held is not None
        return held

    def award(self, human: Human) -> Issued:
        """Ask for the document of somebody's first award."""
        held = self.held(human)
        return self.issuer.credentials.award(held, held.awards[0])

    def record(self, human: Human) -> tuple[Issued, list[Issued]]:
        """Ask for somebody's whole record."""
        return self.issuer.credentials.record(self.held(human))

    def bundle(self, human: Human) -> bytes:
        """Ask for the bundle of somebody's first award."""
        award = self.held(human).awards[0].award_id
        return self.issuer.export(self.learner(human), "bundle", award, reader=OWN).data

    # -------------------------------------------------------------- what stands in the log

    def records(self, topic: str) -> list[Any]:
        """Return (position, event) of every record of a topic; what is sealed stays sealed."""
        ledger = self.house.ledger
        found = ledger.store.select_notifications(1, 10_000, topics=(topic,))
        return [(one.id, ledger.mapper.to_domain_event(one)) for one in found]

    def issued(self) -> list[int]:
        """Return the positions of all that says that a document was signed."""
        return [position for position, _ in self.records(CredentialIssued.TOPIC)]

    def changes(self) -> list[StatusListChanged]:
        """Return every digest of a list that was recorded."""
        return [event for _, event in self.records(StatusListChanged.TOPIC)]

    # -------------------------------------------------------------- what becomes of keys

    def key_in_use(self) -> Signer:
        """Return the key with which the provider signs documents now."""
        return self.house.ledger.signer(KEY, organisation_id(PROVIDER), CREDENTIAL)

    def next_key(self) -> Signer:
        """Make and register the provider's next credential key."""
        signer = self.house.keystore.create_next(KEY)
        self.house.must(REGISTRAR, [registration_of(signer, PROVIDER, CREDENTIAL)])
        return signer

    def retire(self, kid: str) -> None:
        """Retire a key of the provider."""
        self.house.must(
            REGISTRAR, [statement("key.retired", organisation=PROVIDER, kid=kid, **{"from": "2026-11-22"})]
        )

    def revoke(self, kid: str, suspected_from: int | None = None, organisation: int | str = PROVIDER) -> None:
        """Revoke a key."""
        said = statement(
            "key.revoked",
            organisation=organisation,
            kid=kid,
            reason="stolen",
            suspected_from=suspected_from,
        )
        self.house.must(REGISTRAR, [said])

    def settle(self, what: str, kid: str, first: int, last: int) -> None:
        """Reaffirm or annul what a suspected key signed."""
        said = statement(f"key.{what}", organisation=PROVIDER, kid=kid, first=first, last=last)
        self.house.must(REGISTRAR, [said])

    def revoke_award(self, human: Human) -> None:
        """Revoke somebody's first award, by its provider."""
        said = statement(
            "award.revoked",
            award=self.held(human).awards[0].award_id,
            reason="issued_in_error",
            effective_on="2026-11-22",
        )
        self.house.must("95001.submission", [said])


def an_office(folder: Path, humans: Iterable[Human] = (ANA, BEN), *, turned: bool = True) -> Office:
    """Return an office whose learners were awarded 6022; published and folded unless told otherwise."""
    house = a_study_ledger(folder)
    house.key(KEY, PROVIDER, CREDENTIAL)
    learners = tuple(humans)
    house.register(*learners)
    house.enrol(*learners)
    house.passed(*learners)
    house.award(*learners)
    office = Office(house)
    if turned:
        office.turn()
    return office


def office_copied(made: Path, folder: Path) -> Office:
    """Return an office of one's own on a copy of files: a ledger costs a test hardly anything then."""
    shutil.copytree(made, folder)
    return Office(open_house(folder))
