"""What travels between a catalog and an engine: rows with their products, and what all share."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shelflens.catalog.contents import Contents

KEY = "shelflens"
"""Of the metadata of a Parquet file's schema: what all rows share, see `shared_text`."""

_DTYPES = {"int8": np.int8, "float32": np.float32}


@dataclass(frozen=True)
class Part:
    """m rows of one embedding space, as they stand in one file."""

    source: str
    """The file, for messages."""
    ids: Sequence[str]
    """The product of each row."""
    attributes: Sequence[Mapping[str, str]]
    """Of the product of each row."""
    vectors: NDArray[np.float32]
    """float32 [m, d], of length 1 where they come from a catalog."""
    rows: NDArray[np.int8] | None = None
    """int8 [m, d], as a catalog stores them."""
    scales: NDArray[np.float32] | None = None
    """float32 [m], one over the length of each of these."""
    confirmed: NDArray[np.uint64] | None = None
    """uint64 [m]: the number of the confirmation that added each row, 0 for enrolled ones."""
    space: str | None = None
    """The embedding space; None where the file does not say."""
    shared: str | None = None
    """See `shared_text`; None where the file does not say."""


def shared_text(contents: Contents) -> str:
    """What all rows of a catalog share, as JSON: calibration, category axes, adaptation, undo."""
    small = contents.category_axes.tensors() | contents.adaptation.tensors()
    tensors = {
        name: {
            "dtype": tensor.dtype.name,
            "shape": list(tensor.shape),
            "base64": base64.b64encode(tensor.tobytes()).decode(),
        }
        for name, tensor in sorted(small.items())
    }
    metadata = {"version": str(contents.version), **contents.metadata()}
    return json.dumps({"metadata": metadata, "tensors": tensors}, ensure_ascii=False)


def parsed_shared(text: str) -> tuple[dict[str, str], dict[str, NDArray[Any]]]:
    """Metadata and small tensors, from what `shared_text` made.

    Raises:
        KeyError, TypeError, ValueError: it is none.
    """
    value = json.loads(text)
    metadata, tensors = value["metadata"], {}
    if not all(type(entry) is str for entry in metadata.values()):
        raise ValueError("metadata that is not text")
    for name, entry in value["tensors"].items():
        data = base64.b64decode(entry["base64"], validate=True)
        tensors[name] = np.frombuffer(data, _DTYPES[entry["dtype"]]).reshape(entry["shape"])
    return metadata, tensors
