"""Command lines as people type them: folders, patterns, the catalog, examples, what was meant."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from docs.generate_cli import module, parsers
from shelflens import Catalog, Embedder
from shelflens.commands.all_commands import COMMANDS
from shelflens.commands.catalog_option import CatalogOption
from shelflens.commands.parser import Parser, build_parser
from shelflens.model.embedder import BUNDLED_MODEL
from shelflens.spelling import did_you_mean

Run = Callable[..., tuple[int, str, str]]
DEMO = BUNDLED_MODEL.parent / "demo"
PHOTOS = sorted((DEMO / "photos").glob("*.jpg"))[:3]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Photos 2, 9 and 10 in natural order, one of them below, and what else lies in folders."""
    photos = tmp_path / "photos"
    (photos / "more").mkdir(parents=True)
    for name, photo in zip(("frame2.jpg", "frame9.jpg", "frame10.jpg"), PHOTOS, strict=True):
        shutil.copy(photo, photos / name)
    shutil.copy(PHOTOS[0], photos / "more" / "last.jpg")
    (photos / "notes.txt").write_text("no photo")
    (photos / "@eaDir").mkdir()
    shutil.copy(PHOTOS[0], photos / "@eaDir" / "thumb.jpg")
    return photos


NAMES = ["frame2.jpg", "frame9.jpg", "frame10.jpg", "more/last.jpg"]


def in_folder(folder: Path) -> list[str]:
    return [str(folder / name) for name in NAMES]


# --- photos --------------------------------------------------------------------------------------


def test_a_folder_is_looked_up_in_natural_order(run: Run, built: Path, folder: Path) -> None:
    status, out, err = run("lookup", folder, "--catalog", built, "--json")
    assert (status, err) == (0, "")
    assert [json.loads(line)["photo"] for line in out.splitlines()] == in_folder(folder)
    status, out, _ = run("lookup", folder, PHOTOS[1], "--catalog", built, "--json", "--fuse")
    assert json.loads(out)["photos"] == [*in_folder(folder), str(PHOTOS[1])]


