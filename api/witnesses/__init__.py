"""The witnesses' door: other people's logs ask for cosignatures here, monitors read what was seen."""

from api.witnesses.app import create_witness_app

__all__ = ["create_witness_app"]
