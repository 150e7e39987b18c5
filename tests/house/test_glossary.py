"""The glossary lists what the code has, no more and no less."""

import re

from ledger.domain.registry import EVENTS
from tests.support.tree import ROOT


def test_the_glossary_lists_every_event():
    """Each recorded topic stands in docs/glossary.md beside its class, and no other does."""
    text = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
    table = text[text.index("## Statement types and events") :]

    listed = dict(re.findall(r"^\| `([a-z_.]+)` \| `(\w+)` \|", table, re.MULTILINE))

    assert listed == {topic: event_class.__name__ for topic, event_class in EVENTS.items()}