def test_a_pattern_that_the_shell_left_alone(
    run: Run, built: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    _, out, _ = run("lookup", "frame*.jpg", "--catalog", built, "--json")
    assert [json.loads(line)["photo"] for line in out.splitlines()] == NAMES[:3]
    status, out, err = run("lookup", "none*.jpg", "--catalog", built)
    assert (status, out, err) == (1, "", "shelflens lookup: none*.jpg: no such photo\n")
    shutil.copy("frame2.jpg", "odd[1].jpg")
    assert run("lookup", "odd[1].jpg", "--catalog", built)[0] == 0


@pytest.mark.parametrize("words", [["lookup"], ["similar"], ["tag", "--attribute", "category"]])
def test_what_cannot_be_read_is_named_at_the_end(
    run: Run, words: list[str], built: Path, folder: Path
) -> None:
    (folder / "frame3.jpg").write_bytes(b"no picture")
    (folder / "scan.tif").write_bytes(b"II*\0" + bytes(100))
    gone = folder / "gone.jpg" if words[0] != "similar" else folder / "frame3.jpg"
    status, out, err = run(*words, gone, folder, "--catalog", built, "--json")
    assert status == 1
    named = [json.loads(line)["photo"] for line in out.splitlines()]
    assert named == in_folder(folder)
    assert len(err.splitlines()) == 3
    assert all(line.startswith(f"shelflens {words[0]}: ") for line in err.splitlines())
    assert "frame3.jpg" in err
    assert "scan.tif" in err


def test_a_folder_without_photos_is_said(run: Run, built: Path, tmp_path: Path) -> None:
    status, out, err = run("lookup", tmp_path, "--catalog", built)
    assert (status, out) == (1, "")
    assert err == f"shelflens lookup: {tmp_path}: is a folder without photos\n"


def test_embed_prints_the_photo_of_each_row(run: Run, folder: Path, tmp_path: Path) -> None:
    status, out, _ = run("embed", folder, "--out", tmp_path / "v.npy")
    assert status == 0
    assert out.splitlines() == in_folder(folder)
    vectors = np.load(tmp_path / "v.npy")
    embedder = Embedder.open()
    assert np.allclose(vectors[2], embedder.embed(out.splitlines()[2]), atol=1e-5)
    (tmp_path / "rows.txt").write_text(out)
    assert run("embed", "--list", tmp_path / "rows.txt", "--out", tmp_path / "w.npy")[0] == 0
    assert np.array_equal(np.load(tmp_path / "w.npy"), vectors)


def test_commands_that_write_do_all_or_nothing(
    run: Run, built: Path, folder: Path, tmp_path: Path
) -> None:
    for name in ("bad1.jpg", "bad2.jpg"):
        (folder / name).write_bytes(b"no picture")
    catalog = tmp_path / "copy.catalog"
    shutil.copy(built, catalog)
    product = Catalog.open(built).ids[0]
    for words, out in (
        (["embed", folder, "--out", tmp_path / "v.npy"], tmp_path / "v.npy"),
        (["profile", "log", tmp_path / "me.profile", "--photo", folder], tmp_path / "me.profile"),
        (["catalog", "confirm", catalog, folder, product], None),
    ):
        status, printed, err = run(*words)
        assert (status, printed) == (1, "")
        assert len(err.splitlines()) == 3
        assert "bad1.jpg" in err.splitlines()[0]
        assert "2 photos cannot be read, named above; nothing was changed" in err.splitlines()[-1]
        assert out is None or not out.exists()
    assert catalog.read_bytes() == built.read_bytes()


def test_a_folder_of_photos_is_confirmed_and_logged(
    run: Run, built: Path, folder: Path, tmp_path: Path
) -> None:
    catalog = tmp_path / "copy.catalog"
    shutil.copy(built, catalog)
    product = Catalog.open(built).ids[0]
    status, out, err = run("catalog", "confirm", catalog, folder, product, "--json")
    assert (status, err) == (0, "")
    assert len(out.splitlines()) == 4
    status, out, _ = run("profile", "log", tmp_path / "me.profile", "--photo", folder, PHOTOS[0])
    assert (status, "5 logged" in out) == (0, True)


def test_similar_answers_several_queries(
    run: Run, built: Path, folder: Path, tmp_path: Path
) -> None:
    first, second = Catalog.open(built).ids[:2]
    status, out, err = run("similar", built, first, second, folder, "-k", 2, "--json")
    assert (status, err) == (0, "")
    answers = [json.loads(line) for line in out.splitlines()]
    assert [answer.get("id") or answer["photo"] for answer in answers] == [
        first, second, *in_folder(folder)
    ]  # fmt: skip
    single = run("similar", built, second, "-k", 2, "--json")[1]
    assert json.loads(single) == answers[1]
    images = ["--contact-sheet", tmp_path / "s.png", "--images", DEMO / "studio.csv"]
    status, out, _ = run("similar", built, first, folder, *images)
    assert status == 0
    assert out.count("like ") == 5
    assert (tmp_path / "s.png").stat().st_size > 10_000


# --- the catalog ---------------------------------------------------------------------------------


def copies(built: Path, tmp_path: Path) -> list[list[str]]:
    """A command line for each command that takes a catalog, without it."""
    product = Catalog.open(built).ids[0]
    photo = str(PHOTOS[0])
    return [
        ["lookup", photo],
        ["similar", product, "-k", "2"],
        ["similar", photo, "--json"],
        ["recommend"],
        ["tag", photo, "--attribute", "category"],
        ["profile", "log", str(tmp_path / "me.profile"), "--like", product],
        ["catalog", "info"],
        ["catalog", "confirm", photo, product],
        ["catalog", "unconfirm", product],
        ["catalog", "remove", product],
        ["catalog", "add", str(DEMO / "studio.csv")],
        ["catalog", "rollback"],
        ["catalog", "calibrate", "--queries", str(DEMO / "photos.csv")],
        ["evaluate", "--queries", str(DEMO / "photos.csv"), "--out", str(tmp_path / "r")],
        ["page", "build", "--out", str(tmp_path / "page"), "--vendor", str(tmp_path)],
        ["watch", str(PHOTOS[0].parent), "--print-unit"],
        ["serve", "--host", "not-an-address:1"],
    ]


def test_the_catalog_stands_in_one_place_in_every_command(built: Path, tmp_path: Path) -> None:
    """As an option, behind or before, as the first word, or in the environment: parsed alike."""
    kinds = {(words[0], *words[1:2]) for words in copies(built, tmp_path)}
    assert len(kinds) > 14
    for line in copies(built, tmp_path):
        word, act, rest = line[0], line[1:2], line[2:]
        if word not in ("catalog", "profile", "page"):
            act, rest = [], line[1:]
        parser = build_parser(word, module(word))
        given = ["--catalog", str(built)]
        expected = vars(parser.parse_args([*act, *rest, *given]))
        assert str(expected["catalog"]) == str(built)
        for typed in (
            [*act, *given, *rest],
            [*act, str(built), *rest],
            [*act, f"--cat={built}", *rest],
        ):
            assert vars(parser.parse_args(typed)) == expected, typed


def test_the_variable_names_the_usual_catalog(
    run: Run, built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHELFLENS_CATALOG", str(built))
    product = Catalog.open(built).ids[0]
    for words in (
        ["lookup", PHOTOS[0]],
        ["similar", product],
        ["recommend"],
        ["catalog", "info"],
        ["tag", PHOTOS[0], "--attribute", "category"],
        ["profile", "log", tmp_path / "me.profile", "--like", product],
        ["evaluate", "--queries", DEMO / "photos.csv", "--out", tmp_path / "r"],
    ):
        status, _, err = run(*words)
        assert status == 0, words
        assert "shelflens" not in err
    status, _, err = run("lookup", PHOTOS[0], "--catalog", tmp_path / "none.catalog")
    assert (status, "none.catalog: No such file" in err) == (1, True), "an option counts more"
    status, _, err = run("catalog", "remove", tmp_path / "none.catalog", product)
    assert (status, "none.catalog" in err) == (1, True), "and so does the first word"
    words = ["evaluate", "--gallery", DEMO / "studio.csv", "--queries", DEMO / "photos.csv"]
    assert run(*words, "--out", tmp_path / "g")[0] == 0, "a gallery counts more as well"
    assert json.loads((tmp_path / "g" / "report.json").read_text())["source"] == "studio.csv"


def test_without_a_catalog_it_says_what_one_is(run: Run) -> None:
    for words in (["lookup", "x.jpg"], ["catalog", "info"], ["similar", "x"], ["watch", "0"]):
        status, out, err = run(*words)
        assert (status, out) == (2, "")
        assert "--catalog" in err
        assert "shelflens catalog build" in err
        assert "SHELFLENS_CATALOG" in err
        assert len(err.splitlines()) == 1
    status, _, err = run("evaluate", "--queries", "x.csv", "--out", "r")
    assert (status, "which catalog?" in err, "--gallery" in err) == (2, True, True)


def test_a_catalog_of_any_name_may_stand_first(run: Run, built: Path, tmp_path: Path) -> None:
    shutil.copy(built, tmp_path / "shop.bin")
    product = Catalog.open(built).ids[0]
    assert run("similar", tmp_path / "shop.bin", product)[0] == 0
    assert run("catalog", "remove", tmp_path / "shop.bin", product)[0] == 0
    assert run("lookup", tmp_path / "shop.bin", PHOTOS[0])[0] == 0


def test_install_has_the_catalog_last(run: Run, built: Path, tmp_path: Path) -> None:
    assert run("catalog", "install", built, tmp_path / "in-use.catalog")[0] == 0
    assert run("catalog", "install", built, "--catalog", tmp_path / "in-use.catalog")[0] == 0
    assert (tmp_path / "in-use.catalog").read_bytes() == built.read_bytes()


def test_the_catalog_may_stand_behind_the_photo(run: Run, built: Path, tmp_path: Path) -> None:
    assert run("lookup", PHOTOS[0], built)[0] == 0
    assert run("tag", PHOTOS[0], built, "--attribute", "category")[0] == 0
    status, _, err = run("catalog", "build", DEMO / "studio.csv", tmp_path / "x.catalog")
    assert (status, "did you mean --out" in err) == (2, True)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["lookup", "PHOTO", "--catalog", "PHOTO"], "is a picture (JPEG); expected a catalog"),
        (["catalog", "info", "CSV"], "is a list of products; shelflens catalog build"),
        (["catalog", "info", "FOLDER"], "is a folder; expected a catalog file"),
        (["catalog", "build", "STORE", "--out", "x"], "is a catalog; expected a folder"),
        (["catalog", "build", "PHOTO", "--out", "x"], "is a picture (JPEG); expected a folder"),
        (["catalog", "add", "PHOTO", "STORE"], "is a picture (JPEG)"),
        (["lookup", "STORE"], "required: PHOTO"),
        (["catalog", "confirm", "STORE", "ID", "PHOTO"], "the photos come before the product"),
        (["doctor", "x"], "unrecognized arguments: x;"),
        (["recommend", "STORE", "--popular"], "--popular: expected COLUMN"),
    ],
)
def test_a_file_of_another_kind_is_said(
    run: Run, built: Path, words: list[str], message: str
) -> None:
    stands_for = {
        "PHOTO": PHOTOS[0], "CSV": DEMO / "studio.csv", "FOLDER": DEMO, "STORE": built,
        "ID": Catalog.open(built).ids[0],
    }  # fmt: skip
    status, out, err = run(*[stands_for.get(word, word) for word in words])
    assert (status in (1, 2), out) == (True, "")
    assert message in err
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize("words", [["--help"], ["lookup", "--help"], ["--version"]])
def test_a_reader_that_ends_early_is_no_error(words: list[str]) -> None:
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, "-m", "shelflens", *words]
    done = subprocess.run(command, stdout=write, stderr=subprocess.PIPE, check=False)
    os.close(write)
    assert (done.returncode, done.stderr) == (0, b"")


