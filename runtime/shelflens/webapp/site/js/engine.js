/** The inference engine, LiteRT.js on WebAssembly: pixels in, an embedding of length 1 out. */

import { address, loadFile } from "./files.js";
import { WebAppError, say } from "./languages/strings.js";

// (module (func (result v128) i32.const 0 i8x16.splat i8x16.popcnt))
const SIMD = [
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15,
  253, 98, 11,
];

/**
 * Start the engine with a model. For a classic worker: the engine loads its code by importScripts.
 *
 * @param {{size: number, dim: number, bytes: number}} model from app.json
 * @param {(bytes: number) => void} onBytes
 * @returns {Promise<(pixels: Uint8Array) => Promise<Float32Array>>} from uint8 RGB
 *   [size, size, 3] to float32 [dim] of length 1
 * @throws {WebAppError} no WebAssembly here, a damaged model
 */
export async function startEngine(model, onBytes) {
  if (!globalThis.WebAssembly?.validate(Uint8Array.from(SIMD))) throw new WebAppError(say.noWasm);
  const [binary, modelFile, litert] = await Promise.all([
    loadFile("engine/litert.wasm.pack", onBytes),
    loadFile("data/model.tflite.pack", onBytes),
    import("../engine/litert.js"),
  ]);
  if (modelFile.byteLength !== model.bytes) throw new WebAppError(say.modelDamaged);
  // The loader looks here for what it would fetch and print otherwise.
  self.Module = { wasmBinary: binary, print: () => {}, printErr: () => {} };
  await litert.loadLiteRt(address("engine/litert-wasm.js"));
  const network = await litert
    .loadAndCompile(new Uint8Array(modelFile), { accelerator: "wasm" })
    .catch((cause) => {
      throw new WebAppError(say.modelDamaged, { cause });
    });
  const embed = async (pixels) => {
    const input = new litert.Tensor(pixels, [1, model.size, model.size, 3]);
    const [output] = await network.run(input);
    const vector = unit(output.toTypedArray());
    input.delete();
    output.delete();
    return vector;
  };
  await embed(new Uint8Array(model.size ** 2 * 3).fill(128)); // the first run is slower
  return embed;
}

function unit(vector) {
  const length = Math.hypot(...vector);
  if (!(length > 0 && Number.isFinite(length))) throw new WebAppError(say.modelBad);
  return Float32Array.from(vector, (x) => x / length);
}
