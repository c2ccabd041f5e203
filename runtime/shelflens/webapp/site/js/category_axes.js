/** Category similarity, mixed into `similar`. Spec: "Similar". */

import { best, dot } from "./vectors.js";

const WEIGHT = 0.3;
const SIMILAR_CANDIDATES = 200; // products whose category similarity is computed

/**
 * Scores of all products with category similarity mixed in.
 * @param {import("./catalog.js").Catalog} catalog one with `categoryAxes`
 * @param {Float32Array} query [d], length 1
 * @returns {Float32Array} [p]
 */
export function mixedScores(catalog, query) {
  const scores = catalog.scores(query);
  const a = projected(catalog.categoryAxes, query);
  const mixed = scores.map((score) => (score - WEIGHT) / (1 + WEIGHT));
  for (const { index, score } of best(scores, SIMILAR_CANDIDATES)) {
    const b = projected(catalog.categoryAxes, catalog.meanDirection(index));
    const lengths = Math.sqrt(dot(a, a) * dot(b, b));
    mixed[index] = (score + (WEIGHT * dot(a, b)) / Math.max(lengths, 1e-9)) / (1 + WEIGHT);
  }
  return mixed;
}

/** A vector projected on the axes, each scaled: [d] -> [a]. */
function projected({ axes, scales }, vector) {
  const dim = vector.length;
  return Array.from(scales, (scale, axis) => {
    return scale * dot(axes.subarray(axis * dim, (axis + 1) * dim), vector);
  });
}