OPTIONS = st.lists(
    st.sampled_from([["--json"], ["-k", "3"], ["-k3"], ["--k=4"], ["--threads", "2"], ["--fuse"]]),
    max_size=3,
)


@given(st.data(), st.lists(st.text("abc.", min_size=1), min_size=1, max_size=4), OPTIONS)
def test_words_and_options_may_stand_in_any_order(
    data: st.DataObject, photos: list[str], options: list[list[str]]
) -> None:
    options = [option for option in options if option != ["--k=4"]]
    parser = build_parser("lookup", module("lookup"))
    groups = [["--catalog", "c"], *options, *([photo] for photo in photos)]
    expected = vars(parser.parse_args([word for group in groups for word in group]))
    assert expected["photos"] == photos
    where = data.draw(st.permutations(range(len(photos) + len(options) + 1)))
    mixed = [groups[index] for index in where]
    order = [group[0] for group in mixed if group[0] in photos and len(group) == 1]
    got = vars(parser.parse_args([word for group in mixed for word in group]))
    assert got["photos"] == order
    last = [group for group in mixed if group[0].startswith("-k")]
    if len(last) < 2:
        assert {**got, "photos": photos} == expected


# --- help ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("parser", list(parsers()), ids=lambda parser: parser.prog)
def test_every_help_has_examples_that_parse(parser: Parser) -> None:
    text = parser.format_help()
    examples = [line for line in (parser.epilog or "").splitlines() if line.startswith("  ")]
    assert 2 <= len(examples) <= 3
    assert parser.description
    for example in examples:
        assert example in text, "shown as it stands"
        assert len(example) <= 80, "no terminal breaks it"
        command, word, *rest = shlex.split(example.partition(" > ")[0])
        assert f"{command} {word} {' '.join(rest)} ".startswith(f"{parser.prog} ")
        build_parser(word, module(word)).parse_args(rest)


