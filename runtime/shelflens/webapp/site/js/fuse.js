/** Several photos of one thing, one answer. The rule of `shelflens.catalog.fuse`. */

import { MATCH_CANDIDATES, decide } from "./answer.js";
import { WebAppError, say } from "./languages/strings.js";
import { shortened } from "./vectors.js";

const AGREEMENT = 0.2; // power of the mean's length that scores are multiplied with

/**
 * The mean direction of photos, as long as a catalog's rows, and how far they agree.
 * @param {{space: string, dim: number}} catalog
 * @param {Float32Array[]} vectors length 1 each
 * @returns {{mean: Float32Array, length: number}} `mean` has length 1; `length` is 1 where all agree
 * @throws {WebAppError} opposite ones, without a mean
 */
export function meanOf(catalog, vectors) {
  const sum = new Float64Array(catalog.dim);
  for (const vector of vectors) shortened(catalog, vector).forEach((x, i) => (sum[i] += x / vectors.length));
  const length = Math.hypot(...sum);
  if (length < 1e-6) throw new WebAppError(say.oppositePhotos);
  return { mean: Float32Array.from(sum, (x) => x / length), length: Math.min(length, 1) };
}

/**
 * Match the mean and decide once; a single photo is answered as by `Catalog.answer`.
 * @param {import("./catalog.js").Catalog} catalog
 * @param {Float32Array[]} vectors one or more, length 1 each
 * @param {number} k
 * @returns {import("./answer.js").Answer}
 */
export function fuse(catalog, vectors, k) {
  const { mean, length } = meanOf(catalog, vectors);
  const factor = length ** AGREEMENT;
  const matches = catalog
    .match(mean, Math.max(k, MATCH_CANDIDATES))
    .map((match) => ({ ...match, score: match.score * factor }));
  const answer = decide(matches, catalog.length, catalog.calibration);
  return { ...answer, matches: answer.matches.slice(0, k) };
}
