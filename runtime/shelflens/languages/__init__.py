"""Texts of the pages for browsers, one file per language.

`strings.js` chooses one; `attributes.js` writes prices and amounts as its speakers do.

The web app (`webapp`) and the server's pages (`serve`) carry these files as they are.
"""

from pathlib import Path

FOLDER = Path(__file__).parent / "js"

LANGUAGES = ("en", "de", "es", "fr", "ar")
"""Codes (ISO 639-1) of the files; the first is what speakers of others get."""


def scripts() -> dict[str, bytes]:
    """Name and content of each file that a page needs beside its own scripts."""
    names = ["attributes.js", "strings.js", *(f"{code}.js" for code in LANGUAGES)]
    return {name: (FOLDER / name).read_bytes() for name in names}
