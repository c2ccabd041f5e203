"""Where images for the general recipe come from: public clones and the handed-over data sets.

Each source says its licence, its domain (what is left out together when the recipe is judged), and
how a file's name gives an identity. An identity is one thing that several images show; an image
without others of its thing is an identity of its own.
"""

from __future__ import annotations

import re
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")

IdentityOf = Callable[[PurePosixPath], str | None]
"""Identity of a file by its path inside the source; None leaves it out."""


@dataclass(frozen=True)
class Source:
    """One set of images: a public repository, or a folder of the shared data."""

    name: str
    domain: str
    licence: str
    identity: IdentityOf
    repository: str = ""
    """owner/name of a public repository; empty for shared data."""
    folder: str = ""
    """Only files below it are read."""
    alpha: bool = False
    """Whether the images are cut-outs, to be laid on other backgrounds."""


def own_identity(path: PurePosixPath) -> str:
    """Every image shows a thing of its own."""
    return path.with_suffix("").as_posix()


def folder_identity(path: PurePosixPath) -> str:
    """The images of a folder show one thing."""
    return path.parent.name


def caltech_identity(path: PurePosixPath) -> str | None:
    """An image of its own; faces and background scenes show no product."""
    left_out = ("BACKGROUND_Google", "Faces", "Faces_easy")
    return None if path.parent.name in left_out else own_identity(path)


def magento_identity(path: PurePosixPath) -> str | None:
    """Style and colour of a garment or piece of gear: "wj03-red_alt1.jpg" shows "wj03-red".

    What is worn together ("outfit") and pictures without a style number show more than one thing.
    """
    stem = path.stem.lower()
    if "outfit" in stem:
        return None
    if found := re.match(r"^([a-z]{2,3}\d{2}-[a-z]+)", stem):
        return found.group(1)
    return re.sub(r"[-_](alt\d*|back|main|side.*|\d+)$", "", stem)


SOURCES = (
    Source(
        "clothing-dataset",
        "garments",
        "CC0-1.0",
        own_identity,
        repository="alexeygrigorev/clothing-dataset",
        folder="images",
    ),
    Source(
        "caltech-101",
        "objects",
        "CC-BY-4.0",
        caltech_identity,
        repository="MachineLearning2020/Homework2-Caltech101",
        folder="101_ObjectCategories",
    ),
    Source(
        "trashnet",
        "objects",
        "MIT",
        own_identity,
        repository="congduytran12/Trash-Classification-",
    ),
    Source(
        "magento",
        "catalogue",
        "AFL-3.0",
        magento_identity,
        repository="magento/magento2-sample-data",
        folder="pub/media/catalog/product",
    ),
    Source("clothing", "garments", "CC0-1.0", own_identity, folder="clothing"),
    Source("objects", "objects", "CC-BY-4.0", own_identity, folder="objects"),
    Source("ycb", "ycb", "CC-BY-4.0", folder_identity, folder="ycb", alpha=True),
    Source("packs", "packs", "own", folder_identity, folder="packs", alpha=True),
)


def clone_of(clones: Path, repository: str) -> Path | None:
    """The git directory of a repository below a folder of clones, or None.

    Looked for under the repository's name, with and without its owner.
    """
    owner, name = repository.split("/")
    for folder in (clones / f"{owner}+{name}", clones / owner / name, clones / name):
        for inside in (".git", "repo/.git", "repo", "."):
            if (folder / inside / "HEAD").exists():
                return folder / inside
    return None


def commit_of(git: Path) -> str:
    """The commit that is read."""
    words = ["git", "--git-dir", str(git), "rev-parse", "HEAD"]
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout.strip()


def clone_files(git: Path, folder: str) -> Iterator[tuple[PurePosixPath, bytes]]:
    """Path and content of the images of a commit, without a work tree."""
    words = ["git", "--git-dir", str(git), "archive", "--format=tar", "HEAD"]
    words += [folder] if folder else []
    with (
        subprocess.Popen(words, stdout=subprocess.PIPE) as process,
        tarfile.open(fileobj=process.stdout, mode="r|") as archive,
    ):
        for member in archive:
            path = PurePosixPath(member.name)
            if member.isfile() and path.suffix.lower() in IMAGE_SUFFIXES:
                stream = archive.extractfile(member)
                yield path, stream.read() if stream else b""


def folder_files(root: Path) -> Iterator[tuple[PurePosixPath, bytes]]:
    """Path and content of the images below a folder."""
    for path in sorted(root.rglob("*")):
        if path.suffix.lower() in IMAGE_SUFFIXES:
            yield PurePosixPath(path.relative_to(root).as_posix()), path.read_bytes()
