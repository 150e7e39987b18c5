"""1EdTech's JSON Schemas as judges of what we export; they are not part of this repository."""

import json
from typing import Any

import jsonschema_rs

from tests.support.vectors import published

OPEN_BADGE = "ob_v3p0_achievementcredential_schema.json"
CLR = "clr_v2p0_clrcredential_schema.json"


def faults(schema: str, document: Any) -> list[str]:
    """Return what the schema finds wrong, formats included; empty where it finds nothing.

    The document is judged as a reader gets it: written as JSON and read back.
    """
    judge = jsonschema_rs.validator_for(
        json.loads(published(f"../schemas/{schema}").read_text()), validate_formats=True
    )
    return [
        f"{'/'.join(map(str, error.instance_path))}: {error.message}"
        for error in judge.iter_errors(json.loads(json.dumps(document)))
    ]
