"""The documentation is true: its commands parse, its links lead somewhere, its tables are whole."""

from __future__ import annotations

import argparse
import re
import shlex
import shutil
from pathlib import Path
from typing import Any

import pytest

from docs import generate_formats
from docs.generate_cli import PAGE, module, page
from shelflens.cli import main
from shelflens.commands.all_commands import COMMANDS
from shelflens.model.embedder import BUNDLED_MODEL
from tests.docs.test_architecture import FLOORS
from tests.support.readme import commands, commands_in, parse

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
MARKDOWN = [
    *PAGES,
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")),
    *(ROOT / folder / "README.md" for folder in ("runtime", "train", "export", "benchmarks")),
]
LINK = re.compile(r"\[[^\]]*\]\((?!https?:)([^)\s]+)\)")


def text_of(path: Path) -> str:
    """A page without its code blocks."""
    return re.sub(r"^```.*?^```$", "", path.read_text(encoding="utf-8"), flags=re.M | re.S)


def anchors(path: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub and MkDocs make them."""
    heads = re.findall(r"^#+ (.+)$", text_of(path), re.M)
    slugs = (re.sub(r"[^\w\s-]", "", head.replace("`", "")).strip().lower() for head in heads)
    return {re.sub(r"[\s]+", "-", slug) for slug in slugs}


def words(text: str) -> str:
    """A text without its line breaks, which differ from one Python to the next."""
    return " ".join(text.split())


def test_the_command_line_page_is_the_help() -> None:
    written = PAGE.read_text(encoding="utf-8")
    assert words(written) == words(page()), "run: python docs/generate_cli.py"
    assert words(module("lookup").HELP) in words(written)


def test_the_table_of_formats_is_what_was_tried() -> None:
    written = generate_formats.PAGE.read_text(encoding="utf-8")
    assert written == generate_formats.page(written), "run: python docs/generate_formats.py"


@pytest.mark.parametrize("command", [command.word for command in COMMANDS])
def test_the_table_of_subcommands_is_whole(command: str) -> None:
    assert f"| [`{command}`](#shelflens-{command}) |" in PAGE.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("path", "line"),
    [(path.relative_to(ROOT).as_posix(), line) for path in MARKDOWN for line in commands(path)],
)
def test_every_command_parses(path: str, line: str) -> None:
    parse(line)


def test_there_are_commands_to_check() -> None:
    assert sum(len(commands(path)) for path in PAGES) >= 30


def test_a_flag_that_is_not_there_is_found() -> None:
    with pytest.raises(SystemExit):
        parse("lookup photo.jpg --catalog store.catalog --no-such-flag")


@pytest.mark.parametrize("path", MARKDOWN, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_link_leads_somewhere(path: Path) -> None:
    for link in LINK.findall(text_of(path)):
        name, _, anchor = link.partition("#")
        target = (path.parent / name).resolve() if name else path
        assert target.exists(), f"{path}: {link}"
        if anchor and target.suffix == ".md":
            assert anchor in anchors(target), f"{path}: {link}; there are {anchors(target)}"


@pytest.mark.parametrize("path", MARKDOWN, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_module_that_is_named_exists(path: Path) -> None:
    modules = [file.relative_to(ROOT).as_posix() for file in ROOT.glob("[!.]*/**/*.py")]
    modules += [file.name for file in ROOT.glob("*.py")]
    for name in re.findall(r"`([\w/]+\.py)`", text_of(path)):
        assert any(module.endswith(f"/{name}") or module == name for module in modules), name


def test_every_page_is_in_the_menu() -> None:
    menu = re.findall(r": (\S+\.md)$", (ROOT / "mkdocs.yml").read_text(encoding="utf-8"), re.M)
    assert sorted(menu) == [path.relative_to(DOCS).as_posix() for path in PAGES]


def test_the_architecture_page_has_every_room_on_its_floor() -> None:
    text = (DOCS / "architecture.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\d+) \| `(\w+)` \| \S", text, re.M)
    wanted = [(str(floor), room) for floor, rooms in enumerate(FLOORS, 1) for room in rooms]
    assert rows == wanted


@pytest.mark.parametrize("name", ["how-to/python.md"])
@pytest.mark.usefixtures("demo_store")
def test_the_python_examples_run(name: str) -> None:
    names: dict[str, Any] = {}
    blocks = re.findall(r"^```python\n(.*?)^```$", (DOCS / name).read_text(), re.M | re.S)
    assert blocks
    for block in blocks:
        exec(compile(block, name, "exec"), names)


SHOWN = (
    "README.md",
    "docs/tutorial.md",
    "docs/how-to/store.md",
    "docs/how-to/calibration.md",
    "docs/how-to/evaluate.md",
    "docs/how-to/discovery.md",
)
"""Pages whose commands are run on the demo store: what they show is what is printed."""
FENCE = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```$", re.M | re.S)


@pytest.fixture
def demo_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The current folder, with the demo store under the names that the pages use."""
    demo = BUNDLED_MODEL.parent / "demo"
    monkeypatch.chdir(tmp_path)
    for name in ("studio", "photos", "unknown"):
        shutil.copytree(demo / name, tmp_path / name)
        shutil.copy(demo / f"{name}.csv", tmp_path)
    shutil.copy(demo / "studio.csv", tmp_path / "products.csv")
    shutil.copy(demo / "photos" / "chickpeas-no-salt-tinlo-1.jpg", tmp_path / "photo.jpg")
    for source, target in (("photos", "test-photos"), ("unknown", "other-things")):
        for photo in (demo / source).iterdir():
            product = tmp_path / target / photo.stem.rpartition("-")[0]
            product.mkdir(parents=True, exist_ok=True)
            shutil.copy(photo, product)
    assert main(["catalog", "build", "products.csv", "--out", "store.catalog"]) == 0


def without_times(text: str) -> list[str]:
    """The lines of an output, milliseconds left out, and what stands for lines left out."""
    lines = (re.sub(r"[\d.]+ ms", "ms", line).rstrip() for line in text.splitlines())
    return [line for line in lines if line and not line.lstrip().startswith("...")]


@pytest.mark.usefixtures("demo_store")
@pytest.mark.parametrize("name", SHOWN)
def test_what_is_shown_is_what_is_printed(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    printed: list[str] = []
    pending: list[str] = []
    checked = 0
    for language, body in FENCE.findall((ROOT / name).read_text(encoding="utf-8")):
        if language == "sh":
            pending += commands_in(body)
        elif language in ("", "text"):
            for line in pending:
                assert main(shlex.split(line)) == 0, line
            pending = []
            printed += without_times(capsys.readouterr().out)
            rest = iter(printed)
            for line in without_times(body):  # each line, in this order, others between them
                assert line in rest, f"{name}: not printed: {line}"
            checked += 1
    assert checked


def test_the_address_of_the_repository_stands_once() -> None:
    """pyproject.toml has it; the wheel's README and the site take it from there."""
    pyproject = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    found = re.search(r'^Source = "(https://\S+)"$', pyproject, re.M)
    assert found
    for path in [*MARKDOWN, ROOT / "mkdocs.yml", *DOCS.glob("*.py")]:
        assert found[1] not in path.read_text(encoding="utf-8"), path


def test_no_workplace_and_no_index_is_named() -> None:
    for path in MARKDOWN:
        text = path.read_text(encoding="utf-8")
        assert "@@" not in text, f"{path}: a part is missing"
        for word in ("/work/", "/tmp/", "/root/", "index-url", "files.pythonhosted"):
            assert word not in text, f"{path}: {word}"


def test_parsers_are_made_without_running_anything() -> None:
    parser = argparse.ArgumentParser()
    module("lookup").add_arguments(parser)
    assert parser.format_help()
