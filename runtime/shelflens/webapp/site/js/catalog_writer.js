/** Writing a catalog file, or a delta: the same bytes as Python's for the same content. Spec: "The catalog file". */

import { crc32 } from "./checksums.js";
import { fingerprintOf } from "./tensors.js";

const ITEM = { U64: 8, F32: 4, I8: 1, U8: 1 };

/**
 * @param {Object<string, {dtype: string, shape: number[], data: *}>} tensors as `readTensors` gives them
 * @param {Object<string, string>} texts metadata: space, calibration, and optional keys
 * @param {number} version format number
 * @param {"catalog"|"delta"} [kind]
 * @returns {ArrayBuffer} the file
 */
export function writeContainer(tensors, texts, version, kind = "catalog") {
  const order = Object.keys(tensors).sort((a, b) => {
    return ITEM[tensors[b].dtype] - ITEM[tensors[a].dtype] || (a < b ? -1 : 1);
  });
  const entries = {};
  const metadata = { format: `shelflens-${kind}`, version: String(version), ...texts };
  const parts = [];
  let offset = 0;
  for (const name of order) {
    const bytes = bytesOf(tensors[name]);
    const { dtype, shape } = tensors[name];
    entries[name] = { dtype, shape, data_offsets: [offset, offset + bytes.length] };
    metadata[`crc32.${name}`] = crc32(bytes).toString(16).padStart(8, "0");
    parts.push(bytes);
    offset += bytes.length;
  }
  const fingerprint = fingerprintOf(entries, metadata);
  const header = JSON.stringify({ ...entries, __metadata__: { ...metadata, fingerprint } });
  const text = new TextEncoder().encode(header);
  const length = Math.ceil(text.length / 8) * 8;
  const file = new Uint8Array(8 + length + offset);
  new DataView(file.buffer).setBigUint64(0, BigInt(length), true);
  file.fill(0x20, 8, 8 + length);
  file.set(text, 8);
  let start = 8 + length;
  for (const part of parts) {
    file.set(part, start);
    start += part.length;
  }
  return file.buffer;
}

function bytesOf({ dtype, data }) {
  const values = dtype === "U64" ? BigUint64Array.from(data, BigInt) : data;
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}

/**
 * An embedding rounded to int8, with one over the length of the rounded row.
 * @param {Float32Array} vector [d], finite, not zero
 * @returns {{values: Int8Array, scale: number}}
 */
export function quantized(vector) {
  const peak = vector.reduce((high, x) => Math.max(high, Math.abs(x)), 0);
  const factor = Math.fround(127 / peak);
  const values = Int8Array.from(vector, (x) => halfToEven(Math.fround(x * factor)));
  const sum = values.reduce((total, x) => total + x * x, 0);
  return { values, scale: Math.fround(1 / Math.fround(Math.sqrt(sum))) };
}

/** Rounded as IEEE 754 does: halves go to the even neighbour. */
function halfToEven(x) {
  const low = Math.floor(x);
  const rest = x - low;
  if (rest !== 0.5) return rest < 0.5 ? low : low + 1;
  return low % 2 === 0 ? low : low + 1;
}
