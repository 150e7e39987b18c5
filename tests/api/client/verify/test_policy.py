"""Which witnesses are enough: C2SP tlog-policy, read and judged a second time."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.client.errors import Malformed
from api.client.verify.policy import SIZE_MAX, parse_policy
from api.client.verify.tlog import parse_checkpoint
from tests.api.client.verify.words import WORLD
from tests.support.handmade import ORIGIN, MldsaKey, Witness
from tests.support.vectors import published

X = [Witness(f"x{number}.example/w") for number in range(3)]
Y = [Witness(f"y{number}.example/w") for number in range(3)]
LOG = f"log {WORLD.log.key.vkey(ORIGIN)}\n"
TWO_LEVELS = (
    LOG
    + "".join(f"witness {witness.name[:2]} {witness.vkey}\n" for witness in X + Y)
    + "group X 2 x0 x1 x2\ngroup Y any y0 y1 y2\ngroup both all X Y\nquorum both\n"
)
NAMES = [witness.name[:2] for witness in X + Y]


def published_policy():
    """Return the policy that Go code made, and the checkpoint that is signed and cosigned four times."""
    policy = published("tlog/generated/policy.txt").read_text(encoding="utf-8")
    note = published("tlog/generated/checkpoint-4sigs.txt").read_text(encoding="utf-8")
    return policy, note


def test_a_policy_and_a_checkpoint_that_others_made():
    """A checkpoint cosigned in both ways by witnesses of Go code meets their policy."""
    text, note = published_policy()
    policy, checkpoint = parse_policy(text), parse_checkpoint(note)

    confirmed = policy.confirmed(checkpoint)

    assert confirmed.keys() == {"w0", "w1"}
    assert len(set(confirmed.values())) == 1
    assert policy.enough(confirmed)
    assert [key.signed(checkpoint) for key in policy.logs] == [True]
    assert policy.needs_witnesses


@pytest.mark.parametrize("line", [6, 7], ids=["ed25519", "ml-dsa-44"])
def test_without_one_of_their_cosignatures_the_policy_is_not_met(line):
    """Two of two are asked for."""
    text, note = published_policy()
    lines = note.split("\n")
    del lines[line]

    confirmed = parse_policy(text).confirmed(parse_checkpoint("\n".join(lines)))

    assert len(confirmed) == 1
    assert not parse_policy(text).enough(confirmed)


def test_every_set_of_witnesses_is_judged_as_the_groups_say():
    """Two of the X and one of the Y, in all 64 combinations."""
    policy = parse_policy(TWO_LEVELS)

    for count in range(7):
        for names in itertools.combinations(NAMES, count):
            xs, ys = sum(name[0] == "x" for name in names), sum(name[0] == "y" for name in names)
            assert policy.enough(names) == (xs >= 2 and ys >= 1)


@pytest.mark.parametrize(
    ("quorum", "names", "enough"),
    [
        ("none", [], True),
        ("x0", [], False),
        ("x0", ["x1"], False),
        ("x0", ["x0"], True),
        ("Y", ["y2"], True),
        ("both", ["x0", "x1"], False),
    ],
)
def test_a_quorum_is_a_witness_a_group_or_nobody(quorum, names, enough):
    """The last line says who must have confirmed."""
    policy = parse_policy(TWO_LEVELS.replace("quorum both", f"quorum {quorum}"))

    assert policy.enough(names) is enough
    assert policy.needs_witnesses is (quorum != "none")


def test_unknown_names_count_for_nothing():
    """Neither a stranger's name nor a group's own name among the witnesses makes more of them."""
    assert not parse_policy(TWO_LEVELS).enough(["x0", "x1", "z0", "z1"])


def test_groups_within_groups_as_deep_as_a_text_can_be():
    """Ten thousand groups, each in the next, are judged without a stack."""
    groups = "".join(f"group g{n} 1 {'x0' if n == 0 else f'g{n - 1}'}\n" for n in range(10_000))
    policy = parse_policy(f"witness x0 {X[0].vkey}\n{groups}quorum g9999\n")

    assert policy.enough(["x0"])
    assert not policy.enough([])


def test_blanks_comments_and_addresses_are_no_matter():
    """Tabs and spaces anywhere, comments with their own line, an address behind a key."""
    text = (
        f"# all of it\n\n \t\n  \twitness\t x0   {X[0].vkey} \t https://x0.example/\n"
        f" # between\n log {WORLD.log.mldsa.vkey(ORIGIN)}\thttps://log.example/ \ngroup g 1 x0\n\tquorum  g"
    )

    policy = parse_policy(text)

    assert list(policy.witnesses) == ["x0"]
    assert policy.enough(["x0"])


def test_names_are_compared_sign_by_sign():
    """The letter K and the sign for kelvin are two names, and a no-break space is no blank."""
    text = f"witness K {X[0].vkey}\nwitness \u212a {X[1].vkey}\nwitness a\u00a0b {X[2].vkey}\nquorum \u212a\n"

    policy = parse_policy(text)

    assert policy.enough(["\u212a"])
    assert not policy.enough(["K"])
    assert "a\u00a0b" in policy.witnesses


MUTATIONS = {
    "unknown-line": TWO_LEVELS + "monitor x\n",
    "two-quorums": TWO_LEVELS + "quorum both\n",
    "no-quorum": TWO_LEVELS.replace("quorum both\n", ""),
    "commented-quorum": TWO_LEVELS.replace("quorum both", "#quorum both"),
    "quorum-of-two": TWO_LEVELS.replace("quorum both", "quorum X Y"),
    "quorum-of-nothing": TWO_LEVELS.replace("quorum both", "quorum"),
    "quorum-not-defined": TWO_LEVELS.replace("quorum both", "quorum Z"),
    "quorum-before-its-group": "quorum both\n" + TWO_LEVELS.replace("quorum both\n", ""),
    "quorum-in-capitals": TWO_LEVELS.replace("quorum both", "Quorum both"),
    "group-without-members": TWO_LEVELS.replace("any y0 y1 y2", "any"),
    "group-without-count": TWO_LEVELS.replace("group Y any y0 y1 y2", "group Y"),
    "group-named-none": TWO_LEVELS.replace("group Y ", "group none "),
    "group-of-none": TWO_LEVELS.replace("any y0 y1 y2", "any y0 none"),
    "group-of-itself": TWO_LEVELS.replace("any y0 y1 y2", "any y0 Y"),
    "group-of-a-later-group": TWO_LEVELS.replace("2 x0 x1 x2", "2 x0 x1 Y"),
    "member-twice": TWO_LEVELS.replace("any y0 y1 y2", "any y0 y0"),
    "member-of-two-groups": TWO_LEVELS.replace("any y0 y1 y2", "any y0 x0"),
    "zero-of-three": TWO_LEVELS.replace("2 x0", "0 x0"),
    "four-of-three": TWO_LEVELS.replace("2 x0", "4 x0"),
    "plus-two": TWO_LEVELS.replace("2 x0", "+2 x0"),
    "leading-zero": TWO_LEVELS.replace("2 x0", "02 x0"),
    "arabic-two": TWO_LEVELS.replace("2 x0", "\u0662 x0"),
    "some": TWO_LEVELS.replace("any y0", "some y0"),
    "name-twice": TWO_LEVELS.replace("witness x1", "witness x0"),
    "group-named-as-a-witness": TWO_LEVELS.replace("group Y", "group x0"),
    "witness-named-none": TWO_LEVELS.replace("witness x0", "witness none"),
    "witness-without-key": TWO_LEVELS.replace(f"x0 {X[0].vkey}", "x0"),
    "witness-without-name": TWO_LEVELS.replace(f"x0 {X[0].vkey}", ""),
    "witness-key-twice": TWO_LEVELS.replace(X[1].vkey, X[0].vkey),
    "witness-with-a-plain-key": TWO_LEVELS.replace(X[0].vkey, WORLD.stranger.vkey("x0.example/w")),
    "witness-key-cut-off": TWO_LEVELS.replace(X[0].vkey, X[0].vkey[:-4]),
    "witness-key-of-another-name": TWO_LEVELS.replace(X[0].vkey, X[0].vkey.replace("x0", "x9")),
    "words-after-the-address": TWO_LEVELS.replace(X[0].vkey, f"{X[0].vkey} https://x0.example/ now"),
    "log-key-twice": TWO_LEVELS + LOG,
    "log-key-twice-under-two-names": TWO_LEVELS + f"log {WORLD.log.key.vkey('other.example/log')}\n",
    "log-without-key": TWO_LEVELS + "log\n",
    "log-with-a-witness-key": TWO_LEVELS + f"log {Witness('z').vkey}\n",
    "carriage-return": TWO_LEVELS.replace("\n", "\r\n"),
    "control-character": TWO_LEVELS + "# \x7f\n",
    "vertical-tab-as-blank": TWO_LEVELS.replace("quorum both", "quorum\x0bboth"),
    "no-break-space-as-blank": TWO_LEVELS.replace("quorum both", "quorum\u00a0both"),
    "too-long": TWO_LEVELS + "#" * SIZE_MAX,
    "empty": "",
}


@pytest.mark.parametrize("text", MUTATIONS.values(), ids=MUTATIONS)
def test_a_policy_of_another_form_is_refused(text):
    """Nothing in a policy is guessed."""
    assert parse_policy(TWO_LEVELS).enough(["x0", "x1", "y0"])

    with pytest.raises(Malformed) as caught:
        parse_policy(text)

    assert caught.value.code == "policy"


@given(st.text(max_size=200) | st.lists(st.sampled_from(TWO_LEVELS.split(" ")), max_size=12).map(" ".join))
def test_no_text_stops_the_reader(text):
    """Whatever stands in a policy, it is read or refused."""
    try:
        found = parse_policy(text).enough([])
    except Malformed as error:
        found = error.code

    assert found in (True, False, "policy")


# ------------------------------------------------------------------ cosignatures


def cosigned(*lines):
    """Return a checkpoint with more lines under it."""
    return parse_checkpoint(WORLD.log.checkpoint(WORLD.size) + "".join(lines))


def test_who_confirmed_and_when():
    """Each known witness that signed is named with its time; both kinds of keys count; others do not."""
    text = WORLD.log.text(WORLD.size)
    pq = MldsaKey("pq")
    policy = parse_policy(
        f"witness a {X[0].vkey}\nwitness b {pq.vkey('pq.example/w')}\nwitness c {X[2].vkey}\nquorum b\n"
    )

    checkpoint = cosigned(
        X[0].line(text, 100), X[0].line(text, 90), X[1].line(text, 80), pq.note_line("pq.example/w", text, 70)
    )

    assert policy.confirmed(checkpoint) == {"a": 90, "b": 70}


@pytest.mark.parametrize(
    "line",
    [
        pytest.param(lambda text: X[0].line(text.replace("\n", "0\n", 1), 100), id="of-another-log"),
        pytest.param(lambda text: X[0].line(text + "more\n", 100), id="of-another-text"),
        pytest.param(
            lambda text: X[0].line(text, 100)[:-12] + "AAAA" + X[0].line(text, 100)[-8:],
            id="another-signature",
        ),
        pytest.param(lambda text: MldsaKey("pq").note_line("pq.example/w", text, 2**63), id="time-too-large"),
        pytest.param(
            lambda _text: MldsaKey("pq").note_line("pq.example/w", WORLD.log.text(WORLD.size - 1), 1),
            id="of-an-older-tree",
        ),
        pytest.param(
            lambda text: MldsaKey("pq").note_line("pq.example/w", text.replace(ORIGIN, "o"), 1),
            id="ml-dsa-of-another-log",
        ),
    ],
)
def test_a_cosignature_that_does_not_hold_counts_as_none(line):
    """Under a known name and id stands what does not hold: that witness has not confirmed, others have."""
    policy = parse_policy(
        f"witness a {X[0].vkey}\nwitness b {MldsaKey('pq').vkey('pq.example/w')}\n"
        f"witness c {X[2].vkey}\nquorum c\n"
    )
    text = WORLD.log.text(WORLD.size)

    assert policy.confirmed(cosigned(line(text), X[2].line(text, 60))) == {"c": 60}


def test_of_several_cosignatures_of_one_witness_all_must_hold():
    """A good one beside a bad one under the same key: that witness has not confirmed."""
    policy = parse_policy(f"witness a {X[0].vkey}\nquorum a\n")
    text = WORLD.log.text(WORLD.size)

    assert policy.confirmed(cosigned(X[0].line(text, 90), X[0].line(f"{text}more\n", 80))) == {}
