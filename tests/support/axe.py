"""axe-core: whether a page is accessible, as far as a program can see."""

from __future__ import annotations

import json
import shutil
import subprocess

from playwright.sync_api import Page

from shelflens.webapp.vendor import HERE, cache_folder


def axe_source() -> str:
    """axe-core of the lock file, fetched once beside the engine."""
    root = cache_folder().with_name(cache_folder().name + "-tests")
    script = root / "node_modules" / "axe-core" / "axe.min.js"
    if not script.exists():
        root.mkdir(parents=True, exist_ok=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(HERE / name, root / name)
        command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        subprocess.run(command, cwd=root, check=True, capture_output=True)
    return script.read_text()


def check(page: Page, axe: str, where: str) -> None:
    """Fail on what axe finds."""
    page.evaluate(axe)
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    bad = [
        (
            violation["id"],
            violation["impact"],
            [node["html"][:120] for node in violation["nodes"][:3]],
        )
        for violation in found["violations"]
        if violation["impact"] in ("serious", "critical", "moderate")
    ]
    assert not bad, f"{where}: {json.dumps(bad, indent=1)}"
