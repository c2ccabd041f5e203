/** A catalog: products, their rows, and who is nearest. Spec: "The catalog file". */

import { decide } from "./decide.js";
import { mixKinds } from "./likeness.js";
import { PageError, say } from "./strings.js";
import { readTensors } from "./tensors.js";
import { best, dot } from "./vectors.js";

const SHORTLIST = 10; // products with the best pictures whose score is worked out
const MEAN_SHARE = 0.75;
const FALL = 4;

export class Catalog {
  /**
   * @param {ArrayBuffer} buffer a catalog file
   * @throws {PageError} not a catalog, damaged, or its tables do not fit each other
   */
  constructor(buffer) {
    const { tensors, facts } = readTensors(buffer);
    const names = ["first_byte", "first_row", "scales", "products", "rows"];
    const missing = names.find((name) => !tensors[name]);
    if (missing) throw new PageError(say.catalogWithout(missing));
    [this.firstByte, this.firstRow, this.scales, this.table, this.rows] = names.map(
      (name) => tensors[name].data,
    );
    const [pictures, dim] = tensors.rows.shape;
    this.dim = dim;
    this.length = this.firstRow.length - 1;
    this.space = facts.space;
    this.calibration = JSON.parse(facts.calibration);
    this.likeness = readLikeness(tensors, dim);
    const sound =
      tensors.rows.shape.length === 2 &&
      this.scales.length === pictures &&
      this.firstByte.length === this.firstRow.length &&
      rising(this.firstRow, pictures) &&
      rising(this.firstByte, this.table.length);
    if (!sound) throw new PageError(say.catalogTables);
  }

  /** @throws {PageError} the model speaks another embedding space */
  require(space) {
    if (space !== this.space) throw new PageError(say.otherSpace(this.space, space));
  }

  /**
   * @param {number} number a product's place in the file
   * @returns {{id: string, name: string, attributes: Object<string, string>}}
   */
  product(number) {
    const bytes = this.table.subarray(this.firstByte[number], this.firstByte[number + 1]);
    const { id, attributes } = JSON.parse(new TextDecoder().decode(bytes));
    return { id, name: attributes.name || id, attributes };
  }

  /** The best picture's cosine of every product: Float32Array [p] for a query [d] of length 1. */
  scores(query) {
    const best = new Float32Array(this.length);
    const wide = Float64Array.from(query);
    for (let number = 0; number < this.length; number++) {
      let high = -Infinity;
      for (let row = this.firstRow[number]; row < this.firstRow[number + 1]; row++) {
        high = Math.max(high, this.#rowScore(row, wide));
      }
      best[number] = high;
    }
    return best;
  }

  #rowScore(row, query) {
    const { dim, rows } = this;
    const start = row * dim;
    let sum = 0;
    for (let i = 0; i < dim; i++) sum += rows[start + i] * query[i];
    return Math.fround(sum * this.scales[row]);
  }

  /** The mean of a product's pictures, Float32Array [d] of length 1. */
  direction(number) {
    const { dim, rows, scales } = this;
    const [first, last] = [this.firstRow[number], this.firstRow[number + 1]];
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
   * @returns {import("./decide.js").Scored[]} best first
   */
  match(query, k) {
    const near = best(this.scores(query), Math.max(k, SHORTLIST));
    const scored = near.map(({ number, score }) => ({
      number,
      score: this.#productScore(number, query, score),
    }));
    return scored.sort((a, b) => b.score - a.score).slice(0, k);
  }

  #productScore(number, query, picture) {
    if (this.firstRow[number + 1] - this.firstRow[number] === 1) return picture;
    const mean = dot(this.direction(number), query);
    return Math.max(MEAN_SHARE * mean + (1 - MEAN_SHARE) * picture, 1 - FALL * (1 - picture));
  }

  /** Match and decide; `matches` are the first k. @returns {import("./decide.js").Answer} */
  answer(query, k) {
    const answer = decide(this.match(query, Math.max(k, SHORTLIST)), this.calibration);
    return { ...answer, matches: answer.matches.slice(0, k) };
  }

  /** The k products most like a product, best first, without itself. */
  similar(number, k) {
    return this.similarTo(this.direction(number), k, number);
  }

  /** The k products most like a query [d] of length 1, without the product `itself`. */
  similarTo(query, k, itself = -1) {
    const scores = this.likeness ? mixKinds(this, query) : this.scores(query);
    return best(scores, k + 1)
      .filter((one) => one.number !== itself)
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

function readLikeness(tensors, dim) {
  const { likeness_axes: axes, likeness_scales: scales } = tensors;
  if (!axes) return null;
  const [count, width] = axes.shape;
  if (scales?.data.length !== count || width !== dim) throw new PageError(say.catalogTables);
  return { axes: axes.data, scales: scales.data };
}
