/** The inference engine, LiteRT.js on WebAssembly: pixels in, an embedding of length 1 out; or cells of a finder. */

import { address, loadFile } from "./files.js";
import { WebAppError, say } from "./languages/strings.js";

// (module (func (result v128) i32.const 0 i8x16.splat i8x16.popcnt))
const SIMD = [
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15,
  253, 98, 11,
];

/**
 * @typedef {{size: number, dim: number, bytes: number}} Model from app.json
 * @typedef {(pixels: Uint8Array) => Promise<Float32Array>} Network from uint8 RGB [size, size, 3] to float32 [dim]
 */

/**
 * Start the engine with the models. For a classic worker: the engine loads its code by importScripts.
 *
 * @param {{model: Model, finder?: Model}} app from app.json
 * @param {(bytes: number) => void} onBytes
 * @returns {Promise<{embed: Network, cells: Network|null}>} `embed` gives vectors of length 1; `cells` what the
 *   finder says, null without one
 * @throws {WebAppError} no WebAssembly here, a damaged model
 */
export async function startEngine({ model, finder }, onBytes) {
  if (!globalThis.WebAssembly?.validate(Uint8Array.from(SIMD))) throw new WebAppError(say.noWasm);
  const [binary, modelFile, finderFile, litert] = await Promise.all([
    loadFile("engine/litert.wasm.pack", onBytes),
    loadFile("data/model.tflite.pack", onBytes),
    finder && loadFile("data/finder.tflite.pack", onBytes),
    import("../engine/litert.js"),
  ]);
  // The loader looks here for what it would fetch and print otherwise.
  self.Module = { wasmBinary: binary, print: () => {}, printErr: () => {} };
  await litert.loadLiteRt(address("engine/litert-wasm.js"));
  const run = await compiled(litert, model, modelFile);
  const embed = async (pixels) => unit(await run(pixels));
  return { embed, cells: finder ? await compiled(litert, finder, finderFile) : null };
}

async function compiled(litert, { size, bytes }, file) {
  if (file.byteLength !== bytes) throw new WebAppError(say.modelDamaged);
  const network = await litert.loadAndCompile(new Uint8Array(file), { accelerator: "wasm" }).catch((cause) => {
    throw new WebAppError(say.modelDamaged, { cause });
  });
  const run = async (pixels) => {
    const input = new litert.Tensor(pixels, [1, size, size, 3]);
    const [output] = await network.run(input);
    const numbers = Float32Array.from(output.toTypedArray());
    input.delete();
    output.delete();
    return numbers;
  };
  await run(new Uint8Array(size ** 2 * 3).fill(128)); // the first run is slower
  return run;
}

function unit(vector) {
  const length = Math.hypot(...vector);
  if (!(length > 0 && Number.isFinite(length))) throw new WebAppError(say.modelBad);
  return Float32Array.from(vector, (x) => x / length);
}
