/** What turns one catalog into another, as `shelflens catalog diff` writes it. Spec: "Deltas". */

import { CatalogFile } from "./catalog_file.js";
import { writeContainer } from "./catalog_writer.js";
import { headerOf, readTensors } from "./tensors.js";

const ROW_TABLES = new Set(["products", "first_byte", "first_row", "id_hashes", "rows", "scales", "confirmed"]);
const WINDOW = 1 << 15; // bytes that zlib looks back
const LEVEL = 9;

/**
 * @param {ArrayBuffer} base a catalog file
 * @param {ArrayBuffer} result another one, of the same embedding space
 * @returns {Promise<ArrayBuffer>} the delta, with the bytes of Python's where that has zlib itself
 */
export async function deltaOf(base, result) {
  await import("../engine/deflate.js"); // only here: no answer needs it
  const [old, made] = [new CatalogFile(base), new CatalogFile(result)];
  const [oldFile, file] = [readTensors(base), readTensors(result)];
  const known = new Map(old.products.map(({ id }, index) => [id, index]));
  const owners = made.products.map(({ id }) => known.get(id) ?? -1);
  const same = made.products.map(({ record }, i) => owners[i] >= 0 && equal(record, old.products[owners[i]].record));
  const usual = (i) => (same[i] ? old.products[owners[i]].rows.length : 1);
  const counts = made.products.map(({ rows }, i) => [i, rows.length]).filter(([i, count]) => count !== usual(i));
  const records = made.products.filter((_, i) => !same[i]).map(({ record }) => record);
  const sources = rowSources(old.products, made.products, owners);
  const rows = made.products.flatMap((product) => product.rows).filter((_, i) => sources[i] < 0);
  const numbers = file.tensors.confirmed ? rows.map(({ number }) => number) : [];
  const tensors = {
    header: bytes(deflated(headerOf(result), headerOf(base).slice(-WINDOW))),
    product_runs: packed(withGaps(runsTo(owners.map((owner, i) => (same[i] ? owner : -1))))),
    row_runs: packed(withGaps(runsTo(sources))),
    row_counts: packed(counts),
    record_lengths: packed(records.map(({ length }) => [length])),
    records: bytes(joined(records, Uint8Array)),
    rows: { dtype: "I8", shape: [rows.length, made.dim], data: joined(rows.map(({ values }) => values), Int8Array) },
    scales: { dtype: "F32", shape: [rows.length], data: Float32Array.from(rows, ({ scale }) => scale) },
    confirmed: { dtype: "U64", shape: [numbers.length], data: numbers },
  };
  for (const [name, tensor] of Object.entries(file.tensors)) {
    const before = oldFile.tensors[name];
    const kept = before && String(before.shape) === String(tensor.shape) && equal(before.data, tensor.data);
    if (!ROW_TABLES.has(name) && !kept) tensors[`whole.${name}`] = tensor;
  }
  const [from, to] = [oldFile, file].map(({ metadata }) => metadata.fingerprint);
  return writeContainer(tensors, { base: from, result: to }, 1, "delta");
}

/** The row of the base that each row is, or -1: of products whose rows stayed all, else one by one. */
function rowSources(before, after, owners) {
  const first = [0];
  before.forEach(({ rows }) => first.push(first.at(-1) + rows.length));
  return after.flatMap(({ rows }, i) => {
    const owner = owners[i];
    if (owner < 0) return rows.map(() => -1);
    const own = before[owner].rows;
    if (own.length === rows.length && rows.every((row, k) => sameRow(row, own[k]))) {
      return rows.map((_, k) => first[owner] + k);
    }
    const left = own.map((row, k) => ({ row, index: first[owner] + k }));
    return rows.map((row) => {
      const found = left.findIndex((known) => sameRow(known.row, row));
      return found < 0 ? -1 : left.splice(found, 1)[0].index;
    });
  });
}

const sameRow = (a, b) => a.scale === b.scale && a.number === b.number && equal(a.values, b.values);

/** Runs of old items and new ones: [start, old, new] each. @param {number[]} source -1 for a new item */
function runsTo(source) {
  const runs = [];
  source.forEach((item, i) => {
    const follows = i > 0 && source[i - 1] >= 0 && item === source[i - 1] + 1;
    if (i === 0 || (item >= 0 && !follows)) runs.push([Math.max(item, 0), 0, 0]);
    runs.at(-1)[item >= 0 ? 1 : 2] += 1;
  });
  return runs;
}

/** The distance to the end of the run before, zigzag, in place of the start. */
function withGaps(runs) {
  let end = 0;
  return runs.map(([start, count, added]) => {
    const gap = start - end;
    end = start + count;
    return [gap < 0 ? -2 * gap - 1 : 2 * gap, count, added];
  });
}

/** Whole numbers, column by column, as a zlib stream. @param {number[][]} lines */
function packed(lines) {
  const columns = lines.length ? lines[0].map((_, column) => lines.map((line) => line[column])) : [];
  const numbers = BigInt64Array.from(columns.flat(), BigInt);
  return bytes(deflated(new Uint8Array(numbers.buffer)));
}

const deflated = (data, dictionary) =>
  globalThis.pako.deflate(data, dictionary ? { level: LEVEL, dictionary } : { level: LEVEL });

const bytes = (data) => ({ dtype: "U8", shape: [data.length], data });

const equal = (a, b) => a.length === b.length && a.every((value, i) => value === b[i]);

function joined(parts, Kind) {
  const all = new Kind(parts.reduce((sum, { length }) => sum + length, 0));
  let start = 0;
  for (const part of parts) {
    all.set(part, start);
    start += part.length;
  }
  return all;
}
