/** Sums and selections over vectors. */

/** The sum of products of two vectors of equal length. */
export function dot(a, b) {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
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
