"""The files of the project, as a reader of the repository would list them."""

from fnmatch import fnmatch
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("ledger", "projections", "api")


def project_files(*patterns: str) -> list[Path]:
    """Return the files of the project whose path matches one of the patterns, sorted.

    Args:
        patterns: of `Path.match`, such as `*.py` or `ledger/**/*.toml`; none means every file.

    What `.gitignore` names is left out; git itself is not asked, because a source archive has none.
    """
    found = [path for path in _walk(ROOT, _ignored()) if not patterns or any(map(path.match, patterns))]
    return sorted(found)


def package_modules() -> list[Path]:
    """Return every module of the three packages."""
    return [path for path in project_files("*.py") if path.relative_to(ROOT).parts[0] in PACKAGES]


def _walk(folder: Path, ignored: list[str]) -> list[Path]:
    files: list[Path] = []
    for path in folder.iterdir():
        # A pattern that begins with a slash counts at the top only.
        names = (path.name, f"/{path.relative_to(ROOT)}")
        if any(fnmatch(name, pattern) for name in names for pattern in ignored):
            continue
        files += _walk(path, ignored) if path.is_dir() else [path]
    return files


def _ignored() -> list[str]:
    lines = (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
    return [".git", *(line.rstrip("/") for line in lines if line.strip() and not line.startswith("#"))]
