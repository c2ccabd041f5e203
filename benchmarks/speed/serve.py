"""What HTTP adds to a lookup: `shelflens serve` beside the direct call, turn by turn.

    python -m benchmarks.speed.serve

Needs the [serve] extra, Linux. The server is a process of its own on loopback, on one connection
that stays open; each turn asks it and the direct call (`shelflens.catalog.lookup`, the code that
the server runs) with the same photo. `added` is the round trip less what the server says that
decoding, embedding and matching took: receiving, JSON, threads, and the client. Answers must be
equal. Not measured: a network, HTTPS, several clients. About half a minute.
"""

from __future__ import annotations

import argparse
import http.client
import json
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.provenance import RESULTS, save, stamp, table
from shelflens import Catalog, Embedder
from shelflens.bench.samples import synthetic_photo
from shelflens.catalog.lookup import answer_queries, embed_query
from shelflens.cli import main as shelflens
from shelflens.model.embedder import BUNDLED_MODEL

DEMO = BUNDLED_MODEL.parent / "demo"
WARM_UP = 3
"""Turns that are not counted."""


def main() -> None:
    """Measure and write."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("--turns", type=int, default=200)
    parser.add_argument("--out", type=Path, default=RESULTS)
    args = parser.parse_args()
    report = stamp(
        seed="fixed, in shelflens.bench.samples", libraries=("starlette", "uvicorn", "h11")
    )
    with tempfile.TemporaryDirectory() as folder:
        report |= measure(Path(folder), args.turns)
    save(report, "What HTTP adds to a lookup", markdown(report), "serve", args.out)


def markdown(report: dict[str, Any]) -> str:
    """The figures as a table."""
    kinds = ("direct_ms", "http_ms", "added_ms")
    return (
        "Not measured: a network, HTTPS, several clients. Times are of a shared machine.\n\n"
        f"Start to ready {report['start_to_ready_ms']} ms; memory {report['idle_mib']} MiB idle, "
        f"{report['peak_mib']} MiB at its peak; {report['turns']} turns.\n"
        + table(
            ("photo", "direct, ms p50", "p90", "HTTP, ms p50", "p90", "added, ms p50", "p90"),
            (
                (name, *(str(row[kind][part]) for kind in kinds for part in ("p50", "p90")))
                for name, row in report["photos"].items()
            ),
        )
    )


def measure(folder: Path, turns: int) -> dict[str, Any]:
    """All figures: milliseconds, MiB."""
    store = folder / "store.catalog"
    if shelflens(["catalog", "build", str(DEMO / "studio.csv"), "--out", str(store)]):
        raise RuntimeError("no catalog to measure with")
    small = sorted((DEMO / "photos").glob("*.jpg"))[0].read_bytes()
    photos = {"demo photo": small, "12 MP": synthetic_photo(4032, 3024)}
    catalog, embedder = Catalog.open(store), Embedder.open()
    begin = time.perf_counter()
    command = [sys.executable, "-m", "shelflens", "serve", "--port", "0", "--catalog", str(store)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            port = re.search(r":(\d+) ", process.stdout.readline())
            assert port, "the server did not start"
            ready = (time.perf_counter() - begin) * 1e3
            connection = http.client.HTTPConnection("127.0.0.1", int(port[1]), timeout=30)
            idle = memory(process.pid, "VmRSS")
            rows = {}
            for name, photo in photos.items():
                rows[name] = compare(catalog, embedder, connection, photo, turns)
            connection.close()
            peak = memory(process.pid, "VmHWM")
        finally:
            process.terminate()
    return {
        "turns": turns,
        "start_to_ready_ms": round(ready),
        "idle_mib": round(idle),
        "peak_mib": round(peak),
        "photos": rows,
    }


def compare(
    catalog: Catalog,
    embedder: Embedder,
    connection: http.client.HTTPConnection,
    photo: bytes,
    turns: int,
) -> dict[str, Any]:
    """One photo, both ways in turn."""
    direct: list[float] = []
    over_http: list[float] = []
    added: list[float] = []
    for turn in range(turns + WARM_UP):
        begin = time.perf_counter()
        query = embed_query(embedder, photo, "photo")
        expected = answer_queries(catalog, [query], k=5, fused=False).to_dict()
        middle = time.perf_counter()
        connection.request("POST", "/lookup", photo, {"Content-Type": "image/jpeg"})
        answer = json.loads(connection.getresponse().read())
        end = time.perf_counter()
        inside = answer.pop("ms")["total"]
        del expected["ms"]
        assert answer == expected, "HTTP gives another answer"
        if turn >= WARM_UP:
            direct.append((middle - begin) * 1e3)
            over_http.append((end - middle) * 1e3)
            added.append((end - middle) * 1e3 - inside)
    return {
        "bytes": len(photo),
        "direct_ms": spread(direct),
        "http_ms": spread(over_http),
        "added_ms": spread(added),
        "http_to_direct": round(statistics.median(over_http) / statistics.median(direct), 3),
    }


def spread(values: list[float]) -> dict[str, float]:
    """p50 and p90."""
    ranked = sorted(values)
    return {
        "p50": round(statistics.median(ranked), 2),
        "p90": round(ranked[len(ranked) * 9 // 10], 2),
    }


def memory(pid: int, field: str) -> float:
    """A line of /proc/PID/status, MiB."""
    line = re.search(rf"{field}:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert line
    return int(line[1]) / 1024


if __name__ == "__main__":
    main()
