/** Likeness of kind, mixed into `similar`. Spec: "The shop's other questions", Similar. */

import { best, dot } from "./vectors.js";

const WEIGHT = 0.3;
const SHORTLIST = 200; // products whose likeness of kind is worked out

/**
 * Scores of all products with likeness of kind mixed in.
 * @param {import("./catalog.js").Catalog} catalog one with `likeness`
 * @param {Float32Array} query [d], length 1
 * @returns {Float32Array} [p]
 */
export function mixKinds(catalog, query) {
  const scores = catalog.scores(query);
  const asked = along(catalog.likeness, query);
  const mixed = scores.map((score) => (score - WEIGHT) / (1 + WEIGHT));
  for (const { number, score } of best(scores, SHORTLIST)) {
    const theirs = along(catalog.likeness, catalog.direction(number));
    const lengths = Math.sqrt(dot(asked, asked) * dot(theirs, theirs));
    mixed[number] = (score + (WEIGHT * dot(asked, theirs)) / Math.max(lengths, 1e-9)) / (1 + WEIGHT);
  }
  return mixed;
}

/** A vector along the axes, each times its factor: [d] -> [a]. */
function along({ axes, scales }, vector) {
  const dim = vector.length;
  return Array.from(scales, (scale, axis) => {
    return scale * dot(axes.subarray(axis * dim, (axis + 1) * dim), vector);
  });
}