def test_the_overview_has_examples_that_parse(run: Run) -> None:
    lines = run("--help")[1].partition("\nexamples:\n")[2].splitlines()
    assert len(lines) == 3
    for line in lines:
        _, word, *rest = shlex.split(line)
        build_parser(word, module(word)).parse_args(rest)


def test_every_catalog_is_declared_alike() -> None:
    for parser in parsers():
        for action in parser._actions:
            if action.dest == "catalog":
                assert isinstance(action, CatalogOption), parser.prog
                assert "(default: $SHELFLENS_CATALOG)" in (action.help or "")


@pytest.mark.parametrize("word", ["train", "export"])
def test_what_matters_most_stands_first_in_a_long_help(word: str) -> None:
    parser = build_parser(word, module(word))
    titles = [
        group.title
        for group in parser._action_groups
        if group._group_actions and group.title not in ("positional arguments", "options")
    ]
    assert len(titles) >= 3
    first = next(group for group in parser._action_groups if group.title == titles[0])
    own = next(group for group in parser._action_groups if group.title == "options")
    assert 4 <= len(first._group_actions) + len(own._group_actions) - 1 <= 12
    text = parser.format_help()
    assert text.index(titles[0] or "") < text.index(titles[-1] or "")
    assert len(text.split("\n\n")[0].splitlines()) <= 8, "the usage is short"


def test_help_of_a_command(run: Run) -> None:
    status, out, err = run("help", "catalog", "info")
    assert (status, err) == (0, "")
    assert out.startswith("usage: shelflens catalog info ")


