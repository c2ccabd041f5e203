/**
 * The rows nearest to a query, by the kernel: sums with a query rounded to int16 say which products may
 * be among the best, and only these are scored exactly. What comes out is what scoring all of them gives.
 */

import { KERNEL } from "./scan_kernel.js";

const PAGE = 65536; // bytes of a page of memory
const SMALL = 2000; // rows; for fewer, the kernel's own copy of them is not worth its memory

const compiled = (() => {
  const bytes = Uint8Array.from(atob(KERNEL), (character) => character.charCodeAt(0));
  let module = null;
  return () => (module ??= new WebAssembly.Module(bytes));
})();

export class Scan {
  /**
   * @param {Int8Array} rows [n, dim]
   * @param {number} dim
   * @returns {Scan|null} null where scoring all rows is as good, or memory is short
   */
  static of(rows, dim) {
    const count = rows.length / dim;
    if (count < SMALL) return null;
    try {
      return new Scan(rows, dim, count);
    } catch {
      return null;
    }
  }

  constructor(rows, dim, count) {
    Object.assign(this, { dim, count, stride: Math.ceil(dim / 16) * 16 });
    this.query = count * this.stride;
    this.out = this.query + 2 * this.stride;
    const pages = Math.ceil((this.out + 4 * count) / PAGE);
    const memory = new WebAssembly.Memory({ initial: pages });
    const { exports } = new WebAssembly.Instance(compiled(), { env: { memory } });
    this.kernel = exports.scan;
    const copy = new Int8Array(memory.buffer);
    if (dim === this.stride) copy.set(rows);
    else for (let row = 0; row < count; row++) copy.set(rows.subarray(row * dim, (row + 1) * dim), row * this.stride);
    this.rounded = new Int16Array(memory.buffer, this.query, this.stride);
    this.sums = new Int32Array(memory.buffer, this.out, count);
  }

  /**
   * The score of every row to within `error`.
   * @param {Float32Array} query [dim]
   * @param {Float32Array} scales of the rows
   * @returns {{score: (row: number) => number, error: number}} valid until the next call
   */
  approximate(query, scales) {
    const { dim, sums } = this;
    const peak = query.reduce((high, x) => Math.max(high, Math.abs(x)), 0) || 1;
    const top = Math.min(32767, Math.floor((2 ** 31 - 1) / (127 * dim))); // no sum leaves int32
    const step = peak / top;
    for (let i = 0; i < dim; i++) this.rounded[i] = Math.round(query[i] / step);
    this.kernel(0, this.query, this.out, this.count, this.stride);
    // Half a step per component, times the sum of a unit row's components; and float32's own rounding.
    const error = (step / 2) * Math.sqrt(dim) * 1.01 + 1e-6;
    return { score: (row) => sums[row] * scales[row] * step, error };
  }
}
