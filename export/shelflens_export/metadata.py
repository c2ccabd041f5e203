"""What a file says about itself: ShelfLens' card, and TFLite Metadata for MediaPipe and others.

A `.tflite` becomes FlatBuffer + zip: the card is the zip's member `shelflens.json`, and a buffer
inside the FlatBuffer holds TFLite Metadata ("M001", metadata_schema.fbs of tflite-support) that
lists it. An `.onnx` carries the card in `metadata_props`, and a checksum as its last field.
"""

from __future__ import annotations

import io
import json
import zipfile
import zlib
from typing import Any

import flatbuffers
import numpy as np

from shelflens import ModelCard
from shelflens.model.card import CARD_KEY, CARD_NAME, FINDER
from shelflens.model.content import CHECKSUM_KEY, with_onnx_checksum
from shelflens_export import flatgraph

METADATA_NAME = "TFLITE_METADATA"
"""Name of the model's metadata entry under which readers look for the buffer."""

# Indices of the fields in their tables, and members of unions: metadata_schema.fbs.
_RGB, _FEATURE, _IMAGE, _NORMALIZATION, _DESCRIPTIONS = 1, 1, 2, 1, 1


def pack_tflite(model: bytes, card: ModelCard) -> bytes:
    """A converted FlatBuffer with TFLite Metadata inside and the card behind it.

    Raises:
        ModelError: not a TFLite FlatBuffer.
    """
    names, tree = flatgraph.schema(), flatgraph.unpack(model)
    tree.description = b"ShelfLens embedding, see shelflens.json"
    kept = [entry for entry in tree.metadata or [] if entry.name != METADATA_NAME.encode()]
    buffer = names.BufferT()
    buffer.data = np.frombuffer(model_metadata(card), np.uint8)
    tree.buffers.append(buffer)
    entry = names.MetadataT()
    entry.name, entry.buffer = METADATA_NAME.encode(), len(tree.buffers) - 1
    tree.metadata = [*kept, entry]
    packed = flatgraph.pack(tree)

    values = json.loads(card.to_json())
    values["flatbuffer"] = {"bytes": len(packed), "crc32": zlib.crc32(packed)}
    text = json.dumps(values, ensure_ascii=False, separators=(",", ":"))
    stream = io.BytesIO(packed)
    stream.seek(0, io.SEEK_END)
    # Stored, not deflated: readers in C++ hand out a pointer into the file. One fixed date, so
    # that the same run gives the same bytes.
    with zipfile.ZipFile(stream, "a", zipfile.ZIP_STORED) as archive:
        archive.writestr(zipfile.ZipInfo(CARD_NAME, (1980, 1, 1, 0, 0, 0)), text.encode())
    return stream.getvalue()


def pack_onnx(model: Any, card: ModelCard) -> bytes:
    """An ONNX ModelProto with the card in it and a checksum behind it, as bytes."""
    ours = (CARD_KEY, CHECKSUM_KEY)
    kept = [entry for entry in model.metadata_props if entry.key not in ours]
    del model.metadata_props[:]
    model.metadata_props.extend(kept)
    model.metadata_props.add(key=CARD_KEY, value=card.to_json())
    model.producer_name = "shelflens"
    model.doc_string = "uint8 RGB [batch, size, size, 3] -> float32 [batch, dim]"
    model.doc_string += "" if card.task == FINDER else ", rows of length 1"
    return with_onnx_checksum(model.SerializeToString())


def model_metadata(card: ModelCard) -> bytes:
    """TFLite Metadata: a uint8 RGB image that goes in as it is, an embedding that comes out."""
    made = flatbuffers.Builder(1024)
    image = _table(
        made,
        7,
        {
            0: made.CreateString("image"),
            1: made.CreateString(
                f"Photo, upright, stretched to {card.size} x {card.size}; RGB bytes 0..255. "
                "The graph normalises."
            ),
            3: _content(made, _IMAGE, _table(made, 2, {}, numbers={0: _RGB})),
            # Mean 0 and deviation 1: the bytes go in as they are.
            4: _vector(made, [_normalization(made, mean=[0.0], std=[1.0])]),
        },
    )
    embedding = _table(
        made,
        7,
        {
            0: made.CreateString("cells" if card.task == FINDER else "embedding"),
            1: made.CreateString(
                f"{card.dim} numbers from 0 to 1, six for each cell of a grid, row by row: mask, "
                "middle, and how far to the left, top, right and bottom."
                if card.task == FINDER
                else f"{card.dim} dimensions, of length 1; compare by dot product."
            ),
            3: _content(made, _FEATURE, _table(made, 0, {})),
        },
    )
    inputs, outputs = _vector(made, [image]), _vector(made, [embedding])
    graph = _table(made, 10, {0: made.CreateString("embedder"), 2: inputs, 3: outputs})
    attached = _table(
        made,
        5,
        {0: made.CreateString(CARD_NAME), 1: made.CreateString("ShelfLens model card, JSON")},
        numbers={2: _DESCRIPTIONS},
    )
    about = card.use or "Photo to unit-length embedding, for finding a product by its picture."
    root = _table(
        made,
        8,
        {
            0: made.CreateString(f"{card.name} ({card.variant})"),
            1: made.CreateString(about),
            2: made.CreateString(card.space),
            3: _vector(made, [graph]),
            4: made.CreateString("ShelfLens"),
            5: made.CreateString(card.license),
            6: _vector(made, [attached]),
            7: made.CreateString("1.0.0"),
        },
    )
    made.Finish(root, file_identifier=b"M001")
    return bytes(made.Output())


def _table(
    made: Any, fields: int, offsets: dict[int, int], *, numbers: dict[int, int] | None = None
) -> int:
    """A table of so many fields: offsets to what was written before, and small numbers."""
    made.StartObject(fields)
    for index, offset in offsets.items():
        made.PrependUOffsetTRelativeSlot(index, offset, 0)
    for index, number in (numbers or {}).items():
        made.PrependUint8Slot(index, number, 0)
    return int(made.EndObject())


def _content(made: Any, kind: int, properties: int) -> int:
    """Content { content_properties: union }: field 0 is the union's type, field 1 its table."""
    return _table(made, 3, {1: properties}, numbers={0: kind})


def _normalization(made: Any, *, mean: list[float], std: list[float]) -> int:
    options = _table(made, 2, {0: _floats(made, mean), 1: _floats(made, std)})
    return _table(made, 2, {1: options}, numbers={0: _NORMALIZATION})


def _floats(made: Any, values: list[float]) -> int:
    return int(made.CreateNumpyVector(np.array(values, np.float32)))


def _vector(made: Any, offsets: list[int]) -> int:
    made.StartVector(4, len(offsets), 4)
    for offset in reversed(offsets):
        made.PrependUOffsetTRelative(offset)
    return int(made.EndVector())
