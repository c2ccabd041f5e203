"""Texts of the pages: each language has all of them, and no text stands in code or markup."""

from __future__ import annotations

import json
import re
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from shelflens.languages import FOLDER, LANGUAGES
from shelflens.serve.static_files import FORM
from shelflens.webapp.build import SITE
from tests.support.site_modules import modules

pytestmark = pytest.mark.browser

PAGES = [
    *sorted((SITE / "js").glob("*.js")),
    FOLDER / "attributes.js",
    *sorted(FORM.glob("*.js")),
]
MARKUP = [SITE / "index.html", *sorted(FORM.glob("*.html"))]
TECHNICAL = {"fl oz", "the token to look up"}  # the second is what the server's refusal says
ALIKE = {
    "de": {
        "columns.name",
        "columns.material",
        "enter.token",
        "spoken.match",
        "trust.android",
        "trust.computer",
        "zoom",
    },
    "es": {"columns.material", "columns.color", "spoken.match", "trust.android", "zoom"},
    "fr": {
        "columns.description",
        "columns.volume",
        "edit.shot",
        "photo",
        "serve.photoName",
        "spoken.match",
        "sure.perhaps",
        "trust.android",
        "zoom",
    },
    "ar": {"spoken.match"},
}
"""Texts that a language shares with English."""


