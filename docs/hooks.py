"""For MkDocs: the repository's address, and links and images that lie outside docs/."""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]
LINK = re.compile(r"(?P<image>!?)(?P<text>\[[^\]]*\])\((?P<target>\.\./[^)\s]+)\)")


def on_config(config: Any) -> Any:
    """Take the address from pyproject.toml, the one place that has it."""
    found = re.search(r'^Source = "(.+)"$', (ROOT / "pyproject.toml").read_text("utf-8"), re.M)
    config.repo_url = found[1] if found else None
    config.repo_name = config.repo_url and config.repo_url.split("/", 3)[3]
    return config


def on_files(files: Files, config: Any) -> Files:
    """Add the images outside docs/ that a page shows, under figures/."""
    for page in [file for file in files if file.src_uri.endswith(".md")]:
        for match in LINK.finditer(page.content_string):
            target = outside(page.src_uri, match["target"])
            if match["image"] and target and not files.get_file_from_path(figure(target)):
                file = File.generated(config, figure(target), abs_src_path=str(ROOT / target))
                files.append(file)
    return files


def on_page_markdown(markdown: str, page: Page, config: Any, files: Files) -> str:
    """Point what leads out of docs/ at the figures of the site, or at the repository."""
    here = page.file.src_uri

    def moved(match: re.Match[str]) -> str:
        target = outside(here, match["target"])
        if target is None:
            return match[0]
        if match["image"]:
            where = posixpath.relpath(figure(target), posixpath.dirname(here) or ".")
        else:
            where = f"{config.repo_url}/blob/HEAD/{target}"
        return f"{match['image']}{match['text']}({where})"

    return LINK.sub(moved, markdown)


def outside(page: str, target: str) -> str | None:
    """The path below the repository of a link out of docs/; None for all others."""
    path = posixpath.normpath(posixpath.join("docs", posixpath.dirname(page), target))
    return None if path.startswith("docs/") else path


def figure(path: str) -> str:
    """Where the site keeps an image of the repository."""
    return f"figures/{posixpath.basename(path)}"
