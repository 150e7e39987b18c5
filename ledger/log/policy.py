"""Which signatures make a checkpoint believable: known logs, known witnesses, and how many must agree.

A text that verifiers, monitors and the log itself share. Names are opaque; groups refer to what
stands above them only, so nothing is circular, and each name counts in one group at most.

Source: C2SP tlog-policy.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace

from ledger.errors import Malformed, Unauthorised
from ledger.log.cosignature import ED25519_COSIGNATURE_TYPE, MLDSA44_TYPE, is_signed_by, verify_signed
from ledger.log.note import ED25519_TYPE, Note, VerifierKey, parse_vkey

NONE = "none"
_LOG_TYPES = (ED25519_TYPE, MLDSA44_TYPE)
_WITNESS_TYPES = (ED25519_COSIGNATURE_TYPE, MLDSA44_TYPE)
_SIZE_MAX_BYTES = 1_000_000
_FORBIDDEN = re.compile(rb"[\x00-\x08\x0b-\x1f\x7f]")
_THRESHOLD = re.compile(r"[1-9][0-9]{0,8}", re.ASCII)


@dataclass(frozen=True, slots=True)
class KnownLog:
    """A log whose signature alone, or beside its others, is accepted."""

    key: VerifierKey
    url: str | None


@dataclass(frozen=True, slots=True)
class KnownWitness:
    """A witness by the name it has in this policy; `url` is its submission prefix."""

    name: str
    key: VerifierKey
    url: str | None


@dataclass(frozen=True, slots=True)
class Group:
    """Counts as having witnessed when at least `threshold` of its members have."""

    threshold: int
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Policy:
    """A whole policy; `quorum` is the name of a witness or group, or `none`."""

    logs: tuple[KnownLog, ...]
    witnesses: tuple[KnownWitness, ...]
    groups: Mapping[str, Group]
    quorum: str

    @property
    def needs_witnesses(self) -> bool:
        """Whether a checkpoint needs cosignatures at all."""
        return self.quorum != NONE

    def is_met(self, cosigned: Collection[str]) -> bool:
        """Return whether the witnesses of these names are enough."""
        # In their order: a group refers to what stands above it, so one pass is enough, however deep.
        have = {*cosigned, NONE}
        for name, group in self.groups.items():
            if sum(member in have for member in group.members) >= group.threshold:
                have.add(name)
        return self.quorum in have

    def cosigned(self, note: Note) -> dict[str, int]:
        """Return the witnesses whose cosignatures under a checkpoint hold, with their times in seconds.

        Signatures of unknown keys are ignored; a known key whose signature does not hold has not cosigned.
        """
        found = {}
        for witness in self.witnesses:
            try:
                timestamp_s = verify_signed(note, witness.key)
            except (Malformed, Unauthorised):
                continue
            assert timestamp_s is not None, "witnesses sign with a time"
            found[witness.name] = timestamp_s
        return found

    def check(self, note: Note) -> dict[str, int]:
        """Check a checkpoint against the policy and return who witnessed it, and when.

        Raises:
            Unauthorised: no listed log signed it, or too few witnesses did.
        """
        if self.logs and not any(is_signed_by(note, log.key) for log in self.logs):
            raise Unauthorised("none of the known logs has signed this checkpoint", code="policy-log")
        found = self.cosigned(note)
        if not self.is_met(found):
            raise Unauthorised(
                f"too few witnesses have cosigned this checkpoint: {len(found)}", code="quorum"
            )
        return found


def of_log(policy: Policy, vkeys: Iterable[str]) -> Policy:
    """Return a policy for the log of these keys: its lines for other keys go, and those missing come."""
    named = {str(log.key): log for log in policy.logs}
    logs = tuple(named.get(vkey) or KnownLog(parse_vkey(vkey), None) for vkey in vkeys)
    return replace(policy, logs=logs)


def parse_policy(text: str | bytes) -> Policy:
    """Return the policy of a text.

    Raises:
        Malformed: a line that is none, a name or key that stands twice or was not defined above, or
            not exactly one quorum.
    """
    data = text.encode() if isinstance(text, str) else text
    if len(data) > _SIZE_MAX_BYTES or _FORBIDDEN.search(data):
        raise Malformed(
            "a policy is shorter, and has no control characters but tab and newline", code="policy-text"
        )
    reader = _Reader()
    for number, line in enumerate(data.split(b"\n"), 1):
        # Octets beyond ASCII are opaque: each stands for itself.
        words = [word for word in re.split("[ \t]+", line.decode("utf-8", "surrogateescape")) if word]
        if words and not words[0].startswith("#"):
            reader.take(number, words)
    return reader.policy()


class _Reader:
    """Reads line after line; what a line refers to must have been read before."""

    def __init__(self) -> None:
        self._logs: list[KnownLog] = []
        self._witnesses: list[KnownWitness] = []
        self._groups: dict[str, Group] = {}
        self._names: set[str] = {NONE}
        self._grouped: set[str] = set()
        self._quorum: str | None = None

    def take(self, number: int, words: list[str]) -> None:
        kind, rest = words[0], words[1:]
        readers = {"log": self._log, "witness": self._witness, "group": self._group, "quorum": self._set}
        read = readers.get(kind)
        if read is None:
            raise Malformed(
                f"line {number} of the policy is neither log, witness, group nor quorum", code="policy-line"
            )
        try:
            read(rest)
        except Malformed as error:
            raise Malformed(f"line {number} of the policy: {error}", code=error.code) from error

    def policy(self) -> Policy:
        if self._quorum is None:
            raise Malformed("a policy has exactly one quorum line", code="policy-quorum-count")
        return Policy(tuple(self._logs), tuple(self._witnesses), self._groups, self._quorum)

    def _log(self, words: list[str]) -> None:
        key, url = _key_and_url(words, _LOG_TYPES)
        _refuse_twice(key, (log.key for log in self._logs))
        self._logs.append(KnownLog(key, url))

    def _witness(self, words: list[str]) -> None:
        name = self._new_name(words)
        key, url = _key_and_url(words[1:], _WITNESS_TYPES)
        _refuse_twice(key, (witness.key for witness in self._witnesses))
        self._witnesses.append(KnownWitness(name, key, url))

    def _group(self, words: list[str]) -> None:
        name, members = self._new_name(words[:1]), tuple(words[2:])
        if not members:
            raise Malformed("a group has a name, how many of it are enough, and members", code="policy-group")
        for member in members:
            if member in (NONE, name) or member not in self._names:
                raise Malformed("a member of the group is not defined above", code="policy-member")
            if member in self._grouped:
                raise Malformed("a member of the group counts already", code="policy-member-twice")
            self._grouped.add(member)
        threshold = {"all": len(members), "any": 1}.get(words[1])
        if threshold is None:
            threshold = int(words[1]) if _THRESHOLD.fullmatch(words[1]) else 0
        if not 1 <= threshold <= len(members):
            raise Malformed("a group asks for all, any, or a number of its members", code="policy-threshold")
        self._groups[name] = Group(threshold, members)

    def _set(self, words: list[str]) -> None:
        if len(words) != 1 or words[0] not in self._names:
            raise Malformed("the quorum is not defined above", code="policy-quorum")
        if self._quorum is not None:
            raise Malformed("a policy has exactly one quorum line", code="policy-quorum-count")
        self._quorum = words[0]

    def _new_name(self, words: list[str]) -> str:
        if not words or words[0] in self._names:
            raise Malformed("the name is missing, or defined already", code="policy-name")
        self._names.add(words[0])
        return words[0]


def _key_and_url(words: list[str], types: Collection[int]) -> tuple[VerifierKey, str | None]:
    if len(words) not in (1, 2):  # a key, and perhaps an address
        raise Malformed("a key, and perhaps an address after it", code="policy-words")
    try:
        words[0].encode()
    except UnicodeEncodeError as error:
        raise Malformed("a key's name is UTF-8", code="policy-key-utf8") from error
    key = parse_vkey(words[0])
    if key.type not in types:
        raise Malformed("the key is of a type that does not sign this", code="policy-key-type")
    return key, words[1] if words[1:] else None


def _refuse_twice(key: VerifierKey, known: Iterable[VerifierKey]) -> None:
    if any(one.key == key.key for one in known):
        raise Malformed("the same key stands twice", code="policy-key-twice")


def format_policy(policy: Policy) -> str:
    """Return the text of a policy, without comments."""
    lines = [" ".join(("log", str(log.key), *_words(log.url))) for log in policy.logs]
    lines += [
        " ".join(("witness", witness.name, str(witness.key), *_words(witness.url)))
        for witness in policy.witnesses
    ]
    lines += [
        f"group {name} {group.threshold} {' '.join(group.members)}" for name, group in policy.groups.items()
    ]
    return "\n".join([*lines, f"quorum {policy.quorum}"]) + "\n"


def _words(url: str | None) -> tuple[str, ...]:
    return () if url is None else (url,)
