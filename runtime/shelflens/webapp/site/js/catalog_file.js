/** A catalog that can be changed, and written again byte for byte as Python writes it. */

import { adapted, readAdaptation } from "./adaptation.js";
import { quantized, writeContainer } from "./catalog_writer.js";
import { sha256 } from "./checksums.js";
import { dropWorst, isSame } from "./confirm.js";
import { WebAppError, say } from "./languages/strings.js";
import { ascii, readTensors } from "./tensors.js";
import { shortened } from "./vectors.js";

const INDEXED_PRODUCTS = 256; // larger catalogs have an index of ids
const UNDO_LIMIT = 64; // rows that were pushed out and are kept
const KEPT = ["adaptation_axes", "adaptation_scales", "likeness_axes", "likeness_scales"];

/**
 * @typedef {{values: Int8Array, scale: number, number: number}} Row `number`: of the confirmation
 *   that added it, 0 for an enrolled one
 * @typedef {{id: string, record: Uint8Array, rows: Row[]}} Product
 * @typedef {[string, string][]} Texts attributes by column, in order
 */

export class CatalogFile {
  /** @param {ArrayBuffer} buffer a catalog file that `Catalog` has opened */
  constructor(buffer) {
    const { tensors, metadata } = readTensors(buffer);
    const { first_byte: bytes, first_row: rows, scales, products, confirmed } = tensors;
    const dim = tensors.rows.shape[1];
    const row = (index) => ({
      values: tensors.rows.data.subarray(index * dim, (index + 1) * dim),
      scale: scales.data[index],
      number: confirmed ? confirmed.data[index] : 0,
    });
    /** @type {Product[]} */
    this.products = Array.from({ length: rows.data.length - 1 }, (_, index) => {
      const record = products.data.subarray(bytes.data[index], bytes.data[index + 1]);
      const [first, last] = [rows.data[index], rows.data[index + 1]];
      const own = Array.from({ length: last - first }, (_, i) => row(first + i));
      return { id: parsed(record).id, record, rows: own };
    });
    Object.assign(this, { dim, space: metadata.space, calibration: metadata.calibration });
    this.dropped = JSON.parse(metadata.dropped || "[]");
    this.adaptation = readAdaptation(tensors, dim);
    this.kept = Object.fromEntries(KEPT.filter((name) => tensors[name]).map((name) => [name, tensors[name]]));
  }

  /** @param {string} id @returns {Product|null} */
  find(id) {
    return this.products.find((product) => product.id === id) ?? null;
  }

