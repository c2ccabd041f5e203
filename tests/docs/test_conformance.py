"""Signatures beside the reference implementation of OpenSSF Model Signing, in an environment of
its own: each reads what the other signs.

Marked `install`: it downloads packages. CI runs it.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from shelflens import SignatureError
from shelflens.model.embedder import BUNDLED_MODEL
from shelflens.signing.neighbours import signature_path
from shelflens.signing.sign import sign
from tests.docs.test_install import ROOT, environment
from tests.support.signed import key_pair, trusted

pytestmark = pytest.mark.install


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its command."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    section = re.search(r"^conformance = \[(.*?)^\]", text, re.M | re.S)
    assert section
    requirements = re.findall(r'"([^"]+)"', section[1])
    folder = tmp_path_factory.mktemp("reference")
    return environment(folder / "env", *requirements) / "model_signing"


def accepts(reference: Path, path: Path, public: Path) -> bool:
    """Whether the reference verifier takes the signature beside a file."""
    words = ["verify", "key", path, "--signature", signature_path(path), "--public_key", public]
    command = [str(word) for word in (reference, *words)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ("Verification succeeded" in done.stdout) == (done.returncode == 0), done.stderr
    return done.returncode == 0


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """A catalog, a model, and a folder whose names sort differently as texts and as paths."""
    store, model, web = (tmp_path / name for name in ("store.catalog", "model.tflite", "web"))
    shutil.copy(BUNDLED_MODEL.parent / "selftest.catalog", store)
    shutil.copy(BUNDLED_MODEL, model)
    for name in ("a/b", "a-b", "a.b", "ä ö/1.txt", ".gitignore", "index.html"):
        (web / name).parent.mkdir(parents=True, exist_ok=True)
        (web / name).write_text(name)
    return [store, model, web]


@pytest.mark.parametrize("curve", ["P-256", "P-384"])
def test_the_reference_verifier_takes_our_signatures(
    reference: Path, tmp_path: Path, files: list[Path], curve: str
) -> None:
    key, odd = key_pair(tmp_path, curve=curve), key_pair(tmp_path, "odd", curve)
    for path in files:
        sign(path, key, valid_days=30)
        assert accepts(reference, path, tmp_path / "shop.pub")
        assert not accepts(reference, path, odd.path.with_suffix(".pub"))
        changed = path / "index.html" if path.is_dir() else path
        changed.write_bytes(changed.read_bytes() + b"!")
        assert not accepts(reference, path, tmp_path / "shop.pub")


@pytest.mark.parametrize("curve", ["P-256", "P-384"])
def test_signatures_of_the_reference_are_taken(
    reference: Path, tmp_path: Path, files: list[Path], curve: str
) -> None:
    key, odd = key_pair(tmp_path, curve=curve), key_pair(tmp_path, "odd", curve)
    for path in files:
        words = ["sign", "key", path, "--signature", signature_path(path)]
        words += ["--private_key", tmp_path / "shop.key"]
        subprocess.run([str(word) for word in (reference, *words)], check=True)
        verified = trusted(key).verify(path)
        assert verified.statement.serial is None
        assert verified.statement.name == path.name
        with pytest.raises(SignatureError, match="signed by another key"):
            trusted(odd).verify(path)
        changed = path / "index.html" if path.is_dir() else path
        changed.write_bytes(changed.read_bytes() + b"!")
        with pytest.raises(SignatureError, match="differs from what was signed"):
            trusted(key).verify(path)
