"""Which signatures must stand under a checkpoint before it is the log's word, and who says so.

Source: C2SP tlog-policy; LEDGER.md 5 (which log keys must all verify).
"""

from dataclasses import dataclass, field, replace

from ledger.errors import Corrupt, Rollback, Split, Unauthorised
from ledger.log.checkpoint import Checkpoint, parse_checkpoint
from ledger.log.cosignature import is_signed_by, verify_signed
from ledger.log.note import Note, VerifierKey, parse_note
from ledger.log.policy import Policy
from ledger.log_keys import LogKeys
from ledger.monitor.findings import Findings


@dataclass(frozen=True, slots=True)
class Trusted:
    """What whoever asks believes beforehand about a log.

    origin: the log's name; None where any will do.
    keys: all of these must have signed, whatever the size.
    by_size: of these, all that count at a checkpoint's size must have signed, and one must count.
    policy: its log keys of which one must have signed, and its witnesses and their quorum.
    """

    keys: tuple[VerifierKey, ...] = ()
    policy: Policy | None = None
    origin: str | None = None
    by_size: LogKeys = field(default_factory=LogKeys)

    @property
    def is_empty(self) -> bool:
        """Whether nothing is believed beforehand: then any note would do, and somebody must say so."""
        return not self._named()

    def asks_for(self, log_keys: LogKeys) -> bool:
        """Whether the log's own keys are to be checked: nothing else is believed, or one of them is."""
        return self.is_empty or not self._own(log_keys).isdisjoint(self._named())

    def following(self, log_keys: LogKeys) -> "Trusted":
        """Return what is left to believe beforehand once a log was followed from a checkpoint that held.

        The log's own keys in it give way to what the log's records say: those were signed by keys that
        the checkpoint held to covers, so a rotation in them is the log's own.
        """
        own, policy = self._own(log_keys), self.policy
        if policy is not None and not own.isdisjoint(log.key for log in policy.logs):
            policy = replace(policy, logs=())
        return replace(
            self,
            keys=tuple(key for key in self.keys if key not in own),
            by_size=LogKeys(one for one in self.by_size if one.key not in own),
            policy=policy,
        )

    def _named(self) -> set[VerifierKey]:
        logs = () if self.policy is None else self.policy.logs
        return {*self.keys, *self._own(self.by_size), *(log.key for log in logs)}

    @staticmethod
    def _own(log_keys: LogKeys) -> set[VerifierKey]:
        return {one.key for one in log_keys}


@dataclass(frozen=True, slots=True)
class Seen:
    """A checkpoint that was read: its bytes, what it says, who witnessed it and when (seconds)."""

    note: Note
    text: str  # the whole signed note
    checkpoint: Checkpoint
    witnessed: dict[str, int]


def read_checkpoint(data: bytes, trusted: Trusted, findings: Findings, where: str) -> Seen | None:
    """Return a checkpoint that is the log's own word; findings say what is wrong with it.

    Too few cosignatures are a finding, and the log is still held to what it signed. None where it
    cannot be read, is another log's, or is not signed as it must be.
    """
    with findings.at(where):
        note = parse_note(data)
        checkpoint = parse_checkpoint(note.text.encode())
        _check_log(note, checkpoint, trusted)
        witnessed: dict[str, int] = {}
        if trusted.policy is not None:
            witnessed = trusted.policy.cosigned(note)
            if not trusted.policy.is_met(witnessed):
                findings.add("quorum", where, f"too few witnesses have cosigned it: {len(witnessed)}")
        return Seen(note, data.decode(), checkpoint, witnessed)
    return None


def _check_log(note: Note, checkpoint: Checkpoint, trusted: Trusted) -> None:
    if trusted.origin is not None and checkpoint.origin != trusted.origin:
        raise Unauthorised(f"it is the checkpoint of another log: {checkpoint.origin}", code="origin")
    counting = trusted.by_size.at(checkpoint.size)
    if trusted.by_size and not counting:
        raise Unauthorised(f"no known key of the log counts at size {checkpoint.size}", code="unsigned")
    for key in (*trusted.keys, *counting):
        verify_signed(note, key)
    logs = [] if trusted.policy is None else [log.key for log in trusted.policy.logs]
    if logs and not any(is_signed_by(note, key) for key in logs):
        raise Unauthorised("none of the known logs has signed it", code="policy-log")


def check_own_keys(seen: Seen, log_keys: LogKeys) -> None:
    """Check a checkpoint by the keys that the log's own records have in force at its size.

    All of them must have signed. It shows that a log agrees with itself, and no more: whose the keys
    are, somebody else must say.

    Raises:
        Corrupt: `origin`: a key is another log's; `unfounded`: no key counts there.
        Unauthorised, Malformed: one has not signed, or its signature does not hold.
    """
    keys = log_keys.at(seen.checkpoint.size)
    if not keys:
        raise Corrupt("no founding record names its keys: name them yourself", code="unfounded")
    for key in keys:
        if key.name != seen.checkpoint.origin:
            raise Corrupt("the founding names keys of another log", code="origin")
        verify_signed(seen.note, key)


def check_forward(before: Checkpoint, now: Checkpoint) -> None:
    """Check what two checkpoints alone show: that they are one log's, and the later is no step back.

    Raises:
        Corrupt: `origin`: they are two logs'.
        Rollback: the later one has fewer entries.
        Split: they have as many, and other ones.
    """
    if now.origin != before.origin:
        raise Corrupt(f"it is another log now: {now.origin}", code="origin")
    if now.size < before.size:
        raise Rollback(f"it has {now.size} entries, and had {before.size} before")
    if now.size == before.size and now.root != before.root:
        raise Split(f"it has two roots for {now.size} entries")
