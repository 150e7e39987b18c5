"""Which witnesses must have confirmed a checkpoint before it counts: the policy of the trust file.

A witness confirms (cosigns) that the log has shown it one history only. A policy names witnesses,
groups of them, and the witness or group that must have confirmed: its quorum. Read and judged here
a second time, from the specification.

Source: C2SP tlog-policy, tlog-cosignature; LEDGER.md 5.
"""

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

from ..errors import Malformed, Refused
from .tlog import LOG_KINDS, WITNESS_KINDS, Checkpoint, LogKey, parse_vkey

NONE = "none"
SIZE_MAX = 1024 * 1024
_BLANKS = re.compile(r"[ \t]+")
_UNSEEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_COUNT = re.compile(r"[1-9][0-9]{0,8}")
_KEY_AND_URL = (1, 2)  # words after `log`, and after `witness` and its name


@dataclass(frozen=True, slots=True)
class Group:
    """Has confirmed where at least `enough` of its members have: witnesses, or groups named before it."""

    enough: int
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Policy:
    """A policy.

    Attributes:
        logs: keys of known logs. Any one of them would do by this text alone; a trust file says
            beside it which of its log keys must all have signed.
        witnesses: keys by the name they have in the policy.
        groups: by name, in the order of the text, so that members stand before their group.
        quorum: the name of a witness or group, or `none`.
    """

    logs: tuple[LogKey, ...]
    witnesses: Mapping[str, LogKey]
    groups: Mapping[str, Group]
    quorum: str

    @property
    def needs_witnesses(self) -> bool:
        """Whether a checkpoint must have been confirmed by anybody."""
        return self.quorum != NONE

    def enough(self, confirmed: Collection[str]) -> bool:
        """Return whether the witnesses of these names are enough."""
        reached = {NONE, *confirmed}
        for name, group in self.groups.items():
            if sum(member in reached for member in group.members) >= group.enough:
                reached.add(name)
        return self.quorum in reached

    def confirmed(self, checkpoint: Checkpoint) -> dict[str, int]:
        """Return who confirmed a checkpoint, and when, in seconds since 1970 (0: it does not say when).

        Signatures of others than the policy's witnesses are passed over. A known witness has confirmed
        only if all that stands under its name and id holds: one line that anybody could add must not
        spoil what others confirmed.
        """
        found = {name: _confirmed_at(key, checkpoint) for name, key in self.witnesses.items()}
        return {name: time_s for name, time_s in found.items() if time_s is not None}


def _confirmed_at(key: LogKey, checkpoint: Checkpoint) -> int | None:
    try:
        return key.signed_at(checkpoint)
    except Refused:
        return None


def parse_policy(text: str) -> Policy:
    """Read a C2SP tlog-policy.

    Raises:
        Malformed: a line that is none, a name or key that stands twice, a name that no line above
            defines, or not exactly one quorum; the message says on which line.
    """
    if len(text) > SIZE_MAX or _UNSEEN.search(text):
        raise Malformed("the witness policy is too long or holds control characters", code="policy")
    draft = _Draft()
    for number, line in enumerate(text.split("\n"), 1):
        words = [word for word in _BLANKS.split(line) if word]
        if words and not words[0].startswith("#"):
            try:
                draft.read(words[0], words[1:])
            except Malformed as error:
                raise Malformed(f"line {number} of the witness policy: {error}", code="policy") from error
    if draft.quorum is None:
        raise Malformed("the witness policy does not say how many are enough", code="policy")
    return Policy(tuple(draft.logs), draft.witnesses, draft.groups, draft.quorum)


@dataclass(slots=True)
class _Draft:
    """What the lines so far have defined; a line may refer to nothing else."""

    logs: list[LogKey] = field(default_factory=list)
    witnesses: dict[str, LogKey] = field(default_factory=dict)
    groups: dict[str, Group] = field(default_factory=dict)
    grouped: set[str] = field(default_factory=set)
    quorum: str | None = None

    def read(self, kind: str, words: list[str]) -> None:
        lines: dict[str, Callable[[list[str]], None]] = {
            "log": self._log,
            "witness": self._witness,
            "group": self._group,
            "quorum": self._quorum,
        }
        if kind not in lines:
            raise Malformed("it is no line of a policy")
        lines[kind](words)

    def _log(self, words: list[str]) -> None:
        self.logs.append(_new_key(words, LOG_KINDS, self.logs))

    def _witness(self, words: list[str]) -> None:
        name = self._new_name(words)
        self.witnesses[name] = _new_key(words[1:], WITNESS_KINDS, self.witnesses.values())

    def _group(self, words: list[str]) -> None:
        name, members = self._new_name(words), words[2:]
        if not all(map(self._is_defined, members)):
            raise Malformed("a member is not defined above")
        if len(set(members)) < len(members) or not self.grouped.isdisjoint(members):
            raise Malformed("a member counts already")
        enough = _enough(words[1], len(members)) if members else 0
        if not 1 <= enough <= len(members):
            raise Malformed("it does not say how many of its members are enough")
        self.grouped.update(members)
        self.groups[name] = Group(enough, tuple(members))

    def _quorum(self, words: list[str]) -> None:
        if self.quorum is not None:
            raise Malformed("there is a quorum already")
        if len(words) != 1 or not (words[0] == NONE or self._is_defined(words[0])):
            raise Malformed("the quorum is not defined above")
        self.quorum = words[0]

    def _is_defined(self, name: str) -> bool:
        return name in self.witnesses or name in self.groups

    def _new_name(self, words: list[str]) -> str:
        if not words or words[0] == NONE or self._is_defined(words[0]):
            raise Malformed("its name is missing, or taken")
        return words[0]


def _enough(word: str, members: int) -> int:
    if word in ("all", "any"):
        return members if word == "all" else 1
    return int(word) if _COUNT.fullmatch(word) else 0


def _new_key(words: list[str], kinds: Collection[int], known: Collection[LogKey]) -> LogKey:
    """Return the key of a line; the same key under another name or id is the same key."""
    if len(words) not in _KEY_AND_URL:
        raise Malformed("it gives a key, and perhaps an address, and nothing else")
    found = parse_vkey(words[0])
    if found.kind not in kinds:
        raise Malformed("its key is of a kind that does not sign there, or that this program does not know")
    if any(found.key == one.key for one in known):
        raise Malformed("its key stands twice")
    return found
