"""`roa keys hsm`: keys that are made in a hardware module and never leave it.

Module and PIN come from ROA_PKCS11_MODULE and ROA_PKCS11_PIN_FILE: a PIN is never an argument, which
every process of the machine could read.
"""

import re
from pathlib import Path
from typing import Annotated, Any

import typer

from api.cli.console import (
    REFUSED,
    WRONG_USE,
    AsJson,
    Data,
    err,
    fail,
    out,
    print_json,
    settings_of_environment,
    spoken_errors,
)
from api.house import files_of, module_of, passphrase_of
from api.settings import Settings
from ledger.errors import LedgerError
from ledger.files import LedgerFiles
from ledger.founding import CHECKPOINT, CREDENTIAL, RECEIPT, REGISTRAR
from ledger.keys.keystore import KeyStore
from ledger.keys.pkcs11 import Pkcs11Module, module_keys
from ledger.keys.signer import ED25519, ES256, Signer, thumbprint, verify

app = typer.Typer(help="Keys in a hardware module (PKCS#11).", no_args_is_help=True)

FOUNDING_LABELS = (REGISTRAR, CHECKPOINT, RECEIPT, CREDENTIAL)
_CUSTODY_LABEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._%-]*\.(submission|credential)")
_CHECKED = b"achievement-ledger/hsm-check/v1\0"

Label = Annotated[
    str,
    typer.Argument(
        help="What it is for: registrar, checkpoint, receipt, credential (of a ledger that is not founded"
        " yet), or 95001.submission, 95001.credential."
    ),
]
TokenLabel = Annotated[str, typer.Option("--token", help="Label of the token in the module.")]


@app.command()
def create(
    label: Label,
    data: Data,
    token: TokenLabel,
    alg: Annotated[str, typer.Option(help="Ed25519 or ES256.")] = ED25519,
) -> None:
    """Make a key in the module; it signs for the ledger once it is founded with it, or registered."""
    if alg not in _algs(label):
        fail(f"--alg is {' or '.join(_algs(label))} for {label}", WRONG_USE)
    with spoken_errors():
        keystore = _keystore(data, label)
        if files_of(data, settings_of_environment()).exists:
            signer = keystore.create_next(label, alg=alg, token=token)
        else:
            signer = keystore.create(label, alg, token=token)  # A ledger is founded with the first.
        _say(label, signer)


@app.command()
def adopt(
    label: Label,
    data: Data,
    token: TokenLabel,
    key_label: Annotated[str, typer.Option(help="Label of the key in the token (CKA_LABEL).")],
    key_id: Annotated[
        str | None, typer.Option(help="Its id (CKA_ID) in hexadecimal, where one label has several keys.")
    ] = None,
) -> None:
    """Use a key that the module's own tools made in it."""
    try:
        wanted = bytes.fromhex(key_id) if key_id is not None else None
    except ValueError:
        fail("--key-id is hexadecimal, such as 0a1b", WRONG_USE)
    with spoken_errors():
        keystore = _keystore(data, label)
        signer = keystore.adopt_next(
            label, token=token, key_label=key_label, key_id=wanted, algs=_algs(label)
        )
        _say(label, signer)


@app.command("list")
def list_token(token: TokenLabel, as_json: AsJson = False) -> None:
    """List the keys of a token that could sign here."""
    with spoken_errors():
        module = _module(settings_of_environment())
        rows = [
            {"kid": thumbprint(one.jwk), "label": one.label, "id": one.key_id.hex(), "alg": one.alg}
            for one in module_keys(module, token)
        ]
    if as_json:
        print_json({"keys": rows})
        return
    for row in rows:
        out.print(f"{row['kid']}  {row['alg']}  {row['label']}  id {row['id']}", markup=False)


@app.command()
def check(data: Data, as_json: AsJson = False) -> None:
    """Let every key of the ledger that lies in a module sign something, and check what it signed."""
    with spoken_errors():
        settings = settings_of_environment()
        files = files_of(data, settings)
        keys = KeyStore(files.keys, b"", module_of(settings)).module_keys()
        rows = [_checked(name, signer) for name, signer in keys]
    if as_json:
        print_json({"ok": all(row["ok"] for row in rows), "keys": rows})
    else:
        for row in rows:
            out.print(f"{row['kid']}  {row['label']}  {row['sentence']}", markup=False)
        if not rows:
            err.print("No key of this ledger lies in a module.", markup=False)
    if not all(row["ok"] for row in rows):
        raise typer.Exit(REFUSED)


def _checked(name: str, signer: Signer) -> dict[str, Any]:
    row = {"kid": signer.thumbprint, "label": name}
    try:
        verify(signer.public_key(), signer.sign(_CHECKED), _CHECKED)
    except LedgerError as error:
        return row | {"ok": False, "sentence": str(error)}
    return row | {"ok": True, "sentence": "signs"}


def _keystore(data: Path, label: str) -> KeyStore:
    """Return the keys of a ledger, or of one that is to be founded; wrong use for labels that cannot be."""
    settings = settings_of_environment()
    files = files_of(data, settings)
    if label not in FOUNDING_LABELS and not _CUSTODY_LABEL.fullmatch(label):
        fail(f"{label} is no label of a key: see `roa keys hsm create --help`", WRONG_USE)
    if label == CHECKPOINT and files.exists:
        fail(
            "the next key of a log that is founded comes with `roa keys next OPERATOR checkpoint --token`",
            WRONG_USE,
        )
    _make_folders(files)
    passphrase = passphrase_of(files, settings) if files.exists else b""
    return KeyStore(files.keys, passphrase, _module(settings))


def _algs(label: str) -> tuple[str, ...]:
    """Return the algorithms for a purpose: credentials (eddsa-rdfc-2022) and checkpoints know one only."""
    return (ED25519,) if label == CHECKPOINT or label.endswith(CREDENTIAL) else (ED25519, ES256)


def _make_folders(files: LedgerFiles) -> None:
    files.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    files.keys.mkdir(mode=0o700, exist_ok=True)


def _module(settings: Settings) -> Pkcs11Module:
    module = module_of(settings)
    if module is None:
        fail("name the module and the file with its PIN: ROA_PKCS11_MODULE, ROA_PKCS11_PIN_FILE", WRONG_USE)
    return module


def _say(label: str, signer: Signer) -> None:
    out.print(f"{label}: {signer.alg}, kid {signer.thumbprint}, in the module", markup=False)
