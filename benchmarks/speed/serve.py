"""What HTTP adds to a lookup: `shelflens serve` beside the direct call, turn by turn.

    python benchmarks/serve.py               measure, write serve.json
    python benchmarks/serve.py --turns 20    a quick look, written nowhere

Needs the [serve] extra, Linux. The server is a process of its own on loopback, on one
connection that stays open; each turn asks it and the direct call (`shelflens.catalog.lookup`, the code
that the server runs) with the same photo. `added` is the round trip less what the server says
that decoding, embedding and matching took: receiving, JSON, threads, and the client. Answers must
be equal. Not measured: a network, HTTPS, several clients. About half a minute.
"""

from __future__ import annotations

import argparse
import http.client
import json
import platform
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from shelflens import Catalog, Embedder
from shelflens.bench.samples import draw
from shelflens.catalog.lookup import answer_queries, embed_query
from shelflens.cli import main as shelflens
from shelflens.model.embedder import BUNDLED_MODEL

RESULT = Path(__file__).with_name("serve.json")
DEMO = BUNDLED_MODEL.parent / "demo"


def main() -> int:
    """Measure; print and write."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("--turns", type=int, default=200)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        result = measure(Path(folder), args.turns)
    text = json.dumps(result, indent=1)
    print(text)
    if args.turns >= parser.get_default("turns"):
        RESULT.write_text(text + "\n")
    return 0


def measure(folder: Path, turns: int) -> dict[str, Any]:
    """All figures: milliseconds, MiB."""
    store = folder / "store.catalog"
    if shelflens(["catalog", "build", str(DEMO / "studio.csv"), "--out", str(store)]):
        raise RuntimeError("no catalog to measure with")
    small = sorted((DEMO / "photos").glob("*.jpg"))[0].read_bytes()
    photos = {"demo photo": small, "12 MP": draw(4032, 3024)}
    catalog, embedder = Catalog.open(store), Embedder.open()
    begin = time.perf_counter()
    command = [sys.executable, "-m", "shelflens", "serve", "--port", "0", "--catalog", str(store)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            found = re.search(r":(\d+) ", process.stdout.readline())
            assert found, "the server did not start"
            ready = (time.perf_counter() - begin) * 1e3
            connection = http.client.HTTPConnection("127.0.0.1", int(found[1]), timeout=30)
            idle = memory(process.pid, "VmRSS")
            rows = {}
            for name, photo in photos.items():
                rows[name] = compare(catalog, embedder, connection, photo, turns)
            connection.close()
            peak = memory(process.pid, "VmHWM")
        finally:
            process.terminate()
    return {
        "machine": f"{platform.machine()}, Python {platform.python_version()}",
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
    """One photo, both ways in turn; the first three turns warm up."""
    direct: list[float] = []
    over: list[float] = []
    added: list[float] = []
    for turn in range(turns + 3):
        begin = time.perf_counter()
        told = answer_queries(
            catalog, [embed_query(embedder, photo, "photo")], k=5, fused=False
        ).to_dict()
        middle = time.perf_counter()
        connection.request("POST", "/lookup", photo, {"Content-Type": "image/jpeg"})
        answer = json.loads(connection.getresponse().read())
        end = time.perf_counter()
        inside = answer.pop("ms")["total"]
        del told["ms"]
        assert answer == told, "HTTP gives another answer"
        if turn >= 3:
            direct.append((middle - begin) * 1e3)
            over.append((end - middle) * 1e3)
            added.append((end - middle) * 1e3 - inside)
    return {
        "bytes": len(photo),
        "direct_ms": spread(direct),
        "http_ms": spread(over),
        "added_ms": spread(added),
        "http_to_direct": round(statistics.median(over) / statistics.median(direct), 3),
    }


def spread(values: list[float]) -> dict[str, float]:
    """p50 and p90."""
    ranked = sorted(values)
    return {
        "p50": round(statistics.median(ranked), 2),
        "p90": round(ranked[len(ranked) * 9 // 10], 2),
    }


def memory(pid: int, what: str) -> float:
    """A line of /proc/PID/status, MiB."""
    found = re.search(rf"{what}:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found
    return int(found[1]) / 1024


if __name__ == "__main__":
    sys.exit(main())
