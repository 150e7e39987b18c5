"""One signature: by a key in a file, and by a key in a hardware module, where SoftHSM stands for one.

A module checks nothing for us: what it signed is verified before it is handed out, and that is counted.
"""

import os
from pathlib import Path

from benchmarks.harness import Benchmark, Stopwatch
from ledger.keys.keystore import KeyStore
from ledger.keys.signer import ED25519, ES256, Signer
from tests.support.hardware import TOKEN, find_softhsm, softhsm

SIGNATURES = 2_000
PASSPHRASE = b"a passphrase of one measurement"
DATA = bytes(300)  # about as much as a submission or an acknowledgement signs


def _sign(signer: Signer, watch: Stopwatch) -> int:
    signer.sign(DATA)  # A module is loaded, and logged in to, once.
    with watch:
        for _ in range(SIGNATURES):
            signer.sign(DATA)
    return SIGNATURES


def ed25519_in_a_file(folder: Path, watch: Stopwatch) -> int:
    """Sign with Ed25519, the key opened from its file."""
    return _sign(KeyStore(folder, PASSPHRASE).create("receipt", ED25519), watch)


def ed25519_in_a_module(folder: Path, watch: Stopwatch) -> int:
    """Sign with Ed25519 in SoftHSM."""
    return _sign(KeyStore(folder, PASSPHRASE, softhsm()).create("receipt", ED25519, token=TOKEN), watch)


def p256_in_a_file(folder: Path, watch: Stopwatch) -> int:
    """Sign with P-256, the key opened from its file."""
    return _sign(KeyStore(folder, PASSPHRASE).create("receipt", ES256), watch)


def p256_in_a_module(folder: Path, watch: Stopwatch) -> int:
    """Sign with P-256 in SoftHSM."""
    return _sign(KeyStore(folder, PASSPHRASE, softhsm()).create("receipt", ES256, token=TOKEN), watch)


BENCHMARKS: tuple[Benchmark, ...] = (
    Benchmark("signed, Ed25519 in a file", "signatures", ed25519_in_a_file),
    Benchmark("signed, P-256 in a file", "signatures", p256_in_a_file),
)
if find_softhsm(os.environ) is not None:
    BENCHMARKS += (
        Benchmark(
            "signed, Ed25519 in SoftHSM",
            "signatures",
            ed25519_in_a_module,
            beside="signed, Ed25519 in a file",
        ),
        Benchmark(
            "signed, P-256 in SoftHSM", "signatures", p256_in_a_module, beside="signed, P-256 in a file"
        ),
    )
