"""The offline bundle: one ZIP with everything a check needs when there is no network, years later."""

import io
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ledger.errors import Refusal
from projections.exports.open_badge import receipt_of
from projections.exports.securing import document_bytes

CREDENTIAL = "credential.json"
RECEIPT = "award.tlog-proof"
ISSUED = "issued.tlog-proof"
STATUS_LIST = "status-list.json"
LIST_RECORD = "status-list.tlog-proof"
DID_DOCUMENT = "did.json"
HOW_TO_CHECK = "HOW-TO-CHECK.txt"
TRUST = "trust.json"
TRUST_SIGNATURE = "trust.json.jws"

# The first day a ZIP can name: when a bundle was made says nothing, and must not change its bytes.
_DATE = (1980, 1, 1, 0, 0, 0)
_PLAIN_FILE = 0o100644 << 16
_UNIX = 3


@dataclass(frozen=True)
class TrustCopy:
    """The trust file as it stands beside the ledger: its exact bytes and its detached signature."""

    content: bytes
    signature: str


def bundle(
    credential: Mapping[str, Any],
    status_lists: Sequence[Mapping[str, Any]],
    did_documents: Sequence[Mapping[str, Any]],
    trust: TrustCopy,
    host: str,
    *,
    list_records: Sequence[str | None] = (),
    issued: str | None = None,
    inner_issued: Sequence[str | None] = (),
) -> bytes:
    """Return the ZIP for a signed Open Badge or CLR.

    Args:
        credential: signed.
        status_lists: the signed lists that its awards point into, each once.
        did_documents: of every issuer in it, each once.
        trust: put in for reference; a trust file inside a bundle is never trusted by itself.
        host: the did:web host of the ledger, for the words on where to get a trust file.
        list_records: tlog-proofs of the records of the lists' bits, in the order of `status_lists`.
        issued: receipt of the credential's own issuing, a tlog-proof; None while it is not published.
        inner_issued: those of the awards inside a record, in its order.

    Returns:
        Members stored, sorted by name, dated 1980: the same arguments give the same bytes. Where there
        are several of a kind, as with a CLR, the first in order of id has the plain name and the others
        are numbered from 2: `status-list-2.json`, `did-2.json`, `award-2.tlog-proof` (awards in the
        record's order); `issued-1.tlog-proof` and on are those of the awards inside a record.

    Raises:
        Refusal: a status list or a DID document that a check needs is missing, or there is one too many.

    Source: SPEC.md 5.
    """
    awards = _awards(credential)
    _refuse_other(
        "status list", status_lists, {badge["credentialStatus"]["statusListCredential"] for badge in awards}
    )
    _refuse_other("DID document", did_documents, {badge["issuer"]["id"] for badge in (credential, *awards)})
    receipts = [receipt for badge in awards if (receipt := receipt_of(badge)) is not None]
    members = {
        CREDENTIAL: document_bytes(credential),
        HOW_TO_CHECK: how_to_check(host).encode(),
        TRUST: trust.content,
        TRUST_SIGNATURE: trust.signature.encode(),
        **({} if issued is None else {ISSUED: issued.encode()}),
        **{
            ISSUED.replace(".", f"-{at}."): receipt.encode()
            for at, receipt in enumerate(inner_issued, 1)
            if receipt is not None
        },
        **_numbered(RECEIPT, [receipt.encode() for receipt in receipts]),
        **_numbered(STATUS_LIST, [document_bytes(listed) for listed in sorted(status_lists, key=_id)]),
        **{
            _name(LIST_RECORD, at): record.encode()
            for at, (_, record) in enumerate(_in_order(status_lists, list_records), 1)
            if record is not None
        },
        **_numbered(DID_DOCUMENT, [document_bytes(document) for document in sorted(did_documents, key=_id)]),
    }
    return _zip(members)


