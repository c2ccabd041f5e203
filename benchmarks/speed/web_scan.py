"""How long the web app's scan takes, in Node.js, which runs the same V8 as Chromium.

    python -m benchmarks.speed.web_scan

prints milliseconds of processor time per query (the median of 20) with the kernel and without it,
for catalogs of 10,000 and 100,000 products of one row, and whether both give the same 10. A minute.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
from pathlib import Path

import numpy as np

from shelflens import Catalog, Embedder
from tests.support.site_modules import modules

COUNTS = (10_000, 100_000)
CODE = """
import fs from "node:fs";
const {{ Catalog }} = await import("{js}/catalog.js");
const {{ best }} = await import("{js}/vectors.js");
const given = JSON.parse(fs.readFileSync(0, "utf8"));
const file = fs.readFileSync(given.path);
const catalog = new Catalog(file.buffer.slice(file.byteOffset, file.byteOffset + file.length));
const queries = given.queries.map((query) => Float32Array.from(query));
const median = (work) => {{
  const spent = queries.map((query) => {{
    const start = process.cpuUsage();
    work(query);
    return process.cpuUsage(start).user / 1000;
  }});
  return spent.sort((a, b) => a - b)[spent.length >> 1];
}};
const kernel = (query) => catalog.nearest(query, 10);
const plain = (query) => best(catalog.scores(query), 10);
const text = (work) => JSON.stringify(queries.map(work));
const same = text(kernel) === text(plain);
console.log(JSON.stringify({{ kernel: median(kernel), plain: median(plain), same }}));
"""


def main() -> None:
    """Measure and print."""
    raw = argparse.RawDescriptionHelpFormatter
    argparse.ArgumentParser(description=__doc__, formatter_class=raw).parse_args()
    dim, rng = Embedder.open().card.dim, np.random.default_rng(0)
    code = CODE.format(js=modules())
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "store.catalog"
        for count in COUNTS:
            vectors = rng.normal(size=(count, dim)).astype(np.float32)
            Catalog([f"p{n}" for n in range(count)], vectors, space="plain").save(path)
            queries = rng.normal(size=(20, dim))
            queries /= np.linalg.norm(queries, axis=1, keepdims=True)
            done = subprocess.run(
                ["node", "--input-type=module", "-e", code],
                input=json.dumps({"path": str(path), "queries": queries.tolist()}),
                capture_output=True,
                text=True,
                check=True,
            )
            got = json.loads(done.stdout)
            print(
                f"{count:,} x {dim}: kernel {got['kernel']:.1f} ms, without {got['plain']:.1f} ms, "
                f"the same 10: {got['same']}"
            )


if __name__ == "__main__":
    main()
