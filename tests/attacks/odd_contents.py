"""Catalog files with right checksums and contents that no writer of ours makes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from shelflens import Catalog
from shelflens.catalog.adaptation import Adaptation
from shelflens.catalog.container import Tensors, read_container, write_container

DIM = 16
ADAPTATION = Adaptation.of(np.diag(np.linspace(0.4, 1.4, DIM)))


def sound(path: Path, products: int = 5, *, adaptation: Adaptation | None = None) -> Catalog:
    """Write a small catalog, and give it: some products have several rows."""
    rows = np.random.default_rng(3).normal(size=(products + 2, DIM)).astype(np.float32)
    ids = [f"p{n}" for n in [*range(products), 0, 1]]
    attributes = {"p0": {"name": "Tea äöü", "price": "1.20"}}
    catalog = Catalog(ids, rows, space="s", attributes=attributes, adaptation=adaptation)
    catalog.save(path)
    return catalog


def write(path: Path, tensors: Mapping[str, Any], metadata: Mapping[str, str]) -> None:
    """Write tensors with the checksums that fit them."""
    frame = ("format", "version", "fingerprint")
    kept = {k: v for k, v in metadata.items() if k not in frame and not k.startswith("crc32.")}
    write_container(path, tensors, kept, version=int(metadata.get("version", 1)))


def odd_contents(path: Path) -> Iterator[str]:
    """Write one odd file after another; gives what each is."""
    sound(path)
    tensors, metadata = read_container(path)
    for name, change in _TENSORS.items():
        changed = {key: np.array(tensor) for key, tensor in tensors.items()}
        change(changed)
        write(path, changed, metadata)
        yield name
    for record in _RECORDS:
        write(path, _with_record(tensors, record), metadata)
        yield f"record {record[:40]!r}"
    for calibration in _CALIBRATIONS:
        write(path, tensors, {**metadata, "calibration": calibration})
        yield f"calibration {calibration[:40]}"
    for dropped in _DROPPED:
        write(path, tensors, {**metadata, "dropped": dropped})
        yield f"dropped {dropped[:40]}"
    write(path, tensors, {**metadata, "space": ""})
    yield "no space"
    sound(path, adaptation=ADAPTATION)
    tensors, metadata = read_container(path)
    for name, change in _ADAPTATIONS.items():
        changed = {key: np.array(tensor) for key, tensor in tensors.items()}
        change(changed)
        write(path, changed, metadata)
        yield f"adaptation {name}"
    write(path, tensors, {**metadata, "version": "1"})
    yield "adaptation in format 1"


def _with_record(tensors: Tensors, record: bytes) -> Tensors:
    """The first product's record replaced."""
    old = int(tensors["first_byte"][1])
    first_byte = tensors["first_byte"].astype(np.int64)
    first_byte[1:] += len(record) - old
    table = record + tensors["products"][old:].tobytes()
    products = np.frombuffer(table, np.uint8)
    return {**tensors, "products": products, "first_byte": first_byte.astype(np.uint64)}


def _set(name: str, index: Any, value: Any) -> Callable[[Tensors], None]:
    def change(tensors: Tensors) -> None:
        tensors[name][index] = value

    return change


def _swap(tensors: Tensors) -> None:
    bounds = tensors["first_byte"]
    bounds[1], bounds[2] = bounds[2], bounds[1]


def _as(name: str, dtype: Any) -> Callable[[Tensors], None]:
    return lambda tensors: tensors.update({name: tensors[name].astype(dtype)})


def _without(name: str) -> Callable[[Tensors], None]:
    def change(tensors: Tensors) -> None:
        del tensors[name]

    return change


def _cut(name: str, stop: int) -> Callable[[Tensors], None]:
    return lambda tensors: tensors.update({name: tensors[name][:stop]})


