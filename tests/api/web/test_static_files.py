"""Style, typeface and modules: named by content, cached for ever, and fit to be read."""

import re
from hashlib import sha256

import pytest

from api.web.static_files import FOLDER, StaticFiles

CSS = (FOLDER / "style.css").read_text()
SIZE_MAX_BYTES = 16_000
AA, AA_LARGE_OR_PART = 4.5, 3.0


@pytest.fixture(scope="module")
def files():
    """The files as they are served."""
    return StaticFiles()


def test_a_file_is_named_by_its_content_and_kept_for_ever(site, files):
    """The address carries the hash, the answer may be cached for a year, and an ETag saves the rest."""
    url = files.url("style.css")

    response = site.get(url)

    assert re.fullmatch(r"/static/style\.[0-9a-f]{12}\.css", url)
    assert sha256(response.content).hexdigest()[:12] in url
    assert response.headers["content-type"] == "text/css; charset=utf-8"
    assert response.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert site.get(url, If_None_Match=response.headers["etag"]).status_code == 304


def test_another_content_has_another_name(tmp_path):
    """A changed typeface changes the name of the style sheet that asks for it."""
    (tmp_path / "a.woff2").write_bytes(b"one")
    (tmp_path / "z.css").write_text("@font-face { src: url(a.woff2) }")
    before = StaticFiles(tmp_path).url("z.css")

    (tmp_path / "a.woff2").write_bytes(b"two")

    assert StaticFiles(tmp_path).url("z.css") != before


def test_what_the_style_sheet_asks_for_is_there(site, files):
    """Its typefaces are served under the names it gives, and it asks nobody else."""
    served = site.get(files.url("style.css")).text
    wanted = re.findall(r"url\(([^)]+)\)", served)

    assert len(wanted) == 2
    for name in wanted:
        response = site.get(f"/static/{name}")
        assert response.status_code == 200
        assert response.headers["content-type"] == "font/woff2"
    assert "//" not in re.sub(r"/\*.*?\*/", "", served, flags=re.DOTALL)
    assert "@import" not in served


def test_the_verifier_s_modules_find_each_other(site, files):
    """Every module is served as JavaScript, and asks for others by the names they are served under."""
    modules = [f"verifier/{path.name}" for path in sorted((FOLDER / "verifier").glob("*.js"))]

    for name in modules:
        response = site.get(files.url(name))
        assert response.headers["content-type"] == "text/javascript; charset=utf-8"
        for asked in re.findall(r"from '\./([^']+)'", response.text):
            assert site.get(f"/static/verifier/{asked}").status_code == 200
    assert len(modules) > 8


def test_another_module_has_another_name(tmp_path):
    """A changed module changes the names of those that ask for it, to the last."""
    folder = tmp_path / "scripts"
    folder.mkdir()
    (folder / "c.js").write_text("export const c = 1;")
    (folder / "b.js").write_text("export { c } from './c.js';")
    (folder / "a.js").write_text("import { c } from './b.js';")
    before = StaticFiles(tmp_path).url("scripts/a.js")

    (folder / "c.js").write_text("export const c = 2;")

    assert StaticFiles(tmp_path).url("scripts/a.js") != before


@pytest.mark.parametrize("name", ["style.css", "nothing.css", "../pages.py", "fonts", "fonts/OFL.txt", ""])
def test_nothing_else_is_served(site, name):
    """Names without a hash, folders and ways out of the folder are not there."""
    assert site.get(f"/static/{name}").status_code == 404


def test_the_typefaces_are_those_that_their_licence_file_names():
    """The README beside them names the SHA-256 of each, and the licence stands there too."""
    readme = (FOLDER / "fonts" / "README.txt").read_text()
    fonts = sorted((FOLDER / "fonts").glob("*.woff2"))

    assert len(fonts) == 2
    for font in fonts:
        assert f"{font.name}   sha256 {sha256(font.read_bytes()).hexdigest()}" in readme
    assert "SIL OPEN FONT LICENSE Version 1.1" in (FOLDER / "fonts" / "OFL.txt").read_text()


def test_the_style_stays_small():
    """One sheet for every page, without a framework."""
    assert len(CSS) < SIZE_MAX_BYTES


def colours(scheme: str) -> dict[str, str]:
    """Return the tokens of a colour scheme."""
    light, dark = re.findall(r":root \{(.*?)\}", CSS, re.DOTALL)[:2]
    return dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{3,6});", light if scheme == "light" else dark))


def luminance(colour: str) -> float:
    """Return the relative luminance of a colour. Source: WCAG 2.2, definition of relative luminance."""
    digits = colour[1:] if len(colour) == 7 else "".join(2 * digit for digit in colour[1:])
    parts = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """Return the contrast ratio of two colours, 1 to 21."""
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    ("front", "back", "least"),
    [
        *((text, back, AA) for text in ("ink", "quiet", "link") for back in ("paper", "tint")),
        *((text, "paper", AA) for text in ("good", "note", "bad", "open")),
        *((text, f"{text}-tint", AA) for text in ("good", "note", "bad", "open")),
        *(("ink", f"{tint}-tint", AA) for tint in ("good", "note", "bad", "open")),
        ("on-strong", "strong", AA),
        ("paper", "link", AA),
        ("paper", "ink", AA),
        ("edge", "paper", AA_LARGE_OR_PART),
        ("focus", "paper", AA_LARGE_OR_PART),
        ("focus", "tint", AA_LARGE_OR_PART),
    ],
)
def test_colours_can_be_told_apart(scheme, front, back, least):
    """Text, fields and focus have the contrast that WCAG 2.2 AA asks for, in light and in dark."""
    found = colours(scheme)

    assert contrast(found[front], found[back]) >= least
