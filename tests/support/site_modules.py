"""The web app's modules in a folder where Node finds them: scripts and texts together."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path

from shelflens.webapp.build import scripts


@cache
def modules() -> str:
    """Address of the folder with the modules, for `import` in Node; gone when Python ends."""
    folder = Path(tempfile.mkdtemp(prefix="shelflens-site-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    for name, content in scripts().items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    (folder / "package.json").write_text('{"type": "module"}')
    return (folder / "js").as_uri()
