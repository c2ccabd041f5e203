/** A catalog: products, their rows, and the nearest of them. Spec: "The catalog file". */

import { adapted, readAdaptation } from "./adaptation.js";
import { MATCH_CANDIDATES, decide, readCalibration } from "./answer.js";
import { mixedScores } from "./category_axes.js";
import { Scan } from "./scan.js";
import { WebAppError, say } from "./languages/strings.js";
import { isTexts, parseText, readTensors } from "./tensors.js";
import { best, dot, shortened } from "./vectors.js";

const MEAN_SHARE = 0.75;
const BEST_ROW_FALL = 4;
const LENGTH_ERROR = 1e-3; // of a row of length 1
const ADAPTED_FORMAT = 2;
const ID_LIMIT = 200;

export class Catalog {
  /**
   * @param {ArrayBuffer} buffer a catalog file
   * @throws {WebAppError} not a catalog, damaged, or its tables do not fit each other
   */
  constructor(buffer) {
    const { tensors, metadata } = readTensors(buffer);
    const names = ["first_byte", "first_row", "scales", "products", "rows"];
    const missing = names.find((name) => !tensors[name]);
    if (missing) throw new WebAppError(say.catalogWithout({ what: missing }));
    if (!hasTypes(tensors)) throw new WebAppError(say.catalogTables);
    [this.firstByte, this.firstRow, this.scales, this.table, this.rows] = names.map(
      (name) => tensors[name].data,
    );
    const [rowCount, dim] = tensors.rows.shape;
    this.dim = dim;
    this.length = this.firstRow.length - 1;
    this.space = metadata.space;
    if (!this.space) throw new WebAppError(say.catalogWithout({ what: "space" }));
    this.calibration = readCalibration(metadata.calibration);
    this.categoryAxes = readCategoryAxes(tensors, dim);
    this.adaptation = readAdaptation(tensors, dim);
    if (this.adaptation && Number(metadata.version) < ADAPTED_FORMAT) {
      throw new WebAppError(say.catalogTables);
    }
    const sound =
      dim > 0 &&
      this.scales.length === rowCount &&
      this.firstByte.length === this.firstRow.length &&
      rising(this.firstRow, rowCount) &&
      rising(this.firstByte, this.table.length) &&
      this.#hasLengthOne();
    if (!sound) throw new WebAppError(say.catalogTables);
    const ids = new Set();
    for (let index = 0; index < this.length; index++) ids.add(this.product(index).id);
    if (ids.size !== this.length) throw new WebAppError(say.catalogTables);
    this.scan = Scan.of(this.rows, dim);
  }

