"""Static files are those of the manifest; pages hold nothing that a strict policy forbids."""

import json
import re
from hashlib import sha256

from dashboards.page import HERE

FONTS = HERE / "static" / "fonts"
SIDED = re.compile(r"(margin|padding|border|inset)-(left|right)|(^|[\s;{])(left|right)\s*:")
SIDED_VALUES = re.compile(r"(text-align|float|clear)\s*:\s*(left|right)")


def test_fonts_are_those_of_the_manifest() -> None:
    manifest = json.loads((FONTS / "manifest.json").read_text())
    found = {p.name: sha256(p.read_bytes()).hexdigest() for p in FONTS.glob("*.woff2")}

    assert found == {name: each["sha256"] for name, each in manifest["files"].items()}
    assert (FONTS / manifest["licence_file"]).is_file()


def test_the_sheet_knows_no_left_and_right() -> None:
    sheet = (HERE / "static" / "style.css").read_text()

    assert SIDED.findall(sheet) == []
    assert SIDED_VALUES.findall(sheet) == []


def test_pages_hold_no_inline_script_or_style() -> None:
    for path in HERE.rglob("*.html"):
        page = path.read_text()
        assert not re.search(r"<script(?![^>]*\ssrc=)", page), path
        assert not re.search(r"\sstyle=|<style|\son\w+=|javascript:", page), path


def test_no_file_names_another_host() -> None:
    for pattern in ("*.html", "*.css", "*.js"):
        for path in HERE.rglob(pattern):
            assert not re.search(r"https?:|//[a-z]+\.", path.read_text()), path
