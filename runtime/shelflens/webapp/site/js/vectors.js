/** Sums and selections over vectors. */

/** The sum of products of two vectors of equal length. */
export function dot(a, b) {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}

/**
 * An embedding as long as a catalog's rows: its first numbers, of length 1 again, where the rows are
 * such. Spec: "Shortened catalogs".
 * @param {{space: string, dim: number}} catalog
 * @param {Float32Array} vector of length 1
 * @returns {Float32Array}
 */
export function shortened({ space, dim }, vector) {
  if (vector.length <= dim || !space.endsWith(`:${dim}`)) return vector;
  const short = vector.slice(0, dim);
  const length = Math.sqrt(dot(short, short));
  return short.map((x) => x / length);
}

/**
 * The k highest scores, best first, equal ones in the order of the file.
 * @param {ArrayLike<number>} scores [p]
 * @returns {import("./answer.js").Scored[]}
 */
export function best(scores, k) {
  const found = [];
  for (let index = 0; index < scores.length; index++) {
    const score = scores[index];
    if (found.length === k && score <= found[k - 1].score) continue;
    let rank = found.length;
    while (rank > 0 && found[rank - 1].score < score) rank--;
    found.splice(rank, 0, { index, score });
    if (found.length > k) found.pop();
  }
  return found;
}
