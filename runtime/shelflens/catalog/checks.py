"""What a catalog must hold so that every later step can rely on it: types, ranges, order.

Checksums say that the bytes are those that were written; these checks say that whoever wrote them
wrote a catalog. Each raises ValueError with the words for a person.
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shelflens.catalog.calibration import MEASURED
from shelflens.catalog.provenance import UNDO_LIMIT
from shelflens.catalog.splice import Array, joined
from shelflens.product_ids import ROW_LIMIT

MAX_DIM = 1 << 16
MAX_RECORD_BYTES = 1 << 20
"""Of one product: parsing it takes a multiple of this in memory."""

_TABLES = {
    "first_byte": (np.dtype("<u8"), 1),
    "first_row": (np.dtype("<u8"), 1),
    "scales": (np.dtype("<f4"), 1),
    "products": (np.dtype("u1"), 1),
    "rows": (np.dtype("i1"), 2),
}
_BLOCK = 1 << 17
"""Components of rows that are widened at a time: they stay in the processor's cache."""

_LENGTH_ERROR = 1e-3
"""Of a row of length 1: its scale is a float32, and the sum of squares is rounded too."""


def check_tables(tensors: Mapping[str, Array]) -> None:
    """Refuse tables that are missing, of another type, or do not fit each other."""
    for name, (dtype, axes) in _TABLES.items():
        if name not in tensors:
            raise ValueError(f"no table {name!r}")
        if tensors[name].dtype != dtype or tensors[name].ndim != axes:
            raise ValueError(f"table {name!r} is of another type")
    first_byte, first_row = joined(tensors["first_byte"]), joined(tensors["first_row"])
    n, dim = tensors["rows"].shape
    if not (1 <= dim <= MAX_DIM and n < ROW_LIMIT):
        raise ValueError(f"{n:,} rows of {dim:,} dimensions")
    fits = tensors["scales"].shape == (n,) and len(first_row) == len(first_byte)
    if not (fits and _rises(first_row, n) and _rises(first_byte, len(tensors["products"]))):
        raise ValueError("the tables do not fit each other")
    if len(first_byte) > 1 and int((first_byte[1:] - first_byte[:-1]).max()) > MAX_RECORD_BYTES:
        raise ValueError(f"a product of more than {MAX_RECORD_BYTES:,} bytes")


def _rises(bounds: NDArray[np.uint64], last: int) -> bool:
    """Whether bounds begin at 0, rise by at least 1 each and end at `last`."""
    return (
        len(bounds) > 0
        and int(bounds[0]) == 0
        and int(bounds[-1]) == last
        and bool((bounds[1:] > bounds[:-1]).all())
    )


def check_scales(rows: NDArray[np.int8], scales: NDArray[np.float32]) -> None:
    """Refuse a scale that is not one over the length of its row.

    Args:
        rows: int8 [n, d].
        scales: float32 [n].
    """
    step = min(max(1, _BLOCK // rows.shape[1]), max(1, len(rows)))
    block = np.empty((step, rows.shape[1]), np.float32)  # one for all: fresh memory costs more
    with np.errstate(all="ignore"):  # what a hostile scale gives is refused below
        for start in range(0, len(rows), step):
            factors = scales[start : start + step]
            wide = block[: len(factors)]
            np.copyto(wide, rows[start : start + step])
            # A product of matrices each: faster than a sum of squares.
            sums = np.matmul(wide[:, np.newaxis, :], wide[:, :, np.newaxis])
            squares = sums.reshape(-1) * factors * factors
            if not ((np.abs(squares - 1) < 2 * _LENGTH_ERROR) & (factors > 0)).all():
                raise ValueError("a scale that is not one over the length of its row")


def check_confirmed(confirmed: NDArray[Any] | None, first_row: NDArray[np.uint64], n: int) -> None:
    """Refuse numbers of confirmations that do not rise within each product."""
    if confirmed is None:
        return
    if confirmed.shape != (n,) or confirmed.dtype != np.dtype("<u8"):
        raise ValueError("the table 'confirmed' does not fit the rows")
    falls = np.flatnonzero(confirmed[1:] < confirmed[:-1]) + 1
    if n and (int(confirmed.max()) >= 1 << 53 or not np.isin(falls, first_row).all()):
        raise ValueError("confirmations are not in order")


def check_dropped(text: str, dim: int) -> None:
    """Refuse rows that were pushed out and could not come back."""
    entries = json.loads(text)
    if type(entries) is not list or len(entries) > UNDO_LIMIT:
        raise ValueError("'dropped' is no list")
    for entry in entries:
        sound = (
            type(entry) is dict
            and set(entry) == {"id", "number", "by", "row"}
            and type(entry["id"]) is type(entry["row"]) is str
            and all(type(entry[k]) is int and 1 <= entry[k] < 1 << 53 for k in ("number", "by"))
        )
        if not sound or len(row := base64.b64decode(entry["row"], validate=True)) != dim:
            raise ValueError("'dropped' holds what is no row")
        if not any(row):
            raise ValueError("'dropped' holds a row without a direction")


_UNIT = (
    "false_accept_rate",
    "measured_false_accept_rate",
    "weight",
    "accepted",
    "matched",
    "matched_right",
    "unknown_share",
)
LOWEST_MEASURED = -0.5
"""No measuring gives less: things that are not enrolled do not point away from all products."""

LOWEST_CAP = 0.9
"""A threshold is cut off above this only."""

_COUNTS = ("queries", "unknowns", "products", "rows")
_INTERVALS = ("min_probability_interval", "false_accept_rate_interval")


def check_calibration(values: Any) -> None:
    """Refuse a calibration that cannot be shown; `Calibration.from_dict` refuses coefficients."""
    if type(values) is not dict:
        raise ValueError("the calibration is no object")
    basis = values.get("basis", "default")
    if type(basis) is not str or not basis.isprintable() or len(basis) > 40:
        raise ValueError("calibration: a basis that is none")
    if basis == MEASURED and values.get("threshold", 0.0) < LOWEST_MEASURED:
        raise ValueError(f"calibration: measured, with threshold {values['threshold']!r:.20}")
    _check_interval(values.get("threshold"), values.get("threshold_interval"))
    _check_measurement(values)


def _check_interval(threshold: Any, interval: Any) -> None:
    """Refuse a threshold outside its interval; it is the middle, but for cap and rounding."""
    if threshold is None or not _is_pair(interval):
        return
    low, high = interval
    if not min(low, LOWEST_CAP) - 1e-3 <= threshold <= high + 1e-3:
        raise ValueError("calibration: a threshold outside its own interval")


def _is_pair(value: Any) -> bool:
    return type(value) is list and len(value) == 2 and all(map(_number, value))


def _check_measurement(values: Mapping[str, Any]) -> None:
    """Refuse what was measured where it cannot be shown; keys may be missing."""
    if any(name not in values for name in (*_UNIT, *_COUNTS, *_INTERVALS)):
        return  # of another version, and ignored
    for name in _UNIT:
        value = values[name]
        if not (value is None and name == "matched_right") and not (
            _number(value) and 0 <= value <= 1
        ):
            raise ValueError(f"calibration: {name} {value!r:.20}")
    for name in _COUNTS:
        if type(values[name]) is not int or not 0 <= values[name] < 1 << 53:
            raise ValueError(f"calibration: {name} {values[name]!r:.20}")
    for name in _INTERVALS:
        if not _is_pair(values[name]):
            raise ValueError(f"calibration: {name} is no interval")


def _number(value: Any) -> bool:
    return type(value) in (int, float) and abs(value) <= 1e9 and math.isfinite(value)
