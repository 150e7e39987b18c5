"""The trust file: exact members, one form for the same facts, and a signature over its exact bytes."""

from dataclasses import replace
from datetime import date
from typing import Any

import pytest
import rfc8785

from ledger.encoding import strict_json
from ledger.errors import Refusal, Unauthorised
from ledger.keys.signer import jws_verify
from projections.exports.model import TrustAccreditation, TrustFile, TrustLogKey
from projections.exports.trust import trust_file, trust_signature
from tests.projections.exports.world import HOST, a_provider, a_trust_file, a_trust_key, the_operator


def read(trust: TrustFile) -> Any:
    """Return a trust file as a reader gets it."""
    return strict_json.parse(trust_file(trust), size_max_bytes=1_000_000)


def test_the_members_are_those_of_the_format() -> None:
    """Each object has exactly the members that readers are told of (BUILD.md 7)."""
    trust = read(a_trust_file())

    assert trust.keys() == {
        "format",
        "made_at",
        "as_at_position",
        "origin",
        "founding_entry_hash",
        "log_keys",
        "witness_policy",
        "operator",
        "issuers",
        "microcredentials",
    }
    assert trust["format"] == "achievement-ledger/trust/v1"
    assert trust["made_at"] == "2026-11-02T01:15:00Z"
    assert trust["log_keys"] == [
        {"vkey": f"{HOST}/log+00000000+AQ==", "from": 1, "to": None, "must_verify": True}
    ]
    assert trust["operator"].keys() == {"did", "name", "keys"}
    issuer = trust["issuers"][0]
    assert issuer.keys() == {"did", "number", "name", "keys", "accreditations"}
    assert issuer["keys"][0].keys() == {
        "multibase",
        "purpose",
        "from",
        "to",
        "suspected_from",
        "reaffirmed",
        "annulled",
    }
    assert issuer["accreditations"] == [
        {"code": "6099", "versions": [1, 2], "from": "2026-01-15", "to": None}
    ]
    assert trust["microcredentials"] == [
        {
            "code": "6099",
            "version": 2,
            "title": "Aquaculture Biosecurity (Micro-credential)",
            "level": 4,
            "credits": 10,
            "outcomes": [{"id": "LO1", "text": "Identify biosecurity hazards on an aquaculture site."}],
            "listed_on": "2025-12-01",
            "expiring_from": None,
            "discontinued_on": None,
        }
    ]


def test_the_bytes_are_jcs() -> None:
    """Writing what was read gives the same bytes (RFC 8785)."""
    written = trust_file(a_trust_file())

    assert rfc8785.dumps(strict_json.parse(written, size_max_bytes=1_000_000)) == written


def test_dates_of_an_end_are_written() -> None:
    """An accreditation that ended and a version that is discontinued say since when."""
    trust = a_trust_file()
    ended = TrustAccreditation("6099", (1,), date(2025, 1, 1), date(2025, 6, 30))
    gone = replace(
        trust.microcredentials[0], expiring_from=date(2026, 1, 1), discontinued_on=date(2026, 9, 1)
    )

    shown = read(
        replace(
            trust, issuers=(replace(trust.issuers[0], accreditations=(ended,)),), microcredentials=(gone,)
        )
    )

    assert shown["issuers"][0]["accreditations"][0]["to"] == "2025-06-30"
    assert shown["microcredentials"][0]["expiring_from"] == "2026-01-01"
    assert shown["microcredentials"][0]["discontinued_on"] == "2026-09-01"


def test_order_of_the_facts_changes_nothing() -> None:
    """The same facts in another order are the same file; outcomes keep the register's order."""
    trust = a_trust_file()
    turned = replace(trust, issuers=tuple(reversed(trust.issuers)), log_keys=tuple(reversed(trust.log_keys)))

    assert trust_file(turned) == trust_file(trust)
    assert [issuer["number"] for issuer in read(trust)["issuers"]] == [95001, 95004]


def test_the_signature_is_detached_and_holds() -> None:
    """Put back between the dots, the exact bytes verify under the operator's key and the right type."""
    content, signer = trust_file(a_trust_file()), the_operator().signer

    header, middle, signature = trust_signature(content, signer).split(".")

    assert middle == ""
    whole = f"{header}.{strict_json.b64url(content)}.{signature}"
    assert jws_verify(whole, signer.public_key_jwk(), "achievement-trust+jws") == content


def test_the_signature_does_not_hold_over_other_bytes() -> None:
    """One white space more, and the signature is not over that file."""
    content, signer = trust_file(a_trust_file()), the_operator().signer
    header, _, signature = trust_signature(content, signer).split(".")

    with pytest.raises(Unauthorised):
        jws_verify(
            f"{header}.{strict_json.b64url(content + b' ')}.{signature}",
            signer.public_key_jwk(),
            "achievement-trust+jws",
        )


LOG_KEY = TrustLogKey(f"{HOST}/log+00000000+AQ==", 1, None, must_verify=True)
PROVIDER_KEY = a_trust_key(a_provider(), 11)


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"founding_entry_hash": bytes(31)}, "must be 32 bytes"),
        ({"log_keys": ()}, "has to verify"),
        ({"log_keys": (replace(LOG_KEY, must_verify=False),)}, "has to verify"),
        ({"log_keys": (LOG_KEY, LOG_KEY)}, "log_keys holds one twice"),
        ({"as_at_position": 0}, "as_at_position"),
        ({"as_at_position": 10}, "a key must count from a position"),
        ({"log_keys": (replace(LOG_KEY, from_position=0),)}, "a key must count"),
        ({"log_keys": (replace(LOG_KEY, from_position=9, to_position=8),)}, "a key must count"),
        ({"issuers": a_trust_file().issuers * 2}, "issuers holds one twice"),
        ({"operator": replace(a_trust_file().operator, did=a_provider().did)}, "issuers holds one twice"),
        ({"operator": replace(a_trust_file().operator, keys=(PROVIDER_KEY,))}, "keys holds one twice"),
        ({"microcredentials": a_trust_file().microcredentials * 2}, "microcredentials holds one twice"),
        (
            {"operator": replace(a_trust_file().operator, name="Te Ku\u0304ra")},
            "operator.name must be in Unicode form",
        ),
        (
            {
                "microcredentials": (
                    replace(a_trust_file().microcredentials[0], outcomes=(("LO1", "a\u0304"),)),
                )
            },
            r"microcredentials\[0\].outcomes\[0\].text must be in Unicode form",
        ),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_file_that_could_mislead_is_refused(changes: dict[str, Any], match: str) -> None:
    """No key that must verify, two bodies with one key, positions that make no sense: not written."""
    with pytest.raises(Refusal, match=match) as caught:
        trust_file(a_trust_file(**changes))

    assert caught.value.code == "export-trust"
