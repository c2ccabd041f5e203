"""`docs/how-to/engines.md` with the engines themselves, in an environment of its own.

Marked `install`: it downloads packages (extra [engines]). CI runs it.
"""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from shelflens.model.embedder import BUNDLED_MODEL
from tests.docs.test_install import ROOT, environment, run

pytestmark = pytest.mark.install

PAGE = ROOT / "docs" / "how-to" / "engines.md"

BEGIN = """
import json
import os
os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "0"
nearest = {}
"""
"""All engines in one process: gRPC, which Milvus brings, may else end what PostgreSQL's wheel
starts."""
AFTER_QUERY = """
exact = vectors.astype(np.float64) @ query.astype(np.float64)
nearest["float64"] = [ids[index] for index in np.argsort(-exact, kind="stable")[:10]]
"""
AFTER_ENGINE = """
nearest[{name!r}] = list(found)
"""
END = """
expected = catalog.answer(embedding)
print("RESULT", json.dumps([nearest, answer.to_dict(), expected.to_dict()]))
"""


def script() -> str:
    """The blocks of the page as one program, which keeps what each engine found."""
    parts = [BEGIN]
    for title, text in re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", PAGE.read_text(), re.M | re.S):
        for block in re.findall(r"^```python\n(.*?)^```$", text, re.M | re.S):
            parts.append(block)
            if "pq.read_table" in block:
                parts.append(AFTER_QUERY)
            elif "found = " in block:
                parts.append(AFTER_ENGINE.format(name=title))
    return "".join([*parts, END])


def test_every_engine_finds_the_nearest_rows(tmp_path: Path) -> None:
    bin_ = environment(tmp_path / "env", f"{ROOT}[engines]")
    demo = BUNDLED_MODEL.parent / "demo"
    shutil.copy(sorted((demo / "photos").iterdir())[0], tmp_path / "photo.jpg")
    shelflens = bin_ / "shelflens"
    run(shelflens, "catalog", "build", demo / "studio.csv", "--out", "store.catalog", cwd=tmp_path)
    for out in ("rows.parquet", "rows"):
        run(shelflens, "catalog", "export", "store.catalog", "--vectors", out, cwd=tmp_path)
        run(shelflens, "catalog", "from-vectors", out, "--out", "back.catalog", cwd=tmp_path)
        assert (tmp_path / "back.catalog").read_bytes() == (tmp_path / "store.catalog").read_bytes()
    (tmp_path / "page.py").write_text(script())
    out = run(bin_ / "python", "page.py", cwd=tmp_path)
    nearest, answer, expected = json.loads(out.rpartition("RESULT ")[2])
    assert set(nearest) == {
        "float64", "LanceDB", "Qdrant", "Milvus", "usearch", "PostgreSQL with pgvector"
    }  # fmt: skip
    wanted = nearest.pop("float64")
    assert len(wanted) == 10
    assert nearest == dict.fromkeys(nearest, wanted)
    assert answer["decision"] == expected["decision"]
    assert [match["id"] for match in answer["matches"]] == [
        match["id"] for match in expected["matches"]
    ]
    scores = [[match["score"] for match in each["matches"]] for each in (answer, expected)]
    assert scores[0] == pytest.approx(scores[1], abs=1e-3)