_TABLES = ("first_byte", "first_row", "scales", "products", "rows")
_TENSORS: dict[str, Callable[[Tensors], None]] = {
    "first_byte swapped": _swap,
    "first_row huge": _set("first_row", 2, 1 << 62),
    "first_row beyond signed": _set("first_row", 2, (1 << 64) - 1),
    "first_row equal": _set("first_row", 2, 2),
    "first_row not from 0": _set("first_row", 0, 1),
    "first_byte huge": _set("first_byte", 1, 1 << 62),
    "first_byte of half a record": _set("first_byte", 1, 7),
    "scale not a number": _set("scales", 1, np.nan),
    "scale infinite": _set("scales", 1, np.inf),
    "scale zero": _set("scales", 1, 0),
    "scale negative": lambda tensors: tensors.update(scales=-tensors["scales"]),
    "scale twice": lambda tensors: tensors.update(scales=tensors["scales"] * 2),
    "row of zeros": _set("rows", 0, 0),
    "rows flat": lambda tensors: tensors.update(rows=tensors["rows"].reshape(-1)),
    "rows without width": lambda tensors: tensors.update(rows=tensors["rows"][:, :0]),
    "products not UTF-8": _set("products", 10, 0xFF),
    "axes without factors": lambda tensors: tensors.update(likeness_axes=tensors["rows"]),
    "axes with odd factors": lambda tensors: tensors.update(
        likeness_axes=tensors["rows"], likeness_scales=tensors["scales"] * np.float32(np.nan)
    ),
    **{f"no {name}": _without(name) for name in _TABLES},
    **{f"{name} cut": _cut(name, -1) for name in _TABLES},
    **{f"{name} empty": _cut(name, 0) for name in _TABLES},
    "scales as bytes": _as("scales", np.uint8),
    "rows as floats": _as("rows", np.float32),
    "first_row as floats": _as("first_row", np.float32),
}
_AXES, _FACTORS = "adaptation_axes", "adaptation_scales"
_ADAPTATIONS: dict[str, Callable[[Tensors], None]] = {
    "without axes": _without(_AXES),
    "without factors": _without(_FACTORS),
    "axes cut": _cut(_AXES, -1),
    "factors cut": _cut(_FACTORS, -1),
    "of no axes": lambda tensors: (_cut(_AXES, 0)(tensors), _cut(_FACTORS, 0)(tensors))[0],
    "axes of another dimension": lambda tensors: tensors.update(
        {_AXES: np.ascontiguousarray(tensors[_AXES][:, :-1])}
    ),
    "axes flat": lambda tensors: tensors.update({_AXES: tensors[_AXES].reshape(-1)}),
    "axes as bytes": _as(_AXES, np.uint8),
    "factors as bytes": _as(_FACTORS, np.uint8),
    "factor not a number": _set(_FACTORS, 0, np.nan),
    "factor infinite": _set(_FACTORS, 0, np.inf),
    "factor huge": _set(_FACTORS, 0, 3e38),
    "factor zero": _set(_FACTORS, 0, 0),
    "factor negative": lambda tensors: tensors.update({_FACTORS: -tensors[_FACTORS]}),
    "factors twice": lambda tensors: tensors.update({_FACTORS: tensors[_FACTORS] * 2}),
    "axes all alike": lambda tensors: tensors.update(
        {_AXES: np.repeat(tensors[_AXES][:1], len(tensors[_AXES]), axis=0)}
    ),
    "of too many axes": lambda tensors: tensors.update(
        {
            _AXES: np.ones((65, DIM), np.int8),
            _FACTORS: np.full(65, 1e-3, np.float32),
        }
    ),
}
_RECORDS = [
    b"{}",
    b"[]",
    b"null",
    b"1",
    b'"text"',
    b'{"id":"p0"}',
    b'{"attributes":{}}',
    b'{"id":1,"attributes":{}}',
    b'{"id":"","attributes":{}}',
    b'{"id":"p1","attributes":{}}',
    b'{"id":"a\\u001b[31m","attributes":{}}',
    b'{"id":"a\\nb","attributes":{}}',
    b'{"id":" a","attributes":{}}',
    b'{"id":"' + b"x" * 300 + b'","attributes":{}}',
    b'{"id":"p0","attributes":[]}',
    b'{"id":"p0","attributes":null}',
    b'{"id":"p0","attributes":"name"}',
    b'{"id":"p0","attributes":{"name":1}}',
    b'{"id":"p0","attributes":{"name":null}}',
    b'{"id":"p0","attributes":{"name":{"a":"b"}}}',
    b'{"id":"p0","attributes":{"name":"\\ud800"}}',
    b'{"id":"p0","attributes":{"\\udfff":"b"}}',
    b'{"id":"p0","attributes":{"name":"a}',
    b"[" * 100_000,
    b'{"id":"p0","attributes":' + b'{"a":' * 50_000,
    b"\xef\xbb\xbf" + b'{"id":"p0","attributes":{}}',
    '{"id":"p0","attributes":{}}'.encode("utf-16"),
]
_CALIBRATIONS = [
    "",
    "null",
    "[]",
    "7",
    "{",
    "[" * 100_000,
    *map(
        json.dumps,
        [
            {"threshold": "high"},
            {"view_similarity": "high"},
            {"view_similarity": 1.5},
            {"view_similarity": None},
            {"threshold": "0.5"},
            {"threshold": None},
            {"threshold": True},
            {"threshold": 7},
            {"threshold": -2},
            {"threshold": 10**300},
            {"threshold": [0.5]},
            {"min_probability": 0.4},
            {"min_probability": {}},
            {"posterior": "abc"},
            {"posterior": [1, 2]},
            {"posterior": {"concentration": -1}},
            {"posterior": {"offset": "2"}},
            {"posterior": {"second": 99}},
            {"basis": 7},
        ],
    ),
]
_DROPPED = [
    "{}",
    "7",
    "[1]",
    "[{}]",
    '[{"id": "p0", "number": 1, "by": 2, "row": "AAAA"}]',
    '[{"id": "p0", "number": "1", "by": 2, "row": "AAAA"}]',
    '[{"id": 7, "number": 1, "by": 2, "row": "%%"}]',
    "[" * 100_000,
]
UNKNOWN_TO_THE_BROWSER = ("dropped",)
"""What only Python reads: the web app takes no confirmation back."""
