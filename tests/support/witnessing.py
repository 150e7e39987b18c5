"""Witnesses in the test's own process, behind a transport that plays the network.

network = Network(tmp_path, house, 3)                   # three honest witnesses that watch the ledger's log
network.answers["https://w2.example"] = dead            # one of them is away
publisher = witnessed_publisher(house, network, enough=2)
"""

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from ledger.checkpoint_signing import CheckpointSigner
from ledger.cosigning import Cosigning, Reply, policy_of_log
from ledger.errors import Unavailable
from ledger.log_keys import log_keys_of
from ledger.publisher import Publisher
from ledger.store.anchor import Anchor
from ledger.witness import KINDS, Witness, WitnessFiles, create_witness, open_witness
from tests.support.ledgers import House
from tests.support.world import ORIGIN

PASSPHRASE = b"a passphrase that lives for one test"
Answering = Callable[[bytes], Reply]


class Network:
    """Witnesses by their addresses, made or opened again; `sent` is what they were asked, in order."""

    def __init__(self, folder: Path, house: House, number: int = 1) -> None:
        self.answers: dict[str, Answering] = {}
        self.witnesses: dict[str, Witness] = {}
        self.sent: list[tuple[str, bytes]] = []
        self._lock = threading.Lock()
        for place in range(1, number + 1):
            name = f"w{place}.example"
            if WitnessFiles(folder / name).exists:
                witness = open_witness(folder / name, PASSPHRASE, clock=house.clock)
            else:
                witness = create_witness(folder / name, name, PASSPHRASE, clock=house.clock)
                witness.add_log(house.ledger.founding.log_keys)
            self.witnesses[f"https://{name}"] = witness
            self.answers[f"https://{name}"] = honest(witness)

    def __call__(self, url: str, body: bytes) -> Reply:
        """Post to a witness."""
        with self._lock:
            self.sent.append((url, body))
        return self.answers[url.removesuffix("/add-checkpoint")](body)

    def asked(self) -> list[str]:
        """Return who was asked since the last call, by host, sorted; a second try counts."""
        hosts = sorted(url.split("/")[2] for url, _ in self.sent)
        self.sent.clear()
        return hosts

    def policy(self, enough: int) -> str:
        """Return a tlog-policy in which that many of the witnesses must have cosigned, with both keys."""
        lines, names = [], []
        for url, witness in self.witnesses.items():
            keys = [f"{witness.name}#{kind}" for kind in KINDS]
            lines += [f"witness {key} {vkey} {url}" for key, vkey in zip(keys, witness.vkeys, strict=True)]
            lines.append(f"group {witness.name} all {' '.join(keys)}")
            names.append(witness.name)
        return "\n".join([*lines, f"group enough {enough} {' '.join(names)}", "quorum enough"]) + "\n"

    def close(self) -> None:
        """Close every witness."""
        for witness in self.witnesses.values():
            witness.close()


def honest(witness: Witness) -> Answering:
    """Return how a witness answers."""

    def answer(body: bytes) -> Reply:
        said = witness.add_checkpoint(body)
        return Reply(said.status, said.content_type, said.body)

    return answer


def dead(_body: bytes) -> Reply:
    """Give no answer."""
    raise Unavailable("the witness gave no answer", code="witness")


def changed(answering: Answering, change: Callable[[bytes], bytes]) -> Answering:
    """Return how a witness answers whose answers are changed on their way."""

    def answer(body: bytes) -> Reply:
        said = answering(body)
        return replace(said, body=change(said.body))

    return answer


def witnessed_publisher(
    house: House, network: Network, *, enough: int, deadline_s: float = 60.0, grace_s: float = 60.0
) -> Publisher:
    """Return a publisher that asks the witnesses of a network; it waits for everybody who answers at all."""
    house.files.policy.write_text(network.policy(enough))
    policy = policy_of_log(house.files.policy, log_keys_of(house.ledger.register()).every)
    cosigning = Cosigning(policy, network, house.clock, deadline_s=deadline_s, grace_s=grace_s)
    return Publisher(
        house.ledger.store,
        Anchor(house.files.anchor, ORIGIN),
        CheckpointSigner(ORIGIN, house.keystore, house.ledger.register),
        house.clock,
        cosigning,
    )