def node(code: str, given: Any = None) -> Any:
    """What a module in Node assigns to `out`."""
    head = f"const given = {json.dumps(given)}; let out;\n"
    done = subprocess.run(
        ["node", "--input-type=module", "-e", f"{head}{code}\nconsole.log(JSON.stringify(out));"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def strings(call: str, given: Any = None) -> Any:
    """A value of `strings.js` in Node."""
    load = f'import * as strings from "{modules()}/languages/strings.js";\n'
    return node(f"{load}out = {call};", given)


@pytest.fixture(scope="module")
def texts() -> dict[str, dict[str, Any]]:
    """Language code to key such as "edit.save" to text, or to plural forms."""
    loads = "".join(
        f'import {code} from "{modules()}/languages/{code}.js";\n' for code in LANGUAGES
    )
    tables = node(f"{loads}out = {{ {', '.join(LANGUAGES)} }};")
    return {code: dict(flat(table)) for code, table in tables.items()}


def flat(table: dict[str, Any], path: str = "") -> Any:
    for key, value in table.items():
        if isinstance(value, str) or "other" in value:
            yield path + key, value
        else:
            yield from flat(value, f"{path}{key}.")


def names(text: str) -> set[str]:
    return set(re.findall(r"\{(\w+)\}", text))


def test_every_language_is_complete(texts: dict[str, dict[str, Any]]) -> None:
    english = texts["en"]
    assert len(english) > 150
    for code, table in texts.items():
        assert list(table) == list(english), code  # in the same order, to be read side by side
        for key, text in table.items():
            where = f"{code} {key}"
            assert isinstance(text, str) == isinstance(english[key], str), where
            if isinstance(text, str):
                assert text.strip(), where
                assert names(text) == names(english[key]), where
            elif code != "en":
                assert names(text["other"]) == names(english[key]["other"]), where


def test_plural_forms_are_those_of_the_language(texts: dict[str, dict[str, Any]]) -> None:
    rules = "given.map((code) => new Intl.PluralRules(code).resolvedOptions().pluralCategories)"
    categories = dict(zip(LANGUAGES, node(f"out = {rules};", LANGUAGES), strict=True))
    assert set(categories["ar"]) == {"zero", "one", "two", "few", "many", "other"}
    for code, table in texts.items():
        for key, forms in table.items():
            if isinstance(forms, str):
                continue
            assert set(forms) == set(categories[code]), f"{code} {key}"
            for form, text in forms.items():
                missing = names(forms["other"]) - names(text)
                spelt = form in ("zero", "one", "two")  # these may say their number in words
                assert not missing - ({"count"} if spelt else set()), f"{code} {key} {form}"


def test_nothing_stayed_english(texts: dict[str, dict[str, Any]]) -> None:
    for code, allowed in ALIKE.items():
        same = {key for key, text in texts[code].items() if text == texts["en"][key]}
        assert same - {"direction"} == allowed, code
    arabic = re.compile(r"[\u0600-\u06ff]")
    for key, text in texts["ar"].items():
        for part in [text] if isinstance(text, str) else text.values():
            assert arabic.search(part) or key in ("direction", "spoken.match"), key


def test_every_text_that_is_named_exists_and_is_used(texts: dict[str, dict[str, Any]]) -> None:
    english = set(texts["en"])
    used: set[str] = set()
    for path in [*PAGES, FOLDER / "strings.js"]:
        code = path.read_text(encoding="utf-8")
        if "const text = say.edit;" in code:
            code = re.sub(r"\btext\.(?=\w+)", "say.edit.", code)
        code = re.sub(r"\b(sure|refused)\.(?=\w+)", r"say.\1.", code)
        code = code.replace("say[decision]", "say.unknown say.ambiguous")
        used |= {found.rstrip(".") for found in re.findall(r"\bsay\.([\w.]+)", code)}
    for path in MARKUP:
        used |= set(
            re.findall(r'data-say(?:-label|-alt)?="([^"]+)"', path.read_text(encoding="utf-8"))
        )
    used |= set(re.findall(r'data-say="([^"]+)"', (FORM.parent / "static_files.py").read_text()))
    groups = {key.rpartition(".")[0] for key in english}
    assert not {key for key in used if key not in english | groups and not is_member(key, english)}
    used |= {key.rpartition(".")[0] for key in used}  # a member: `say.intro.length`
    assert not {key for key in english - used if not key.startswith(("columns.", "basis."))}


def is_member(key: str, english: set[str]) -> bool:
    """Whether a name is a text and a JavaScript member of it: `intro.length`."""
    return key.rpartition(".")[0] in english


def test_no_text_stands_in_code() -> None:
    words = re.compile(r"[^\W\d_]{2,} [^\W\d_]{2,}")
    for path in PAGES:
        code = re.sub(r"/\*.*?\*/", "", path.read_text(encoding="utf-8"), flags=re.S)
        code = re.sub(r"^\s*//.*$|\s// .*$", "", code, flags=re.M)
        for literal in re.findall(r'"([^"\n]*)"|`([^`]*)`', code):
            text = re.sub(r"\$\{[^}]*\}", "", "".join(literal))
            technical = text.startswith("#") or text in TECHNICAL
            assert technical or not words.search(text), (
                f"{path.name}: {text!r} belongs into the languages"
            )


class Words(HTMLParser):
    """Text of a document outside of `title` and `noscript`, and of attributes that are read out."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._inside: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._inside.append(tag)
        self.found += [
            value for key, value in attrs if value and key in ("aria-label", "alt", "placeholder")
        ]

    def handle_endtag(self, tag: str) -> None:
        while self._inside and self._inside.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        if not {"title", "noscript"} & set(self._inside):
            self.found.append(data)


def test_no_text_stands_in_markup() -> None:
    for path in MARKUP:
        words = Words()
        words.feed(re.sub(r"\{\{\w+\}\}", "", path.read_text(encoding="utf-8")))
        assert not re.search(r"\w", "".join(words.found)), f"{path.name}: {words.found}"


@pytest.mark.parametrize(
    ("wanted", "taken"),
    [
        (["de-AT", "en"], "de-AT"),
        (["nl-BE", "fr-BE", "en"], "fr-BE"),
        (["AR-eg"], "AR-eg"),
        (["nl", "ja"], "en"),
        (["constructor"], "en"),
        ([], "en"),
    ],
)
def test_the_browser_s_first_known_language_is_taken(wanted: list[str], taken: str) -> None:
    assert strings("strings.chosen(given)", wanted) == taken


def test_counts_and_values_are_those_of_the_language() -> None:
    counts = "given.map(([tag, count]) => strings.textsIn(tag).edit.count({ count }))"
    given = [["en-GB", 1], ["en", 1200], ["de", 1200], ["fr", 0], ["es", 1000000], ["ar-SA", 2]]
    said = [text.replace("\u202f", " ") for text in strings(counts, [*given, ["ar-SA", 5]])]
    assert said == [
        "1 product",
        "1,200 products",
        "1.200 Produkte",
        "0 produit",
        "1.000.000 de productos",
        "منتجان",
        "٥ منتجات",
    ]


def test_foreign_names_turn_no_words_around_them() -> None:
    named = "given.map(([tag, name]) => strings.textsIn(tag).edit.removed({ name }))"
    english, arabic, isolated = strings(named, [["en", "Tea"], ["ar", "Tea"], ["en", "شاي"]])
    assert english == "Tea is deleted."
    assert "\u2068Tea\u2069" in arabic
    assert isolated == "\u2068شاي\u2069 is deleted."


def test_names_of_objects_are_no_texts() -> None:
    given = ["constructor", "price", "Price", "shelf_life", ""]
    labels = strings("given.map(strings.labelOf)", given)
    assert labels == ["Constructor", "Price", "Price", "Shelf life", ""]


def test_a_probability_is_said_in_words() -> None:
    said = strings("given.map((p) => strings.likely(p))", [0.9999, 0.97, 0.8, 0.3, 0])
    assert [text["word"] for text in said] == [
        "Nearly certain",
        "Very likely",
        "Likely",
        "Possible",
        "Possible",
    ]
    assert said[0]["often"] == "About 99 of 100 answers like this are right."  # never 100
    assert said[-1]["often"] == "About 1 of 100 answers like this are right."


def test_a_refusal_of_the_server_is_said_in_the_language() -> None:
    taken = {"what": "name", "detail": "name: expected a name that no product has"}
    code = (
        'Object.defineProperty(globalThis, "navigator", { value: { languages: given[0] } });\n'
        f'const {{ refusal }} = await import("{modules()}/languages/strings.js");\n'
        "out = [[409, given[1]], [404, null], [418, null]].map((pair) => refusal(...pair));"
    )
    german = node(code, [["de-AT"], taken])
    assert german[0].startswith("So heißt schon ein Produkt. ")
    assert german[0].endswith(f"(\u2066{taken['detail']}\u2069)")
    assert german[1].startswith("Dieses Produkt gibt es nicht mehr.")
    assert german[2].startswith("Der Server hat versagt.")
    assert node(code, [["en"], taken])[0] == taken["detail"]


def test_the_files_are_those_that_the_languages_name() -> None:
    assert {path.stem for path in Path(FOLDER).glob("*.js")} == {
        *LANGUAGES,
        "attributes",
        "strings",
    }
