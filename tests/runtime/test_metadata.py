"""What rides in a file: the card, its checksum, and TFLite Metadata; on a hand-made model."""

from __future__ import annotations

import io
import json
import struct
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest

from shelflens import Embedder, ModelCard
from shelflens.errors import ModelError
from shelflens.model.card import CARD_NAME, read_tflite_card
from shelflens_export import flatgraph
from shelflens_export.metadata import METADATA_NAME, model_metadata, pack_tflite

SIDE = 4
CARD = ModelCard(
    name="hand-made",
    space="hand-made-0",
    size=SIDE,
    dim=SIDE * SIDE * 3,
    variant="int8",
    license="Apache-2.0; Fotos: größtenteils eigene",
    use="Tests.",
)


def hand_made_model() -> bytes:
    """uint8 [1, 4, 4, 3] -> cast -> reshape -> float32 [1, 48]: pixels are the embedding."""
    names = flatgraph.schema()
    types = names.TensorType

    def tensor(name: bytes, dtype: int, shape: list[int], buffer: int = 0) -> object:
        made = names.TensorT()
        made.name, made.type, made.shape, made.buffer = name, dtype, shape, buffer
        return made

    def code(builtin: int) -> object:
        made = names.OperatorCodeT()
        made.builtinCode = made.deprecatedBuiltinCode = builtin
        made.version = 1
        return made

    def operator(opcode: int, inputs: list[int], outputs: list[int]) -> object:
        made = names.OperatorT()
        made.opcodeIndex, made.inputs, made.outputs = opcode, inputs, outputs
        return made

    empty, shape = names.BufferT(), names.BufferT()
    shape.data = np.frombuffer(np.array([1, CARD.dim], np.int32).tobytes(), np.uint8)
    graph = names.SubGraphT()
    picture = [1, SIDE, SIDE, 3]
    graph.tensors = [
        tensor(b"image", types.UINT8, picture),
        tensor(b"wide", types.FLOAT32, picture),
        tensor(b"shape", types.INT32, [2], buffer=1),
        tensor(b"flat", types.FLOAT32, [1, CARD.dim]),
    ]
    graph.inputs, graph.outputs = [0], [3]
    graph.operators = [operator(0, [0], [1]), operator(1, [1, 2], [3])]
    model = names.ModelT()
    model.version = 3
    model.buffers, model.subgraphs = [empty, shape], [graph]
    codes = names.BuiltinOperator
    model.operatorCodes = [code(codes.CAST), code(codes.RESHAPE)]
    return flatgraph.pack(model)


@pytest.fixture(scope="module")
def packed() -> bytes:
    return pack_tflite(flatgraph.add_unit_length(hand_made_model()), CARD)


@pytest.fixture
def file(tmp_path: Path, packed: bytes) -> Path:
    path = tmp_path / "model.tflite"
    path.write_bytes(packed)
    return path


class Table:
    """A minimal FlatBuffer reader, written from the format's description."""

    def __init__(self, data: bytes, offset: int) -> None:
        self.data, self.offset = data, offset
        self.fields = offset - struct.unpack_from("<i", data, offset)[0]

    @classmethod
    def root(cls, data: bytes) -> Table:
        return cls(data, struct.unpack_from("<I", data)[0])

    def where(self, field: int) -> int:
        size = struct.unpack_from("<H", self.data, self.fields)[0]
        entry = 4 + 2 * field
        step = struct.unpack_from("<H", self.data, self.fields + entry)[0] if entry < size else 0
        return self.offset + step if step else 0

    def byte(self, field: int) -> int:
        return self.data[self.where(field)] if self.where(field) else 0

    def target(self, field: int) -> int:
        offset = self.where(field)
        assert offset, f"no field {field}"
        return int(offset + struct.unpack_from("<I", self.data, offset)[0])

    def text(self, field: int) -> str:
        offset = self.target(field)
        length = struct.unpack_from("<I", self.data, offset)[0]
        return self.data[offset + 4 : offset + 4 + length].decode()

    def table(self, field: int) -> Table:
        return Table(self.data, self.target(field))

    def tables(self, field: int) -> list[Table]:
        start = self.target(field)
        starts = [start + 4 * (1 + n) for n in range(struct.unpack_from("<I", self.data, start)[0])]
        return [Table(self.data, p + struct.unpack_from("<I", self.data, p)[0]) for p in starts]

    def floats(self, field: int) -> list[float]:
        start = self.target(field)
        count = struct.unpack_from("<I", self.data, start)[0]
        return list(struct.unpack_from(f"<{count}f", self.data, start + 4))


