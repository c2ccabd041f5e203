"""Each other library as one small function: what it is given, how it is asked.

An index adapter takes the stored rows as unit float32 [n, d] and gives a function from a query,
float32 [d], to the indices of the ten nearest. Each runs on one thread.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Indices = NDArray[np.integer[Any]]
Ask = Callable[[Floats], Indices]

K = 10


def numpy_float32(rows: Floats) -> Ask:
    """A matrix product and a partition, as everybody writes it."""

    def ask(query: Floats) -> Indices:
        scores = rows @ query
        near = np.argpartition(-scores, K)[:K]
        return near[np.argsort(-scores[near])]

    return ask


def faiss_flat(rows: Floats) -> Ask:
    """faiss IndexFlatIP: exact, float32."""
    import faiss

    faiss.omp_set_num_threads(1)
    index = faiss.IndexFlatIP(rows.shape[1])
    index.add(rows)
    return lambda query: index.search(query[np.newaxis], K)[1][0]


def faiss_sq8(rows: Floats) -> Ask:
    """faiss scalar quantizer, 8 bits per dimension."""
    import faiss

    faiss.omp_set_num_threads(1)
    kind = faiss.ScalarQuantizer.QT_8bit
    index = faiss.IndexScalarQuantizer(rows.shape[1], kind, faiss.METRIC_INNER_PRODUCT)
    index.train(rows[:50_000])
    index.add(rows)
    return lambda query: index.search(query[np.newaxis], K)[1][0]


def usearch_exact(rows: Floats) -> Ask:
    """usearch's exact search over int8 rows, which it quantizes as its index does."""
    from usearch.index import MetricKind, search

    small = np.rint(rows * 127).astype(np.int8)

    def ask(query: Floats) -> Indices:
        rounded = np.rint(query * 127).astype(np.int8)
        return np.asarray(search(small, rounded, K, MetricKind.IP, exact=True, threads=1).keys)

    return ask


def sqlite_vec(rows: Floats) -> Ask:
    """sqlite-vec's vec0 table in memory, int8 rows.

    Through APSW: many builds of Python leave the loading of extensions out of `sqlite3`.
    """
    import apsw
    import sqlite_vec as extension

    base = apsw.Connection(":memory:")
    base.enable_load_extension(True)
    base.load_extension(extension.loadable_path())
    dim = rows.shape[1]
    base.execute(f"CREATE VIRTUAL TABLE v USING vec0(e int8[{dim}] distance_metric=cosine)")
    small = np.rint(rows * (127 / np.abs(rows).max(axis=1, keepdims=True))).astype(np.int8)
    base.execute("BEGIN")
    base.executemany(
        "INSERT INTO v(rowid, e) VALUES (?, vec_int8(?))",
        ((number, row.tobytes()) for number, row in enumerate(small)),
    )

    def ask(query: Floats) -> Indices:
        rounded = np.rint(query * (127 / np.abs(query).max())).astype(np.int8).tobytes()
        found = base.execute(
            "SELECT rowid FROM v WHERE e MATCH vec_int8(?) AND k = ? ORDER BY distance",
            (rounded, K),
        )
        return np.array([row[0] for row in found])

    return ask


def hnswlib_graph(rows: Floats) -> Any:
    """hnswlib's index, M 16, ef_construction 100; `set_ef` trades recall for time."""
    import hnswlib

    index = hnswlib.Index(space="ip", dim=rows.shape[1])
    index.init_index(max_elements=len(rows), M=16, ef_construction=100)
    index.add_items(rows)
    index.set_num_threads(1)
    return index


def hnswlib_ask(rows: Floats) -> Callable[[int], Ask]:
    """hnswlib's index, asked with an ef."""
    index = hnswlib_graph(rows)

    def widened(ef: int) -> Ask:
        index.set_ef(ef)
        return lambda query: index.knn_query(query, k=K)[0][0]

    return widened