  /** @throws {WebAppError} there is no such product */
  #get(id) {
    const found = this.find(id);
    if (!found) throw new WebAppError(say.noProduct({ id }));
    return found;
  }

  /** An attribute, "" for none. @param {string} id @param {string} column @throws {WebAppError} no such product */
  text(id, column) {
    return new Map(parsed(this.#get(id).record).texts).get(column) ?? "";
  }

  #row(vector, number) {
    const short = shortened(this, vector);
    return { ...quantized(this.adaptation ? adapted(this.adaptation, short) : short), number };
  }

  /**
   * Enrol images of a product, new or known; a row that a known product has is not doubled.
   * @param {string} id
   * @param {Float32Array[]} vectors [d] each, length 1
   * @param {Texts} texts a known product's are overwritten column by column
   */
  add(id, vectors, texts) {
    const known = this.find(id);
    const rows = vectors.map((vector) => this.#row(vector, 0));
    if (!known) {
      this.products.push({ id, record: encoded(id, texts), rows });
      return;
    }
    const before = [...known.rows];
    const fresh = rows.filter((row) => !before.some((own) => equal(own.values, row.values)));
    known.rows.splice(before.filter((own) => own.number === 0).length, 0, ...fresh);
    known.record = encoded(id, merged(parsed(known.record).texts, texts));
  }

  /**
   * Keep a photo that a person said shows this product.
   * @param {string} id
   * @param {Float32Array} vector [d], length 1
   * @returns {boolean} false: it adds nothing to the rows there are
   */
  confirm(id, vector) {
    const product = this.#get(id);
    const numbers = this.products.flatMap(({ rows }) => rows.map((row) => row.number));
    const number = [...numbers, ...this.dropped.map((row) => row.by)].reduce((a, b) => Math.max(a, b), 0) + 1;
    const row = this.#row(vector, number);
    if (isSame(product.rows, row)) return false;
    const gone = dropWorst(this.products, product, row);
    if (gone.includes(row)) return false;
    product.rows = [...product.rows, row].filter((own) => !gone.includes(own));
    const packed = gone.map((own) => ({ id, number: own.number, by: number, row: base64(own.values) }));
    this.dropped = [...this.dropped, ...packed].slice(-UNDO_LIMIT);
    return true;
  }

  /** Set attributes; an empty text takes one away. @param {string} id @param {Texts} texts */
  describe(id, texts) {
    const product = this.#get(id);
    const all = merged(parsed(product.record).texts, texts).filter(([, text]) => text);
    product.record = encoded(id, all);
  }

  /** @param {string} id */
  remove(id) {
    this.#get(id);
    this.products = this.products.filter((product) => product.id !== id);
    this.dropped = this.dropped.filter((row) => row.id !== id);
  }

  /** @returns {ArrayBuffer} the file */
  write() {
    const rows = this.products.flatMap((product) => product.rows);
    const values = new Int8Array(rows.length * this.dim);
    rows.forEach((row, index) => values.set(row.values, index * this.dim));
    const u64 = (data) => ({ dtype: "U64", shape: [data.length], data });
    const tensors = {
      ...this.kept,
      first_byte: u64(bounds(this.products.map(({ record }) => record.length))),
      first_row: u64(bounds(this.products.map((product) => product.rows.length))),
      products: joined(this.products.map(({ record }) => record)),
      rows: { dtype: "I8", shape: [rows.length, this.dim], data: values },
      scales: { dtype: "F32", shape: [rows.length], data: Float32Array.from(rows, (row) => row.scale) },
    };
    const numbers = rows.map((row) => row.number);
    if (numbers.some((number) => number > 0)) tensors.confirmed = u64(numbers);
    if (this.products.length > INDEXED_PRODUCTS) {
      tensors.id_hashes = u64(indexOfIds(this.products.map((product) => product.id)));
    }
    const texts = { space: this.space, calibration: this.calibration };
    if (this.dropped.length) texts.dropped = ascii(JSON.stringify(this.dropped));
    return writeContainer(tensors, texts, this.adaptation ? 2 : 1);
  }
}

/** A record as Python writes it: keys in their order, also those that look like numbers. */
function encoded(id, texts) {
  const pairs = texts.map((pair) => pair.map((text) => JSON.stringify(text)).join(":"));
  const json = `{"id":${JSON.stringify(id)},"attributes":{${pairs.join(",")}}}`;
  return new TextEncoder().encode(json);
}

/**
 * The texts of a record in their order, which an object of JavaScript does not keep for keys that
 * look like numbers.
 * @param {Uint8Array} record
 * @returns {{id: string, texts: Texts}}
 */
export function parsed(record) {
  const json = new TextDecoder().decode(record);
  const { id, attributes } = JSON.parse(json);
  const strings = json.match(/"(?:[^"\\]|\\.)*"/g).map((text) => JSON.parse(text));
  const start = strings.indexOf("attributes", strings[0] === "id" ? 2 : 0) + 1;
  const keys = new Set(strings.slice(start).filter((_, index) => index % 2 === 0));
  const inOrder = [...keys].filter((key) => Object.hasOwn(attributes, key));
  return { id, texts: inOrder.map((key) => [key, attributes[key]]) };
}

function merged(texts, more) {
  const all = new Map(texts);
  for (const [key, text] of more) all.set(key, text);
  return [...all];
}

function bounds(lengths) {
  const made = new Float64Array(lengths.length + 1);
  lengths.forEach((length, index) => (made[index + 1] = made[index] + length));
  return made;
}

function joined(records) {
  const data = new Uint8Array(records.reduce((sum, record) => sum + record.length, 0));
  let start = 0;
  for (const record of records) {
    data.set(record, start);
    start += record.length;
  }
  return { dtype: "U8", shape: [data.length], data };
}

/** Spec: "Finding an id". */
function indexOfIds(ids) {
  const entries = ids.map((id, index) => (BigInt(`0x${sha256(id).slice(0, 8)}`) << 32n) | BigInt(index));
  return BigUint64Array.from(entries).sort();
}

const equal = (a, b) => a.every((value, index) => value === b[index]);

const base64 = (values) =>
  btoa(String.fromCharCode(...new Uint8Array(values.buffer, values.byteOffset, values.length)));
