"""Other people's code in the web app, pinned, fetched once by npm, not in our wheel.

LiteRT.js runs the model. pako is zlib in JavaScript, byte for byte: a browser's own compression has
no dictionary, which the header of a delta is compressed with, and other bytes.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from shelflens.errors import WebAppError

HERE = Path(__file__).parent
LOCK = HERE / "package-lock.json"
LICENSE = HERE / "LICENSE-engine.txt"
"""Apache-2.0, which the packages name but do not carry."""

VERSION = "2.5.3"
"""Of @litertjs/core and @litertjs/wasm-utils. To change it: package.json, `npm install
--package-lock-only --omit-lockfile-registry-resolved`, and the hashes below."""


_ZLIB_LICENSE = b"""
(C) 1995-2013 Jean-loup Gailly and Mark Adler
(C) 2014-2017 Vitaly Puzrin and Andrey Tupitsin

This software is provided 'as-is', without any express or implied warranty. In no event will the
authors be held liable for any damages arising from the use of this software.

Permission is granted to anyone to use this software for any purpose, including commercial
applications, and to alter it and redistribute it freely, subject to the following restrictions:

1. The origin of this software must not be misrepresented; you must not claim that you wrote the
   original software. If you use this software in a product, an acknowledgment in the product
   documentation would be appreciated but is not required.
2. Altered source versions must be plainly marked as such, and must not be misrepresented as being
   the original software.
3. This notice may not be removed or altered from any source distribution.
"""


@dataclass(frozen=True)
class _Pinned:
    source: str
    """In node_modules."""
    sha256: str


# The "compat" build runs wherever WebAssembly has SIMD, and gives the same vectors everywhere
# (chosen by benchmarks/quality/engines.py).
FILES = {
    "engine/litert.js": _Pinned(
        "@litertjs/core/dist/index.js",
        "e7daccc3a31eef890848a737ccb863ded5f046a6b40c3fdc0556495adeb5d9b3",
    ),
    "engine/wasm-utils.js": _Pinned(
        "@litertjs/wasm-utils/dist/index.js",
        "e0e20bc28ab001ac732cf40d15b6eebd24fb0deaeb95eeba5100f51eebf015f2",
    ),
    "engine/litert-wasm.js": _Pinned(
        "@litertjs/core/wasm/litert_wasm_compat_internal.js",
        "4d8f894b7883654fd6e8439730aa41e79ceaab7d19184fc4f1f0b0f1a2a2c8a5",
    ),
    "engine/litert.wasm.pack": _Pinned(
        "@litertjs/core/wasm/litert_wasm_compat_internal.wasm",
        "5255c8ad06eabdbd2522cdebf6b22fc10faf74625c23a49b9e072570cd1fa41c",
    ),
    "engine/deflate.js": _Pinned(
        "pako/dist/pako_deflate.min.js",
        "9429785d1e7f805d46640c4155957fd0f286144dec05cea09f6f2eaa646adb21",
    ),
}
_PAKO_LICENSE = _Pinned(
    "pako/LICENSE", "a04665b3b2de56c66730c1f720f528175739e4104f79073614aa611da1e85539"
)


def engine_files(vendor: Path | None = None) -> dict[str, bytes]:
    """The files of other people, by where they lie in the web app, each with its pinned SHA-256.

    Args:
        vendor: A node_modules folder; None lets npm fetch what the lock file pins, once, into the
            cache folder of this user.

    Returns:
        Contents by path in the web app. `.pack` files are gzip, unpacked by the web app, so that
        they are small on any host.

    Raises:
        WebAppError: npm is missing or fails; a file is missing, or is not the pinned one.
    """
    root = _fetch() if vendor is None else vendor
    files = {target: _adapted(target, _read(root, pinned)) for target, pinned in FILES.items()}
    files["LICENSES.txt"] = _licenses(_read(root, _PAKO_LICENSE))
    return files


def _read(root: Path, pinned: _Pinned) -> bytes:
    path = root / pinned.source
    if not path.is_file():
        raise WebAppError(f"{path}: not there; expected what {LOCK.name} pins; run npm ci")
    data = path.read_bytes()
    if (got := hashlib.sha256(data).hexdigest()) != pinned.sha256:
        raise WebAppError(
            f"{path}: expected the file that {LOCK.name} pins, with SHA-256 "
            f"{pinned.sha256[:12]}..., got {got[:12]}...; run npm ci again"
        )
    return data


def packed(data: bytes) -> bytes:
    """Gzip without a date: equal data gives equal bytes."""
    return gzip.compress(data, 9, mtime=0)


def _adapted(target: str, data: bytes) -> bytes:
    if target.endswith(".pack"):
        return packed(data)
    # A browser resolves no package names, and would request source maps that are not there. Looking
    # for a graphics device takes time at every start, and our int8 model does not use it.
    text = data.decode().replace('"@litertjs/wasm-utils"', '"./wasm-utils.js"')
    text = text.replace(
        "await Environment.create()", "await Environment.create({webGpuDevice: null})"
    )
    return re.sub(r"\n?//# sourceMappingURL=.*", "", text).encode()


def _licenses(pako: bytes) -> bytes:
    head = (
        "This web app contains @litertjs/core and @litertjs/wasm-utils "
        f"{VERSION} (files under engine/),\nCopyright Google LLC, and ShelfLens, both under the "
        "Apache License 2.0, which follows.\nengine/litert.js was changed in two lines: it runs "
        "without a bundler and looks for no graphics device.\nengine/deflate.js is of pako, under "
        "the MIT License and that of zlib, at the end.\n\n"
    )
    return head.encode() + LICENSE.read_bytes() + b"\n" + pako + _ZLIB_LICENSE


def cache_folder() -> Path:
    """Where the fetched engine is kept; named after the lock file."""
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    name = hashlib.sha256(LOCK.read_bytes()).hexdigest()[:12]
    return base / "shelflens" / f"web-app-{name}"


def _fetch() -> Path:
    cache = cache_folder()
    modules = cache / "node_modules"
    if modules.is_dir():
        return modules
    npm = shutil.which("npm")
    if npm is None:
        raise WebAppError(
            "npm is not installed, which fetches the web app's inference engine once; install "
            f"Node.js, or give --vendor a node_modules folder with @litertjs/core {VERSION}"
        )
    cache.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache.parent, prefix=".web-app-") as temporary:
        work = Path(temporary) / "work"
        work.mkdir()
        for name in ("package.json", "package-lock.json"):
            shutil.copy(HERE / name, work / name)
        command = [npm, "ci", "--ignore-scripts", "--omit=dev", "--no-audit", "--no-fund"]
        done = subprocess.run(command, cwd=work, capture_output=True, text=True, check=False)
        if done.returncode:
            errors = [line for line in done.stderr.splitlines() if "npm error" in line.lower()]
            why = errors[0][:200] if errors else f"exit status {done.returncode}"
            raise WebAppError(f"npm ci failed ({why}); it needs the network once; or use --vendor")
        if not modules.is_dir():
            work.rename(cache)
    return modules
