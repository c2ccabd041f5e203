"""The table of docs/how-to/scale.md: its bytes are those of files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks import capacity
from shelflens import Catalog
from shelflens.catalog.container import open_container


@pytest.mark.parametrize("dim", [64, 256])
def test_bytes_are_those_of_a_file(tmp_path: Path, dim: int) -> None:
    ids = [f"product {index:08}" for index in range(1000)]
    vectors = np.random.default_rng(0).normal(size=(1000, dim)).astype(np.float32)
    catalog = Catalog(ids, vectors, space="s", attributes={ids[0]: {"name": "x"}})
    catalog.save(tmp_path / "store.catalog")
    container, content = open_container(tmp_path / "store.catalog")
    record = container.tensors["products"].nbytes / 1000
    header = 8 + int.from_bytes(content.bytes[:8].tobytes(), "little")
    expected = capacity.catalog_bytes(1000, dim, 0) + int(1000 * record)
    assert (tmp_path / "store.catalog").stat().st_size == header + expected
    assert header < 4096


def test_a_usual_record_is_as_long_as_assumed() -> None:
    attributes = {"name": "Oat drink organic 1 l", "price": "1.99"}
    catalog = Catalog(["milk/oat-1l"], np.ones((1, 4), np.float32), space="s",
                      attributes={"milk/oat-1l": attributes})  # fmt: skip
    length = len(catalog.contents.products.record_bytes(0))
    assert 0.7 * capacity.RECORD < length < 1.3 * capacity.RECORD


def test_larger_is_never_less() -> None:
    rows = [line.split(" | ") for line in capacity.capacity().splitlines() if line[:3] == "| 1"]
    assert [row[0] for row in rows] == [f"| {n:,}" for n in capacity.ROWS]
    assert rows[-1][1] == "3.6 GB"
    assert all(len(row) == 9 for row in rows)
