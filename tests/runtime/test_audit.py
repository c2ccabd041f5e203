"""Lines that say who changed which catalog, and what was put to use."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from shelflens import Catalog, Embedder
from shelflens.catalog.reload import Reloader
from shelflens.model.embedder import BUNDLED_MODEL
from tests.support.server_process import PHOTO

Run = Callable[..., tuple[int, str, str]]
PRODUCT = PHOTO.stem.rpartition("-")[0]


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "audit.jsonl"
    monkeypatch.setenv("SHELFLENS_AUDIT", str(path))
    return path


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_each_change_is_a_line(run: Run, built: Path, tmp_path: Path, log: Path) -> None:
    store, prints = tmp_path / "store.catalog", []
    shutil.copy(built, store)
    photo = sorted(PHOTO.parent.glob(f"{PRODUCT}-*.jpg"))[-1]
    acts = {
        "confirm": ["confirm", store, photo, PRODUCT],
        "unconfirm": ["unconfirm", store, PRODUCT],
        "remove": ["remove", store, PRODUCT],
        "install": ["install", built, store],
        "rollback": ["rollback", store],
        "build": ["build", PHOTO.parents[1] / "studio.csv", "--out", store],
    }
    for words in acts.values():
        prints.append(Catalog.open(store).fingerprint)
        status, _, err = run("catalog", *words)
        assert status == 0, err
    prints.append(Catalog.open(store).fingerprint)
    assert run("catalog", "info", store)[0] == 0  # changes nothing
    assert run("catalog", "remove", store, "none")[0] == 1
    written = lines(log)
    assert [line["subcommand"] for line in written] == list(acts)
    assert [line["from"] for line in written] == prints[:-1]
    assert [line["to"] for line in written] == prints[1:]
    assert {line["act"] for line in written} == {"changed"}
    assert {line["file"] for line in written} == {str(store)}
    assert {line["user"] for line in written} == {pwd.getpwuid(os.getuid()).pw_name}
    assert [line.get("product") for line in written][:3] == [PRODUCT, PRODUCT, None]
    assert photo.name not in log.read_text()
    assert stat.S_IMODE(log.stat().st_mode) & 0o077 == 0


def test_what_is_put_to_use_is_a_line(built: Path, tmp_path: Path, log: Path) -> None:
    path, model = tmp_path / "store.catalog", tmp_path / "model.tflite"
    shutil.copy(built, path)
    shutil.copy(BUNDLED_MODEL, model)
    reloader = Reloader(path, lambda: Embedder.open(model), model)
    before = reloader.catalog.fingerprint
    assert not log.exists()
    reloader.catalog.remove([PRODUCT]).save(path)
    assert reloader.refresh()[0]
    model.touch()
    assert reloader.refresh()[0]
    path.write_bytes(b"damaged")
    assert not reloader.refresh()[0]
    catalog_line, model_line = lines(log)
    assert (catalog_line["act"], catalog_line["from"]) == ("put to use", before)
    assert catalog_line["to"] == reloader.catalog.fingerprint
    assert (model_line["file"], model_line["from"]) == (str(model), model_line["to"])


def test_it_may_be_rotated_and_a_full_disk_is_a_warning(
    run: Run, built: Path, tmp_path: Path, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = tmp_path / "store.catalog"
    for name in ("first", "second"):
        shutil.copy(built, store)
        assert run("catalog", "remove", store, PRODUCT)[0] == 0
        log.rename(tmp_path / name)
    assert len(lines(tmp_path / "first")) == len(lines(tmp_path / "second")) == 1
    monkeypatch.setenv("SHELFLENS_AUDIT", str(tmp_path / "none" / "audit.jsonl"))
    shutil.copy(built, store)
    status, _, err = run("catalog", "remove", store, PRODUCT)
    assert (status, PRODUCT in Catalog.open(store).ids) == (0, False)
    assert err.startswith("warning: SHELFLENS_AUDIT ")
