"""An ML-DSA-44 key proves that it is held, in the one form that RFC 9964 gives it, and signs nothing else."""

import json
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.encoding.strict_json import b64url, canonical, unb64url
from ledger.errors import Malformed, Refusal
from ledger.keys.mldsa import MldsaSigner, mldsa_key_of_jwk, mldsa_thumbprint
from ledger.keys.signer import MemorySigner, jws_read, jws_verify, public_key_of_jwk
from ledger.possession import POSSESSION_TYP, prove_possession, verify_possession
from ledger.statements import SUBMISSION_TYP
from tests.support.world import ORIGIN

SIGNER = MldsaSigner.generate()
JWK = SIGNER.public_key_jwk()
WHO = UUID(int=7)
PROOF = prove_possession(SIGNER, WHO, ORIGIN)


def resigned(**header: Any) -> str:
    """Return a proof with another header, signed by the key all the same."""
    good = json.loads(unb64url(PROOF.split(".")[0]))
    said = {name: value for name, value in {**good, **header}.items() if value is not None}
    signed = f"{b64url(canonical(said))}.{PROOF.split('.')[1]}"
    return f"{signed}.{b64url(SIGNER.sign(signed.encode()))}"


def test_it_holds_for_whom_it_names() -> None:
    """For that organisation and ledger, and no other."""
    verify_possession(PROOF, JWK, WHO, ORIGIN)

    for who, origin in ((UUID(int=8), ORIGIN), (WHO, "other.example/log")):
        with pytest.raises(Refusal) as caught:
            verify_possession(PROOF, JWK, who, origin)
        assert caught.value.code == "E817"


@pytest.mark.parametrize(
    "token",
    [
        resigned(alg="Ed25519"),
        resigned(alg="ML-DSA-65"),
        resigned(alg="none"),
        resigned(kid="x" * 43),
        resigned(typ=SUBMISSION_TYP),
        resigned(typ=None),
        resigned(jwk=JWK),
        resigned(crit=["b64"]),
        PROOF + ".",
        PROOF.rpartition(".")[0],
        PROOF.rpartition(".")[0] + ".",
        PROOF + "A" * 8192,
        prove_possession(MldsaSigner.generate(), WHO, ORIGIN),
        prove_possession(MemorySigner.generate(), WHO, ORIGIN),
        "",
    ],
)
def test_another_header_key_or_form_is_refused(token: str) -> None:
    """Exactly alg, kid and typ of this key; nothing that a header brings counts."""
    with pytest.raises(Refusal) as caught:
        verify_possession(token, JWK, WHO, ORIGIN)
    assert caught.value.code == "E817"


@given(place=st.integers(0, len(PROOF) - 1), sign=st.sampled_from("Aa0-_.=\u00e9"))
def test_any_change_is_refused(place: int, sign: str) -> None:
    """One character of a proof, anywhere: it holds no longer, and nothing of ours leaks out."""
    changed = PROOF[:place] + sign + PROOF[place + 1 :]
    if changed == PROOF:
        return

    with pytest.raises(Refusal):
        verify_possession(changed, JWK, WHO, ORIGIN)


CHANGES: list[Callable[[dict[str, str]], dict[str, str]]] = [
    lambda jwk: {**jwk, "kid": "x"},
    lambda jwk: {**jwk, "priv": "x"},
    lambda jwk: {name: value for name, value in jwk.items() if name != "alg"},
    lambda jwk: {**jwk, "alg": "ML-DSA-65"},
    lambda jwk: {**jwk, "kty": "OKP"},
    lambda jwk: {**jwk, "pub": jwk["pub"][:-4]},
    lambda jwk: {**jwk, "pub": jwk["pub"] + "AAAA"},
    lambda jwk: {**jwk, "pub": "=" + jwk["pub"][1:]},
]


@pytest.mark.parametrize("change", CHANGES)
def test_a_jwk_has_its_required_members_and_no_others(
    change: Callable[[dict[str, str]], dict[str, str]],
) -> None:
    """RFC 9964 §3: kty AKP, alg, pub; the thumbprint is over these three."""
    assert mldsa_key_of_jwk(JWK).public_bytes_raw() == SIGNER.public_bytes
    assert mldsa_thumbprint(JWK) == SIGNER.thumbprint

    with pytest.raises(Malformed):
        mldsa_thumbprint(change(JWK))
    with pytest.raises(Refusal):
        verify_possession(PROOF, change(JWK), WHO, ORIGIN)


def test_no_other_jws_is_by_such_a_key() -> None:
    """Submissions, credentials and receipts know Ed25519 and P-256, whatever the header says."""
    with pytest.raises(Malformed):
        jws_read(PROOF)
    with pytest.raises(Malformed):
        jws_verify(PROOF, JWK, POSSESSION_TYP)
    with pytest.raises(Malformed):
        public_key_of_jwk(JWK)
