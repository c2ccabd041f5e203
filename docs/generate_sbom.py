"""The SBOM of a release (CycloneDX 1.6, JSON): `python docs/generate_sbom.py dist/NAME.whl`.

It lists what the wheel brings and what pip installs with it on a device, by the versions of the
day: the base and every extra of the runtime, in an environment made for it; the bundled model with
its SHA-256; the packages that `shelflens page build` fetches into web apps. Needs the extra [dev]
and a package index.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from shelflens.model.card import tflite_card

ROOT = Path(__file__).parents[1]
EXTRAS = ("onnx", "fast", "serve", "heif", "camera", "sign")
"""Of the runtime: what a device may have."""

MODELS = ("shelflens/data/model.tflite", "shelflens/data/finder.tflite")
LOCK = "shelflens/webapp/package-lock.json"


def sbom(wheel: Path) -> dict[str, Any]:
    """The SBOM of a wheel, validated against the schema.

    Raises:
        ValueError: it does not fit the schema.
        subprocess.CalledProcessError: pip or cyclonedx-py failed; their words are on the screen.
    """
    with tempfile.TemporaryDirectory() as folder:
        document = _environment(wheel, Path(folder))
    with zipfile.ZipFile(wheel) as archive:
        models = [_model(name, archive.read(name)) for name in MODELS]
        ours = [*models, *_web_app(json.loads(archive.read(LOCK)))]
    document["components"] = sorted(
        [*document["components"], *ours], key=lambda component: str(component["name"]).lower()
    )
    root = document["metadata"]["component"]
    root["version"] = wheel.name.split("-")[1]
    root["purl"] = f"pkg:pypi/{root['name']}@{root['version']}"
    root["hashes"] = [_sha256(wheel.read_bytes())]
    for entry in document["dependencies"]:
        if entry["ref"] == root["bom-ref"]:
            refs = [component["bom-ref"] for component in ours]
            entry["dependsOn"] = sorted([*entry.get("dependsOn", []), *refs])
    document["dependencies"] += [{"ref": component["bom-ref"]} for component in ours]
    problem = JsonStrictValidator(SchemaVersion.V1_6).validate_str(json.dumps(document))
    if problem is not None:
        raise ValueError(f"the SBOM does not fit CycloneDX 1.6: {problem}")
    return document


def _environment(wheel: Path, folder: Path) -> dict[str, Any]:
    """What an environment of the wheel and its extras holds, by cyclonedx-py."""
    python = folder / "env" / "bin" / "python"
    # Without pip: the environment then holds what a device needs, and nothing else.
    _call(sys.executable, "-m", "venv", "--without-pip", folder / "env")
    pip = [sys.executable, "-m", "pip", "--python", python, "install", "--quiet"]
    _call(*pip, f"{wheel.resolve()}[{','.join(EXTRAS)}]")
    for origin in (folder / "env").rglob("shelflens-*.dist-info/direct_url.json"):
        origin.unlink()  # it names a folder of this machine
    out = folder / "sbom.json"
    words = ["--pyproject", ROOT / "pyproject.toml", "--mc-type", "library", "--sv", "1.6"]
    _call(sys.executable, "-m", "cyclonedx_py", "environment", *words, "-o", out, python)
    document: dict[str, Any] = json.loads(out.read_text(encoding="utf-8"))
    return document


def _model(file: str, content: bytes) -> dict[str, Any]:
    card = tflite_card(content, Path(file))
    return {
        "type": "machine-learning-model",
        "bom-ref": f"model:{card.name}",
        "name": card.name,
        "version": card.created,
        "description": f"A bundled model, {file}: {card.variant}, space {card.space}",
        "hashes": [_sha256(content)],
        "licenses": [{"license": {"name": card.license}}],
    }


def _web_app(lock: dict[str, Any]) -> list[dict[str, Any]]:
    """The npm packages of a web app, as the lock file pins them."""
    found = []
    for path, package in lock["packages"].items():
        name = path.removeprefix("node_modules/")
        if not path.startswith("node_modules/") or package.get("dev"):
            continue
        purl = f"pkg:npm/{name.replace('@', '%40')}@{package['version']}"
        component = {
            "type": "library",
            "bom-ref": purl,
            "name": name,
            "version": package["version"],
            "purl": purl,
            "scope": "optional",
            "description": "Fetched by shelflens page build into web apps; not in the wheel",
        }
        if "license" in package:
            terms = package["license"]
            alone = {"license": {"id": terms}}
            component["licenses"] = [{"expression": terms} if " " in terms else alone]
        found.append(component)
    return found


def _sha256(content: bytes) -> dict[str, str]:
    return {"alg": "SHA-256", "content": hashlib.sha256(content).hexdigest()}


def _call(*words: object) -> None:
    clean = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    subprocess.run([str(word) for word in words], check=True, env=clean)


def main(words: Sequence[str] | None = None) -> int:
    """Write the SBOM beside the wheel."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("wheel", type=Path)
    wheel = parser.parse_args(words).wheel
    out = wheel.with_name("-".join(wheel.name.split("-")[:2]) + ".cdx.json")
    document = sbom(wheel)
    out.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"{out}: CycloneDX 1.6, {len(document['components'])} components")
    return 0


if __name__ == "__main__":
    sys.exit(main())
