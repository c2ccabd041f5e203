/** The catalog file's outer layer: a safetensors file with checksums. Spec: "The catalog file". */

import { crc32, sha256 } from "./checksums.js";
import { WebAppError, say } from "./languages/strings.js";

const FORMAT = 2;
const HEADER_LIMIT = 1 << 20;
const ITEM = { U64: 8, F32: 4, I8: 1, U8: 1 };
const UNUSED = "id_hashes"; // the web app reads every product when it opens, and needs no index

/**
 * Read a catalog's tensors and metadata, and check every byte.
 *
 * @param {ArrayBuffer} buffer the file
 * @returns {{tensors: Object<string, {dtype: string, shape: number[], data: *}>,
 *   metadata: Object<string, string>}} `data` is a Float32Array, Int8Array, Uint8Array, or for U64 a
 *   Float64Array of whole numbers
 * @throws {WebAppError} not a catalog, of a newer format, or damaged
 */
export function readTensors(buffer) {
  const size = buffer.byteLength;
  const view = new DataView(buffer);
  const length = size >= 8 ? Number(view.getBigUint64(0, true)) : 0;
  if (length < 2 || length > Math.min(HEADER_LIMIT, size - 8)) damaged(say.damage.header);
  let header;
  try {
    header = parseText(new Uint8Array(buffer, 8, length));
  } catch {
    damaged(say.damage.header);
  }
  const { __metadata__: metadata, ...entries } = Object(header);
  if (metadata?.format !== "shelflens-catalog") damaged(say.damage.header);
  if (!/^[0-9]{1,9}$/.test(metadata.version)) damaged(say.damage.header);
  const version = Number(metadata.version);
  if (version > FORMAT) throw new WebAppError(say.catalogNewer({ version, known: FORMAT }));
  if (!isTexts(metadata)) damaged(say.damage.metadata);
  if (!Object.values(entries).every(isEntry)) damaged(say.damage.size);
  const { fingerprint, ...hashed } = metadata;
  if (fingerprint !== fingerprintOf(entries, hashed)) {
    damaged(say.damage.fingerprint);
  }
  return { tensors: slice(buffer, 8 + length, entries, metadata), metadata };
}

/** The header of a file that was read, as it stands there. @param {ArrayBuffer} buffer @returns {Uint8Array} */
export const headerOf = (buffer) => new Uint8Array(buffer, 8, Number(new DataView(buffer).getBigUint64(0, true)));

/**
 * What names the content of a file.
 * @param {Object} entries of the header, without metadata
 * @param {Object<string, string>} metadata without the fingerprint
 * @returns {string} SHA-256, 64 hexadecimal digits
 */
export const fingerprintOf = (entries, metadata) => sha256(canonical([entries, metadata]));

/**
 * JSON from UTF-8, without a byte-order mark.
 * @param {Uint8Array} bytes
 * @throws {TypeError|SyntaxError} it is none
 */
export function parseText(bytes) {
  return JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes));
}

/** Whether a value is an object of texts, of whole characters. */
export function isTexts(value) {
  return (
    value !== null &&
    typeof value === "object" &&
    !Array.isArray(value) &&
    Object.entries(value).every(([key, text]) => typeof text === "string" && whole(key + text))
  );
}

/** Whether a text has no half of a surrogate pair. */
const whole = (text) => !/\p{Surrogate}/u.test(text);

/** Whether an entry of the header has a known type, a shape and the offsets that it needs. */
function isEntry(entry) {
  const { dtype, shape, data_offsets: offsets } = Object(entry);
  if (!Object.hasOwn(ITEM, dtype) || !Array.isArray(shape) || !Array.isArray(offsets)) return false;
  const sides = [...shape, ...offsets];
  const sound = sides.every((side) => Number.isSafeInteger(side) && side >= 0);
  if (!sound || shape.length > 8 || offsets.length !== 2) return false;
  return offsets[1] - offsets[0] === shape.reduce((product, side) => product * side, ITEM[dtype]);
}

/** Slice the file into tensors: in order, without holes, each with the right checksum. */
function slice(buffer, start, entries, metadata) {
  const tensors = {};
  let end = start;
  const inOrder = Object.entries(entries).sort(
    ([, { data_offsets: a }], [, { data_offsets: b }]) => a[0] - b[0] || a[1] - b[1],
  );
  for (const [name, { dtype, shape, data_offsets: offsets }] of inOrder) {
    const [first, last] = offsets.map((offset) => start + offset);
    if (last > buffer.byteLength) damaged(say.damage.short);
    if (first !== end) damaged(say.damage.overlap);
    const bytes = new Uint8Array(buffer, first, last - first);
    if (crc32(bytes).toString(16).padStart(8, "0") !== metadata[`crc32.${name}`]) {
      damaged(say.damage.checksum({ name }));
    }
    if (name !== UNUSED) tensors[name] = { dtype, shape, data: typed(dtype, bytes) };
    end = last;
  }
  if (end !== buffer.byteLength) damaged(say.damage.length({ got: buffer.byteLength, expected: end }));
  return tensors;
}

/** Little-endian bytes as numbers; every device with a browser is little-endian. */
function typed(dtype, bytes) {
  if (dtype === "U8") return bytes;
  if (dtype === "I8") return new Int8Array(bytes.buffer, bytes.byteOffset, bytes.length);
  const aligned = bytes.slice().buffer; // an offset need not be a multiple of the item size
  if (dtype === "F32") return new Float32Array(aligned);
  return Float64Array.from(new BigUint64Array(aligned), Number);
}

/** JSON with keys sorted by code point, no blanks, and nothing but printable ASCII. */
function canonical(value) {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (value !== null && typeof value === "object") {
    const pairs = Object.keys(value).sort(byCodePoint);
    return `{${pairs.map((key) => `${canonical(key)}:${canonical(value[key])}`).join(",")}}`;
  }
  return ascii(JSON.stringify(value));
}

/** JSON with nothing but printable ASCII. @param {string} json */
export function ascii(json) {
  const escape = (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`;
  return json.replace(/[^\x20-\x7e]/g, escape);
}

function byCodePoint(a, b) {
  const [left, right] = [Array.from(a, code), Array.from(b, code)];
  for (let i = 0; i < Math.min(left.length, right.length); i++) {
    if (left[i] !== right[i]) return left[i] - right[i];
  }
  return left.length - right.length;
}

const code = (character) => character.codePointAt(0);

function damaged(what) {
  throw new WebAppError(say.catalogDamaged({ what }));
}
