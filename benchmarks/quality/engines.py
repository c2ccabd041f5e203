"""Which engine the web app should carry: LiteRT.js beside onnxruntime-web, in Chromium.

    python -m benchmarks.quality.engines --tflite int8.tflite --onnx int8.onnx

Both files of one `shelflens export`. npm fetches both engines into a temporary folder; each runs in
a worker on one thread, WebAssembly with SIMD, taking turns. Prints the bytes to load, the time to
open, the time of an embedding, and the lowest cosine to Python's vectors of the same file. Needs
Chromium and npm; two minutes.
"""

from __future__ import annotations

import argparse
import base64
import gzip
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np
from playwright.sync_api import Browser, sync_playwright

from shelflens import Embedder
from shelflens.model.embedder import BUNDLED_MODEL
from tests.support.browser_host import Host, browser

PACKAGES = ("@litertjs/core@2.5.3", "onnxruntime-web@1.30.0")
LITERT, ORT = "node_modules/@litertjs/", "node_modules/onnxruntime-web/dist/"
ENGINES = {
    "litert": ("core/wasm/litert_wasm_internal", LITERT),
    "litert compat": ("core/wasm/litert_wasm_compat_internal", LITERT),
    "onnxruntime-web": ("ort-wasm-simd-threaded", ORT),
}
RUNS, TURNS = 60, 2
WORKER = """
self.onmessage = async ({ data: { code, model, size, pixels, runs } }) => {
  const begun = performance.now();
  const bytes = new Uint8Array(await (await fetch(model)).arrayBuffer());
  let run;
  if (code.includes("litert")) {
    const L = await import("./litert.js");
    await L.loadLiteRt(new URL(code + ".js", location.href).href);
    const network = await L.loadAndCompile(bytes, { accelerator: "wasm" });
    run = async (data) => {
      const [output] = await network.run(new L.Tensor(data, [1, size, size, 3]));
      return output.toTypedArray();
    };
  } else {
    const O = await import("./ort.wasm.min.mjs");
    O.env.wasm.numThreads = 1;
    O.env.wasm.wasmPaths = new URL("./", location.href).href;
    const session = await O.InferenceSession.create(bytes, { executionProviders: ["wasm"] });
    const [input, output] = [session.inputNames[0], session.outputNames[0]];
    run = async (data) => {
      const tensor = new O.Tensor("uint8", data, [1, size, size, 3]);
      return (await session.run({ [input]: tensor }))[output].data;
    };
  }
  const open = performance.now() - begun;
  const vectors = [];
  for (const image of pixels) vectors.push(Array.from(await run(image)));
  const ms = [];
  for (let i = 0; i < runs; i++) {
    const start = performance.now();
    await run(pixels[i % pixels.length]);
    ms.push(performance.now() - start);
  }
  self.postMessage({ open, ms: ms.sort((a, b) => a - b)[runs >> 1], vectors });
};
"""
ASK = """async ([code, model, size, pixels, runs]) => {
  const worker = new Worker("worker.js");
  const decode = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  worker.postMessage({ code, model, size, pixels: pixels.map(decode), runs });
  return new Promise((yes, no) => {
    worker.onmessage = ({ data }) => yes(data);
    worker.onerror = ({ message }) => no(new Error(message));
  });
}"""


def main() -> None:
    """Fetch, measure, print."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("--tflite", type=Path, default=BUNDLED_MODEL)
    parser.add_argument("--onnx", type=Path, help="of the same export; none leaves ONNX out")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary, sync_playwright() as playwright:
        site = fetch(Path(temporary), args.tflite, args.onnx)
        host = Host(site)
        print("| engine | bytes, gzip | open, ms | embed, ms p50 | lowest cosine |")
        print("| --- | --- | --- | --- | --- |")
        with browser(playwright, None) as running:
            for name in [*ENGINES] * TURNS:
                model = args.onnx if name == "onnxruntime-web" else args.tflite
                if model is not None:
                    print(measure(running, host, site, name, model), flush=True)
        host.stop()


def measure(running: Browser, host: Host, site: Path, name: str, model: Path) -> str:
    """One row of the table."""
    embedder = Embedder.open(model)
    photos = sorted((BUNDLED_MODEL.parent / "demo" / "photos").glob("*.jpg"))[:8]
    pixels = [embedder.load(photo) for photo in photos]
    code = Path(ENGINES[name][0]).name
    page = running.new_page()
    page.goto(host.url)
    encoded = [base64.b64encode(image.tobytes()).decode() for image in pixels]
    got = page.evaluate(ASK, [code, f"model{model.suffix}", embedder.card.size, encoded, RUNS])
    page.close()
    vectors = np.array(got["vectors"], np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    wanted = np.concatenate([embedder.embed_pixels(image[np.newaxis]) for image in pixels])
    lowest = float((vectors * wanted).sum(axis=1).min())
    shell = ("ort.wasm.min.mjs",) if name == "onnxruntime-web" else ("litert.js", "wasm-utils.js")
    files = [path for path in site.iterdir() if path.stem == code or path.name in shell]
    size = sum(len(gzip.compress(path.read_bytes(), 9)) for path in files)
    return f"| {name} | {size:,} | {got['open']:.0f} | {got['ms']:.1f} | {lowest:.6f} |"


def fetch(folder: Path, tflite: Path, onnx: Path | None) -> Path:
    """Both engines and models as one static site."""
    flags = ["--ignore-scripts", "--no-audit", "--no-fund"]
    subprocess.run(["npm", "install", *flags, *PACKAGES], cwd=folder, check=True)
    site = folder / "site"
    site.mkdir()
    for name, root in ENGINES.values():
        for suffix in (".js", ".mjs", ".wasm"):
            if (path := folder / root / f"{name}{suffix}").exists():
                shutil.copy(path, site)
    shutil.copy(folder / ORT / "ort.wasm.min.mjs", site)
    code = (folder / LITERT / "core/dist/index.js").read_text()
    (site / "litert.js").write_text(code.replace('"@litertjs/wasm-utils"', '"./wasm-utils.js"'))
    shutil.copy(folder / LITERT / "wasm-utils/dist/index.js", site / "wasm-utils.js")
    (site / "worker.js").write_text(WORKER)
    (site / "index.html").write_text("<!doctype html><title>engines</title>")
    for model in (tflite, onnx):
        if model is not None:
            shutil.copy(model, site / f"model{model.suffix}")
    return site


if __name__ == "__main__":
    main()