def test_metadata_reads_back_by_the_public_schema() -> None:
    data = model_metadata(CARD)
    assert data[4:8] == b"M001"
    root = Table.root(data)
    assert root.text(0) == "hand-made (int8)"
    assert root.text(1) == "Tests."
    assert root.text(2) == CARD.space
    assert root.text(5) == CARD.license
    (attached,) = root.tables(6)
    assert attached.text(0) == CARD_NAME
    (graph,) = root.tables(3)
    (image,), (embedding,) = graph.tables(2), graph.tables(3)
    assert (image.text(0), embedding.text(0)) == ("image", "embedding")
    content = image.table(3)
    assert content.byte(0) == 2  # ContentProperties.ImageProperties
    assert content.table(1).byte(0) == 1  # ColorSpaceType.RGB
    (unit,) = image.tables(4)
    assert unit.byte(0) == 1  # ProcessUnitOptions.NormalizationOptions
    assert unit.table(1).floats(0) == [0.0]
    assert unit.table(1).floats(1) == [1.0]
    assert embedding.table(3).byte(0) == 1  # ContentProperties.FeatureProperties


def test_the_model_lists_its_metadata_once(packed: bytes) -> None:
    again = flatgraph.unpack(pack_tflite(packed, CARD))
    entries = [entry for entry in again.metadata if entry.name == METADATA_NAME.encode()]
    assert len(entries) == 1
    assert bytes(again.buffers[entries[0].buffer].data)[4:8] == b"M001"


def test_weights_lie_at_multiples_of_16(packed: bytes) -> None:
    needle = np.array([1, CARD.dim], np.int32).tobytes()
    assert packed.index(needle) % 16 == 0


def test_card_comes_back_and_the_zip_opens(file: Path) -> None:
    assert read_tflite_card(file) == CARD
    with zipfile.ZipFile(file) as archive:
        assert archive.namelist() == [CARD_NAME]
        assert archive.testzip() is None
        stated = json.loads(archive.read(CARD_NAME))["flatbuffer"]
    head = file.read_bytes()[: stated["bytes"]]
    assert zlib.crc32(head) == stated["crc32"]
    assert head[4:8] == b"TFL3"


def test_an_engine_runs_it_and_the_output_has_length_1(file: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (2, SIDE, SIDE, 3), dtype=np.uint8)
    embedder = Embedder.open(file, threads=1)
    raw = embedder._engine.run(pixels)
    wanted = pixels.reshape(2, -1) / np.linalg.norm(pixels.reshape(2, -1), axis=1, keepdims=True)
    np.testing.assert_allclose(raw, wanted, atol=1e-6)


def test_the_same_model_gives_the_same_bytes(packed: bytes) -> None:
    assert pack_tflite(flatgraph.add_unit_length(hand_made_model()), CARD) == packed


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.999])
def test_a_file_cut_short_is_refused(tmp_path: Path, packed: bytes, share: float) -> None:
    path = tmp_path / "short.tflite"
    path.write_bytes(packed[: int(len(packed) * share)])
    with pytest.raises(ModelError, match=r"short\.tflite") as caught:
        read_tflite_card(path)
    assert "\n" not in str(caught.value)


def test_a_flipped_bit_is_refused(tmp_path: Path, packed: bytes) -> None:
    path = tmp_path / "bad.tflite"
    offset = packed.index(np.array([1, CARD.dim], np.int32).tobytes())
    path.write_bytes(packed[:offset] + bytes([packed[offset] ^ 1]) + packed[offset + 1 :])
    with pytest.raises(ModelError, match="checksum differs"):
        read_tflite_card(path)


def test_a_model_without_card_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "plain.tflite"
    path.write_bytes(hand_made_model())
    with pytest.raises(ModelError, match="no ShelfLens model card"):
        read_tflite_card(path)


def test_a_foreign_zip_behind_the_model_is_refused(tmp_path: Path) -> None:
    stream = io.BytesIO(hand_made_model())
    stream.seek(0, io.SEEK_END)
    with zipfile.ZipFile(stream, "a") as archive:
        archive.writestr("labels.txt", "cat")
    path = tmp_path / "other.tflite"
    path.write_bytes(stream.getvalue())
    with pytest.raises(ModelError, match="no ShelfLens model card"):
        read_tflite_card(path)


def test_only_tflite_is_unpacked() -> None:
    with pytest.raises(ModelError, match="TFL3"):
        flatgraph.unpack(b"\x08\x00\x00\x00onnx and more")