  /** Whether each scale is one over the length of its row, within rounding. */
  #hasLengthOne() {
    const { dim, rows, scales } = this;
    for (let row = 0; row < scales.length; row++) {
      let sum = 0;
      for (let i = row * dim; i < (row + 1) * dim; i++) sum += rows[i] * rows[i];
      const scale = scales[row];
      if (!(scale > 0 && Math.abs(sum * scale * scale - 1) < 2 * LENGTH_ERROR)) return false;
    }
    return true;
  }

  /** @throws {WebAppError} the model is of another embedding space */
  require(space) {
    const fits = space === this.space || `${space}:${this.dim}` === this.space;
    if (!fits) throw new WebAppError(say.otherSpace({ catalog: this.space, model: space }));
  }

  /**
   * @param {number} index a product's index in the file
   * @returns {{id: string, name: string, attributes: Object<string, string>}}
   * @throws {WebAppError} the record is none
   */
  product(index) {
    const bytes = this.table.subarray(this.firstByte[index], this.firstByte[index + 1]);
    let record = null;
    try {
      record = parseText(bytes);
    } catch {
      // Refused below.
    }
    const { id, attributes } = Object(record);
    if (!isId(id) || !isTexts(attributes)) throw new WebAppError(say.catalogTables);
    return { id, name: attributes.name || id, attributes };
  }

  /** An embedding of length 1 as the rows of this catalog are: shortened and adapted, if they are. */
  query(vector) {
    const short = shortened(this, vector);
    return this.adaptation ? adapted(this.adaptation, short) : short;
  }

  /** The cosine of every product's best row: Float32Array [p] for a query, see `query`. */
  scores(query) {
    const wide = Float64Array.from(query);
    return this.#bestRows((row) => this.#rowScore(row, wide));
  }

  #bestRows(score) {
    const result = new Float32Array(this.length);
    for (let index = 0; index < this.length; index++) {
      let high = -Infinity;
      for (let row = this.firstRow[index]; row < this.firstRow[index + 1]; row++) {
        high = Math.max(high, score(row));
      }
      result[index] = high;
    }
    return result;
  }

  /** `best(scores(query), k)`, sooner. @returns {import("./answer.js").Scored[]} */
  nearest(query, k) {
    if (!this.scan) return best(this.scores(query), k);
    const { score, error } = this.scan.approximate(query, this.scales);
    const rough = this.#bestRows(score);
    const last = best(rough, k).at(-1)?.score ?? -Infinity;
    const exact = new Float32Array(this.length).fill(-Infinity);
    const wide = Float64Array.from(query);
    for (let index = 0; index < this.length; index++) {
      if (rough[index] < last - 2 * error) continue;
      for (let row = this.firstRow[index]; row < this.firstRow[index + 1]; row++) {
        exact[index] = Math.max(exact[index], this.#rowScore(row, wide));
      }
    }
    return best(exact, k);
  }

  #rowScore(row, query) {
    const { dim, rows } = this;
    const start = row * dim;
    let sum = 0;
    for (let i = 0; i < dim; i++) sum += rows[start + i] * query[i];
    return Math.fround(sum * this.scales[row]);
  }

  /** The mean direction of a product's rows, Float32Array [d] of length 1. */
  meanDirection(index) {
    const { dim, rows, scales } = this;
    const [first, last] = [this.firstRow[index], this.firstRow[index + 1]];
    const mean = new Float64Array(dim);
    for (let row = first; row < last; row++) {
      for (let i = 0; i < dim; i++) mean[i] += scales[row] * rows[row * dim + i];
    }
    const length = Math.hypot(...mean);
    if (length > 1e-6) return Float32Array.from(mean, (x) => x / length);
    return Float32Array.from({ length: dim }, (_, i) => scales[first] * rows[first * dim + i]);
  }

  /**
   * The products nearest to a query.
   * @param {Float32Array} vector an embedding, length 1
   * @param {number} k how many
   * @returns {import("./answer.js").Scored[]} best first
   */
  match(vector, k) {
    const query = this.query(vector);
    const near = this.nearest(query, Math.max(k, MATCH_CANDIDATES));
    const scored = near.map(({ index, score }) => ({
      index,
      score: this.#productScore(index, query, score),
    }));
    return scored.sort((a, b) => b.score - a.score).slice(0, k);
  }

  #productScore(index, query, bestRow) {
    if (this.firstRow[index + 1] - this.firstRow[index] === 1) return bestRow;
    const mean = dot(this.meanDirection(index), query);
    return Math.max(MEAN_SHARE * mean + (1 - MEAN_SHARE) * bestRow, 1 - BEST_ROW_FALL * (1 - bestRow));
  }

  /** Match and decide; `matches` are the first k. @returns {import("./answer.js").Answer} */
  answer(vector, k) {
    const answer = decide(
      this.match(vector, Math.max(k, MATCH_CANDIDATES)),
      this.length,
      this.calibration,
    );
    return { ...answer, matches: answer.matches.slice(0, k) };
  }

  /** The k products most like a product, best first, without itself. */
  similar(index, k) {
    return this.similarTo(this.meanDirection(index), k, index);
  }

  /** The k products most like a query, see `query`, without the product with index `itself`. */
  similarTo(query, k, itself = -1) {
    const near = this.categoryAxes ? best(mixedScores(this, query), k + 1) : this.nearest(query, k + 1);
    return near
      .filter((match) => match.index !== itself)
      .slice(0, k);
  }
}

/** Whether bounds start at 0, rise by at least 1 and end at `last`. */
function rising(bounds, last) {
  return (
    bounds.length > 0 &&
    bounds[0] === 0 &&
    bounds[bounds.length - 1] === last &&
    bounds.every((bound, i) => i === 0 || bound > bounds[i - 1])
  );
}

/** Whether the tables have the types and the number of axes that the format gives them. */
function hasTypes({ first_byte: bytes, first_row: rows, scales, products, rows: values }) {
  const vector = (tensor, dtype) => tensor.dtype === dtype && tensor.shape.length === 1;
  return (
    [bytes, rows].every((tensor) => vector(tensor, "U64")) &&
    vector(scales, "F32") &&
    vector(products, "U8") &&
    values.dtype === "I8" &&
    values.shape.length === 2
  );
}

/** Whether a product id can be shown on one line. */
function isId(id) {
  if (typeof id !== "string" || id !== id.trim()) return false;
  const length = Array.from(id).length;
  // Line breaks, controls, halves of characters, and what changes the direction of a line.
  const unprintable = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]/u;
  return length > 0 && length <= ID_LIMIT && !unprintable.test(id);
}

function readCategoryAxes(tensors, dim) {
  const { likeness_axes: axes, likeness_scales: scales } = tensors;
  if (!axes) return null;
  const [count, width] = axes.shape;
  const fits =
    axes.dtype === "I8" &&
    axes.shape.length === 2 &&
    scales?.dtype === "F32" &&
    scales.data.length === count &&
    width === dim &&
    scales.data.every((scale) => Number.isFinite(scale) && scale >= 0);
  if (!fits) throw new WebAppError(say.catalogTables);
  return { axes: axes.data, scales: scales.data };
}
