"""The rooms of the code: which package may import which, and the words that names are made of."""

from __future__ import annotations

import ast
import io
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
RUNTIME = ROOT / "runtime" / "shelflens"

FLOORS = (
    ("errors",),
    (
        "console",
        "files",
        "languages",
        "options",
        "progress",
        "spelling",
        "product_ids",
        "spreadsheet",
    ),
    ("model", "signing"),
    ("ingest", "barcode"),
    ("dataset",),
    ("catalog",),
    ("calibration", "finding", "vectors"),
    ("discovery",),
    ("render",),
    ("evaluation",),
    ("bench", "watch", "serve", "webapp"),
    ("commands",),
    ("cli",),
)
"""A room imports rooms of lower floors only; rooms of one floor do not know each other."""

EVALUATION = (("measure",), ("checks", "findings"), ("result",), ("evaluate", "report"))
"""The same inside `evaluation`."""

BANNED = frozenset(
    {
        "one",
        "other",
        "others",
        "some",
        "place",
        "places",
        "most",
        "least",
        "told",
        "facts",
        "stranger",
        "strangers",
        "knob",
        "knobs",
        "spoilt",
        "twin",
        "twins",
        "far",
        "lead",
        "leads",
        "chance",
        "sheet",
        "shelves",
        "suspects",
        "suspect",
        "debias",
        "likeness",
        "evening",
        "telling",
        "lesson",
        "drawn",
    }
)
"""Names that say nothing, or for which the field has a word: docs/glossary.md."""


def rooms(floors: tuple[tuple[str, ...], ...]) -> dict[str, int]:
    """The floor of every room."""
    return {room: floor for floor, names in enumerate(floors) for room in names}


def imported_modules(path: Path) -> Iterator[str]:
    """Dotted names of all that a module imports, at its head or inside functions."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}: relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def room_of(path: Path, below: Path) -> str:
    """The first folder below a package, or the name of a module that lies in it directly."""
    return path.relative_to(below).parts[0].removesuffix(".py")


@pytest.mark.parametrize(
    ("folder", "package", "floors"),
    [(RUNTIME, "shelflens", FLOORS), (RUNTIME / "evaluation", "shelflens.evaluation", EVALUATION)],
)
def test_rooms_import_downwards(
    folder: Path, package: str, floors: tuple[tuple[str, ...], ...]
) -> None:
    floor_of = rooms(floors)
    seen: set[str] = set()
    for path in sorted(folder.rglob("*.py")):
        room = room_of(path, folder)
        if room in ("__init__", "__main__"):  # the face
            continue
        assert room in floor_of, f"{path}: no floor for {room!r}; add it to FLOORS, or move it"
        seen.add(room)
        for name in imported_modules(path):
            parts = name.removeprefix(f"{package}.").split(".")
            target = parts[0]
            if not name.startswith(f"{package}.") or target == room or target not in floor_of:
                continue
            assert floor_of[target] < floor_of[room], f"{path} imports {name}, which is not below"
    assert seen == set(floor_of), f"no such rooms: {set(floor_of) - seen}"


def module_name(path: Path, package: Path) -> str:
    """A file's dotted name."""
    parts = path.relative_to(package.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@pytest.mark.parametrize(
    "package", ["runtime/shelflens", "train/shelflens_train", "export/shelflens_export"]
)
def test_modules_do_not_import_each_other_in_a_circle(package: str) -> None:
    folder = ROOT / package
    paths = {module_name(path, folder): path for path in sorted(folder.rglob("*.py"))}
    faces = {name for name, path in paths.items() if path.name == "__init__.py"}
    imports = {
        name: {
            module
            for imported in imported_modules(path)
            for module in (imported, imported.rpartition(".")[0])
            if module in paths and module not in faces
        }
        for name, path in paths.items()
        if name not in faces
    }
    while imports:  # take away what imports nothing that is left; a circle stays
        ground = {name for name, targets in imports.items() if not targets & imports.keys()}
        assert ground, f"these import each other: {sorted(imports)}"
        for name in ground:
            del imports[name]


def names_in(path: Path) -> Iterator[tuple[int, str]]:
    """Line and text of every name in a Python file."""
    for token in tokenize.generate_tokens(io.StringIO(path.read_text(encoding="utf-8")).readline):
        if token.type == tokenize.NAME:
            yield token.start[0], token.string


@pytest.mark.parametrize("folder", ["runtime", "train", "export", "tests", "benchmarks"])
def test_names_are_the_fields_words(folder: str) -> None:
    paths = sorted((ROOT / folder).rglob("*.py"))
    assert paths, "no modules found: the test would check nothing"
    bad = [
        f"{path.relative_to(ROOT)}:{line}: {name}"
        for path in paths
        for line, name in names_in(path)
        if name in BANNED or name.startswith(("MOST", "LEAST"))
    ]
    assert not bad, "docs/glossary.md has better words:\n" + "\n".join(bad[:40])
