"""The way to the large published vector sets, which are not part of this repository.

They are read from the folder that the environment variable ROA_VECTORS names; `.ci/run` sets it.
Where it is not set, a test that asks for one does not run, says so, and is counted at the end of
the run (`tests/conftest.py`). A folder that is named but does not hold the set is an error: a
mistyped path must not look like a clean run.
"""

import os
from pathlib import Path
from typing import Any

import pytest

VARIABLE = "ROA_VECTORS"
# Begins the reason of every test that did not run for want of vectors; the summary counts by it.
NOT_RUN = "published vectors"


def published(relative: str) -> Path:
    """Return the file or folder of a published vector set, or do not run this test.

    Args:
        relative: path inside the vectors folder, for example `tlog/merkle/inclusion`.

    Returns:
        A path that exists.

    Raises:
        FileNotFoundError: the vectors folder is named but holds no such path.
        pytest.skip.Exception: the vectors folder is not named; at module level this leaves out
            the whole module.
    """
    root = os.environ.get(VARIABLE)
    if not root:
        pytest.skip(_reason(relative), allow_module_level=True)
    path = Path(root, relative)
    if not path.exists():
        raise FileNotFoundError(f"{VARIABLE}={root} holds no {relative}: correct the variable, or unset it")
    return path


def published_cases(relative: str, pattern: str) -> list[Any]:
    """Return the files of a published set that match a glob pattern, for `parametrize`.

    Args:
        relative: folder inside the vectors folder.
        pattern: glob below it, for example `**/*.json`.

    Returns:
        One parameter per file, sorted, named by its path below the folder; without a vectors
        folder a single parameter that does not run and says why.

    Raises:
        FileNotFoundError: the vectors folder is named, and nothing in it matches.
    """
    if not os.environ.get(VARIABLE):
        return [pytest.param(None, marks=pytest.mark.skip(reason=_reason(relative)), id="not-run")]
    folder = published(relative)
    files = sorted(path for path in folder.glob(pattern) if path.is_file())
    if not files:
        raise FileNotFoundError(f"nothing in {folder} matches {pattern}")
    return [pytest.param(path, id=path.relative_to(folder).as_posix()) for path in files]


def _reason(relative: str) -> str:
    return f"{NOT_RUN}: {VARIABLE} is not set, so {relative} was not read"
