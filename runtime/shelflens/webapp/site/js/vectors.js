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
 * @returns {import("./decide.js").Scored[]}
 */
export function best(scores, k) {
  const found = [];
  for (let number = 0; number < scores.length; number++) {
    const score = scores[number];
    if (found.length === k && score <= found[k - 1].score) continue;
    let place = found.length;
    while (place > 0 && found[place - 1].score < score) place--;
    found.splice(place, 0, { number, score });
    if (found.length > k) found.pop();
  }
  return found;
}
