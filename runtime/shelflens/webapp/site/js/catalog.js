/** A catalog: products, their rows, and the nearest of them. Spec: "The catalog file". */

import { decide } from "./answer.js";
import { mixedScores } from "./category_axes.js";
import { WebAppError, say } from "./strings.js";
import { readTensors } from "./tensors.js";
import { best, dot } from "./vectors.js";

const MATCH_CANDIDATES = 10; // products with the best rows whose score is computed
const MEAN_SHARE = 0.75;
const BEST_ROW_FALL = 4;

export class Catalog {
  /**
   * @param {ArrayBuffer} buffer a catalog file
   * @throws {WebAppError} not a catalog, damaged, or its tables do not fit each other
   */
  constructor(buffer) {
    const { tensors, metadata } = readTensors(buffer);
    const names = ["first_byte", "first_row", "scales", "products", "rows"];
    const missing = names.find((name) => !tensors[name]);
    if (missing) throw new WebAppError(say.catalogWithout(missing));
    [this.firstByte, this.firstRow, this.scales, this.table, this.rows] = names.map(
      (name) => tensors[name].data,
    );
    const [rowCount, dim] = tensors.rows.shape;
    this.dim = dim;
    this.length = this.firstRow.length - 1;
    this.space = metadata.space;
    this.calibration = JSON.parse(metadata.calibration);
    this.categoryAxes = readCategoryAxes(tensors, dim);
    const sound =
      tensors.rows.shape.length === 2 &&
      this.scales.length === rowCount &&
      this.firstByte.length === this.firstRow.length &&
      rising(this.firstRow, rowCount) &&
      rising(this.firstByte, this.table.length);
    if (!sound) throw new WebAppError(say.catalogTables);
  }

  /** @throws {WebAppError} the model is of another embedding space */
  require(space) {
    if (space !== this.space) throw new WebAppError(say.otherSpace(this.space, space));
  }

  /**
   * @param {number} index a product's index in the file
   * @returns {{id: string, name: string, attributes: Object<string, string>}}
   */
  product(index) {
    const bytes = this.table.subarray(this.firstByte[index], this.firstByte[index + 1]);
    const { id, attributes } = JSON.parse(new TextDecoder().decode(bytes));
    return { id, name: attributes.name || id, attributes };
  }

  /** The cosine of every product's best row: Float32Array [p] for a query [d] of length 1. */
  scores(query) {
    const result = new Float32Array(this.length);
    const wide = Float64Array.from(query);
    for (let index = 0; index < this.length; index++) {
      let high = -Infinity;
      for (let row = this.firstRow[index]; row < this.firstRow[index + 1]; row++) {
        high = Math.max(high, this.#rowScore(row, wide));
      }
      result[index] = high;
    }
    return result;
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
   * @param {Float32Array} query [d], length 1
   * @param {number} k how many
   * @returns {import("./answer.js").Scored[]} best first
   */
  match(query, k) {
    const near = best(this.scores(query), Math.max(k, MATCH_CANDIDATES));
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
  answer(query, k) {
    const answer = decide(this.match(query, Math.max(k, MATCH_CANDIDATES)), this.calibration);
    return { ...answer, matches: answer.matches.slice(0, k) };
  }

  /** The k products most like a product, best first, without itself. */
  similar(index, k) {
    return this.similarTo(this.meanDirection(index), k, index);
  }

  /** The k products most like a query [d] of length 1, without the product with index `itself`. */
  similarTo(query, k, itself = -1) {
    const scores = this.categoryAxes ? mixedScores(this, query) : this.scores(query);
    return best(scores, k + 1)
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

function readCategoryAxes(tensors, dim) {
  const { likeness_axes: axes, likeness_scales: scales } = tensors;
  if (!axes) return null;
  const [count, width] = axes.shape;
  if (scales?.data.length !== count || width !== dim) throw new WebAppError(say.catalogTables);
  return { axes: axes.data, scales: scales.data };
}
