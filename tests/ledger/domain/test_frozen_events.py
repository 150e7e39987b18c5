"""What every event class declared once holds for ever: records in the ledger were made with it."""

import json
from pathlib import Path
from typing import Any

import pytest

from ledger.domain.base import LEARNER, LEDGER, PRIVATE, PUBLIC, Created, LedgerAggregate, LedgerEvent, codecs
from ledger.domain.registry import EVENTS
from ledger.statements import KINDS

FROZEN: dict[str, Any] = json.loads(Path(__file__).with_name("frozen_events.json").read_text())
CLASSES = [pytest.param(cls, id=topic) for topic, cls in EVENTS.items()]


def _fields(cls: type[LedgerEvent], names: tuple[str, ...]) -> list[str]:
    return [f"{one.name}: {one.kind}{' | nil' if one.optional else ''}" for one in codecs(cls, names)]


def declared(cls: type[LedgerEvent]) -> dict[str, Any]:
    """Return what a class declares, in the form it is frozen in."""
    return {
        "class": cls.__name__,
        "class_version": cls.class_version,
        "privacy": cls.PRIVACY,
        "subject": cls.SUBJECT,
        "authority": cls.AUTHORITY,
        "open": _fields(cls, cls.OPEN),
        "sealed": _fields(cls, cls.SEALED),
        "shows": list(cls.SHOWS),
    }


def test_topics_are_closed() -> None:
    """No topic comes or goes unnoticed, and each is the name its class carries."""
    assert EVENTS.keys() == FROZEN.keys()
    assert all(topic == cls.TOPIC for topic, cls in EVENTS.items())


@pytest.mark.parametrize("cls", CLASSES)
def test_nothing_declared_changes(cls: type[LedgerEvent]) -> None:
    """Privacy, subject, field order, types and claims are those that records were made with."""
    assert declared(cls) == FROZEN[cls.TOPIC]


@pytest.mark.parametrize("cls", CLASSES)
def test_public_and_private_keep_apart(cls: type[LedgerEvent]) -> None:
    """A public event seals nothing; a private one has one subject and no authority."""
    if cls.PRIVACY == PUBLIC:
        assert (None, (), (), not cls.CONSEQUENCE) == (cls.SUBJECT, cls.SEALED, cls.SHOWS, cls.AUTHORITY)
    else:
        assert (cls.PRIVACY, cls.AUTHORITY) == (PRIVATE, False)
        assert cls.SUBJECT in (LEARNER, LEDGER)


@pytest.mark.parametrize("cls", CLASSES)
def test_nobody_is_named_in_an_open_part(cls: type[LedgerEvent]) -> None:
    """What identifies a learner is sealed wherever it stands."""
    assert not {"nsn", "name", "family", "given", "whole", "date_of_birth"} & set(cls.OPEN)


def test_one_statement_type_for_each_event() -> None:
    """One accepted statement is exactly one event of the same name; the ledger itself does the rest."""
    consequences = {topic for topic, cls in EVENTS.items() if cls.CONSEQUENCE}

    assert consequences == {
        "credential.issued",
        "status_list.changed",
        "tail.lost",
        "learner.forgotten",
        "forgetting.counted",
        "streams.disposed",
        "access.day_closed",
    }
    assert KINDS.keys() == EVENTS.keys() - consequences
    assert all(kind.public is (EVENTS[topic].PRIVACY == PUBLIC) for topic, kind in KINDS.items())


def test_every_beginning_has_its_aggregate() -> None:
    """Each event that begins a stream is claimed by one aggregate class, and all of those carry a topic."""
    # Those of the ledger: a test of classes that change has an aggregate of its own.
    ours = [cls for cls in LedgerAggregate.__subclasses__() if cls.__module__.startswith("ledger.")]
    begun = [event for cls in ours for event in cls.BEGINS]

    assert sorted(event.TOPIC for event in begun) == sorted(
        topic for topic, cls in EVENTS.items() if issubclass(cls, Created)
    )
    assert all(getattr(cls, "TOPIC", "") for cls in ours)
