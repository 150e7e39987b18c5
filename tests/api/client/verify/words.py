"""Words shared by the tests of the verifier."""

import copy
import json
from dataclasses import replace

from api.client.verify import Trust, verify
from tests.support.credentials import NOW_US, World, file_of

# One world that nobody changes; a test that records more awards makes its own.
WORLD = World()
AWARD = WORLD.award()
BADGE = WORLD.badge(AWARD)
RECORDS = [WORLD.record([BADGE] + [WORLD.badge(replace(AWARD, credential=at)) for at in (2, 3)])]
LIST = WORLD.status_list()
TRUST = Trust.parse(WORLD.trust())
YES = True  # a value in a document, not a switch of a function
PASSED = dict.fromkeys(range(1, 10), "passed")


def served(*lists):
    """Return a fetch that has these status lists."""
    return {one["id"]: file_of(one) for one in lists}.__getitem__


def judged(credential, *, trust=TRUST, fetch=None, now_us=NOW_US):
    """Verify a document or bytes, with the good status list unless another fetch is given."""
    data = credential if isinstance(credential, bytes) else file_of(credential)
    return verify(data, trust=trust, fetch=fetch or served(LIST), now_us=now_us)


def results(verdict):
    """Return the checks as {number: result}."""
    return {check.number: str(check.result) for check in verdict.checks}


def codes(verdict):
    """Return the checks that did not pass as {number: (result, code)}."""
    return {
        check.number: (str(check.result), check.code) for check in verdict.checks if check.result != "passed"
    }


def sentence(verdict, number):
    """Return what a check says."""
    return verdict.checks[number - 1].sentence


def edited(document, edit):
    """Return a changed copy: after signing, this is tampering."""
    changed = copy.deepcopy(document)
    edit(changed)
    return changed


def put(*path):
    """Return an edit that sets a member: names of the way there, then the value."""
    *names, last, value = path

    def edit(document):
        for name in names:
            document = document[name]
        document[last] = value

    return edit


def drop(*path):
    """Return an edit that removes a member."""
    *names, last = path

    def edit(document):
        for name in names:
            document = document[name]
        del document[last]

    return edit


def places(value, path=()):
    """Yield (path, leaf) for every value in a document that holds no other."""
    if isinstance(value, (dict, list)):
        for key, member in value.items() if isinstance(value, dict) else enumerate(value):
            yield from places(member, (*path, key))
    else:
        yield path, value


def raw(document, old, new):
    """Return the bytes of a document with a piece of its text replaced; it must be there once."""
    text = json.dumps(document, ensure_ascii=False)
    assert text.count(old) == 1
    return text.replace(old, new).encode()