# --- what was meant ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "status", "hint"),
    [
        (["lokup", "x"], 2, "did you mean lookup?"),
        (["catalog", "calibrat"], 2, "did you mean calibrate?"),
        (["lookup", "x", "--catalg", "y"], 2, "did you mean --catalog?"),
        (["similar", "CATALOG", "chickpeas-no-salt-tinl"], 1, "chickpeas-no-salt-tinlo"),
        (["similar", "CATALOG", "ID", "--where", "catgory=Pantry"], 1, "did you mean category?"),
        (["similar", "CATALOG", "ID", "--where", "category=Pantri"], 1, "did you mean Pantry?"),
        (["catalog", "remove", "CATALOG", "CHICKPEAS-NO-SALT-TINLO"], 1, "chickpeas-no-salt-tinlo"),
        (["recommend", "CATALOG", "--popular", "prise"], 1, "did you mean price?"),
        (["tag", "PHOTO", "CATALOG", "--attribute", "brands"], 1, "did you mean brand?"),
        (["watch", "0", "--catalog", "CATALOG", "--only", "mach"], 2, "did you mean match?"),
        (
            ["lookup", "PHOTO", "--catalog", "CATALOG", "--engine", "litrt"],
            2,
            "did you mean litert?",
        ),
        (["PHOTO"], 2, "did you mean shelflens lookup"),
    ],
)
def test_what_was_meant_is_said(
    run: Run, built: Path, words: list[str], status: int, hint: str
) -> None:
    stands_for = {"CATALOG": str(built), "PHOTO": str(PHOTOS[0]), "ID": Catalog.open(built).ids[0]}
    words = [stands_for.get(word, word) for word in words]
    if words[0] == "tag":
        words = [words[0], words[2], words[1], *words[3:]]
    got, _, err = run(*words)
    assert got == status
    assert hint in err
    assert len(err.splitlines()) == 1, "one line, no usage"


@given(st.text(max_size=8), st.lists(st.text(max_size=8), max_size=20))
def test_a_hint_names_only_words_that_there_are(word: str, known: list[str]) -> None:
    hint = did_you_mean(word, known)
    if hint:
        names = hint.removeprefix("; did you mean ").removesuffix("?")
        assert any(name in names for name in known)
    if word and word in known:
        assert did_you_mean(word, known)


def test_a_hint_among_very_many_words_is_not_looked_for() -> None:
    assert did_you_mean("p12345", (f"p{n}" for n in range(30_000))) == ""
    assert did_you_mean("P17", (f"p{n}" for n in range(100))).startswith("; did you mean p17")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["watch", "x", "--catalog", "c", "--burst", "0"], "burst: expected 1 to 100"),
        (
            ["watch", "x", "--catalog", "c", "--burst", "many"],
            "expected a whole number, got 'many'",
        ),
        (["train", "x", "--out", "y", "--size", "100"], "--size: expected a multiple of 32"),
        (["export", "x", "--out", "y", "--min-cosine", "2"], "--min-cosine: expected -1 to 1"),
        (["profile", "log", "me.profile"], "expected at least one of --view"),
        (["profile", "forget", "me.profile"], "expected the ids of products, or --all"),
        (["lookup", "x", "--catalog", "c", "-k", "0"], "expected a whole number above 0"),
        (["recommend", "--catalog", "c", "--half-life", "-1"], "half"),
    ],
)
def test_a_wrong_value_is_one_line_and_where_to_read_on(
    run: Run, words: list[str], message: str
) -> None:
    status, out, err = run(*words)
    assert (status, out) == (2, "")
    assert message in err
    assert len(err.splitlines()) == 1
    assert "--help lists what it takes" in err


# --- suggestions without a customer --------------------------------------------------------------


def test_popular_products_need_no_profile(run: Run, built: Path, tmp_path: Path) -> None:
    status, out, err = run("recommend", built, "--popular", "price", "-k", 3, "--json")
    assert (status, err) == (0, "")
    found = [entry["id"] for entry in json.loads(out)["suggestions"]]
    prices = {key: float(row["price"]) for key, row in Catalog.open(built).attributes.items()}
    assert [prices[key] for key in found] == sorted(prices.values(), reverse=True)[:3]
    status, out, _ = run("recommend", built, "--popular", "price", "-k", 3)
    assert out.splitlines()[0] == "popular products, by price:"
    assert run("recommend", built, "-k", 3)[1].startswith("products that differ from each other:")


def test_every_command_says_what_it_needs() -> None:
    assert all(module(command.word).EXAMPLES for command in COMMANDS)