def how_to_check(host: str) -> str:
    """Return `HOW-TO-CHECK.txt`: how to check a bundle, for a reader who has never seen one."""
    return f"""\
HOW TO CHECK THIS RECORD

You have a ZIP file with a learner's award, or record of achievement, and the papers that go with it.
You can check it yourself, with no network, and without asking the learner, the provider or us.

1. Get the program "roa" (Python package achievement-ledger).

2. Get the trust file. It says which keys belong to the ledger and to each provider, and which
   micro-credentials a provider may award. Fetch it yourself from

       https://{host}/trust.json

   or ask the body that runs the ledger for it. The copy named trust.json in this ZIP came to you
   together with the award. Whoever made a false award could have put a false trust file beside it,
   so a check never trusts that copy by itself.

3. Compare the fingerprint. With the trust file that you got, run

       sha256sum trust.json          (Linux)
       shasum -a 256 trust.json      (macOS)
       certutil -hashfile trust.json SHA256      (Windows)

   The 64 letters and digits are its fingerprint. Get the fingerprint a second time by another way
   that you trust, for example by telephone from the body that runs the ledger, and compare them.
   If one character differs, do not use the file. A newer trust file has another fingerprint than an
   older one: compare files that were made at the same time ("made_at" near their beginning).

4. Check:

       roa verify BUNDLE.zip --trust trust.json

   The program answers with one sentence for each thing that it checked, and with one of:

       Verified
       Verified, with notes
       Could not be verified completely
       Not valid

   Without --trust it cannot say who signed, and answers "Could not be verified completely".

5. Compare the name in the award with the person in front of you. No program can do that for you.

WHAT IS IN THE ZIP

   credential.json         the award, or record of achievement, with the signature of its issuer
   award.tlog-proof        the receipt: proof that the award stands in the ledger's public log
   issued.tlog-proof       proof that this very document was signed when the ledger says: if its
                           issuer's key is stolen one day, this shows that it was signed before
   status-list.json        which awards of the issuer were revoked, on the day the file was made
   status-list.tlog-proof  proof that the public log holds that very list
   did.json                the issuer's public keys
   trust.json              a copy of the trust file, for reference; trust.json.jws is its signature
   HOW-TO-CHECK.txt        this page

A record with several awards has several receipts, status lists and issuers; they are numbered.
An award that was not yet in the published log when the ZIP was made comes without a receipt.
The status list is only as new as the ZIP. To know whether an award was revoked since, ask the
learner for a new ZIP, or check credential.json at https://{host}/verify
"""


def _awards(credential: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """Return the Open Badges in a credential: itself, or those inside a CLR."""
    if "proof" not in credential:
        raise Refusal("only a signed credential goes into a bundle", code="export-bundle")
    if "ClrCredential" in credential["type"]:
        awards: Sequence[Mapping[str, Any]] = credential["credentialSubject"]["verifiableCredential"]
        return awards
    return [credential]


def _refuse_other(kind: str, documents: Sequence[Mapping[str, Any]], needed: set[str]) -> None:
    if sorted(map(_id, documents)) != sorted(needed):
        raise Refusal(
            f"a bundle holds each {kind} that its credential names, once, and no other", code="export-bundle"
        )


def _id(document: Mapping[str, Any]) -> str:
    return str(document["id"])


def _numbered(name: str, contents: Sequence[bytes]) -> dict[str, bytes]:
    return {_name(name, at): content for at, content in enumerate(contents, 1)}


def _name(name: str, at: int) -> str:
    stem, ending = name.split(".")
    return name if at == 1 else f"{stem}-{at}.{ending}"


def _in_order(
    status_lists: Sequence[Mapping[str, Any]], records: Sequence[str | None]
) -> list[tuple[str, str | None]]:
    """Return (list's id, record) in the order in which the lists are numbered."""
    names = [_id(listed) for listed in status_lists]
    return sorted(zip(names, records, strict=True)) if records else []


def _zip(members: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(members):
            entry = zipfile.ZipInfo(name, _DATE)
            entry.create_system, entry.external_attr = _UNIX, _PLAIN_FILE
            archive.writestr(entry, members[name])
    return buffer.getvalue()