def faiss_ivf(rows: Floats) -> Callable[[int], Ask]:
    """faiss IndexIVFFlat, 4 times the root of n cells, asked with a number of probes."""
    import faiss

    faiss.omp_set_num_threads(1)
    cells = int(4 * len(rows) ** 0.5)
    index = faiss.IndexIVFFlat(
        faiss.IndexFlatIP(rows.shape[1]), rows.shape[1], cells, faiss.METRIC_INNER_PRODUCT
    )
    index.train(rows[:: max(1, len(rows) // (40 * cells))])
    index.add(rows)

    def widened(probes: int) -> Ask:
        index.nprobe = min(probes, cells)
        return lambda query: index.search(query[np.newaxis], K)[1][0]

    return widened


def usearch_ask(rows: Floats) -> Callable[[int], Ask]:
    """usearch's graph of int8 rows, asked with an expansion."""
    from usearch.index import Index

    index = Index(ndim=rows.shape[1], metric="ip", dtype="i8")
    index.add(np.arange(len(rows)), rows)

    def widened(expansion: int) -> Ask:
        index.expansion_search = expansion
        return lambda query: np.asarray(index.search(query, K, threads=1).keys)

    return widened


EXACT: dict[str, Callable[[Floats], Ask]] = {
    "NumPy float32": numpy_float32,
    "faiss flat": faiss_flat,
}
"""Must give the same ten as float64."""

ROUNDED: dict[str, Callable[[Floats], Ask]] = {
    "faiss SQ8": faiss_sq8,
    "usearch exact int8": usearch_exact,
    "sqlite-vec int8": sqlite_vec,
}
"""Round rows or queries in their own way; their recall is stated."""


def mediapipe_embedder(model: Path) -> tuple[Callable[[str], Floats], Callable[[], None]]:
    """MediaPipe ImageEmbedder: from a file to a vector; and how to close it."""
    import mediapipe as mp
    from mediapipe.tasks.python import BaseOptions, vision

    options = vision.ImageEmbedderOptions(
        base_options=BaseOptions(model_asset_path=str(model)), l2_normalize=False
    )
    embedder = vision.ImageEmbedder.create_from_options(options)

    def embed(photo: str) -> Floats:
        image = mp.Image.create_from_file(photo)
        return np.array(embedder.embed(image).embeddings[0].embedding, np.float32)

    return embed, embedder.close


def mediapipe_store(model: Path) -> str:
    """Why MediaPipe's SemanticRetriever cannot be measured: what its embedder says to the model.

    It finds pictures by vectors of its own UniversalEmbedder alone, which reads LiteRT-LM bundles.
    """
    from mediapipe.tasks.python import BaseOptions
    from mediapipe.tasks.python.retrieval import universal_embedder

    options = universal_embedder.UniversalEmbedderOptions(
        base_options=BaseOptions(model_asset_path=str(model))
    )
    try:
        universal_embedder.UniversalEmbedder.create_from_options(options).close()
    except ValueError as error:
        return str(error).strip().splitlines()[-1].lstrip("└ ").rstrip(".")
    return "accepted by now: it can be measured"


def litert_invoke(model: Path, threads: int, pixels: NDArray[np.uint8]) -> Callable[[], Floats]:
    """The bare interpreter: set the input, invoke, read the output."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=str(model), num_threads=threads)
    interpreter.allocate_tensors()
    source = interpreter.get_input_details()[0]["index"]
    target = interpreter.get_output_details()[0]["index"]

    def invoke() -> Floats:
        interpreter.set_tensor(source, pixels)
        interpreter.invoke()
        return np.asarray(interpreter.get_tensor(target), np.float32).reshape(-1)

    return invoke


def onnx_run(model: Path, threads: int, pixels: NDArray[np.uint8]) -> Callable[[], Floats]:
    """ONNX Runtime on the int8 ONNX file of the same training."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(
        str(model), sess_options=options, providers=["CPUExecutionProvider"]
    )
    name = session.get_inputs()[0].name
    return lambda: np.asarray(session.run(None, {name: pixels})[0], np.float32).reshape(-1)


MEDIAPIPE_START = """
import sys, time
import mediapipe as mp
from mediapipe.tasks.python import BaseOptions, vision
options = vision.ImageEmbedderOptions(base_options=BaseOptions(model_asset_path=sys.argv[1]))
with vision.ImageEmbedder.create_from_options(options) as embedder:
    embedder.embed(mp.Image.create_from_file(sys.argv[2]))
lines = open("/proc/self/status").readlines()
print("peak KiB", *[line.split()[1] for line in lines if line.startswith("VmHWM")])
"""
"""MediaPipe as a new process: file to embedding."""
