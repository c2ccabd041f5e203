/** Which confirmed rows a product keeps. The rule of `shelflens catalog confirm`. */

const MAX_CONFIRMED = 8;
const SAME = 0.98; // cosine from which a photo shows what a row shows already
const DOUBT = 0.1; // nearer by this much to another product: doubtful

/** The cosine of two rows. */
function cosine(a, b) {
  let sum = 0;
  for (let i = 0; i < a.values.length; i++) sum += a.values[i] * b.values[i];
  return sum * a.scale * b.scale;
}

/** Whether a product has such a row already. */
export const isSame = (rows, row) => rows.some((own) => cosine(own, row) >= SAME);

/**
 * The rows that have to go for a new one: the most doubtful, else the most redundant.
 * @param {import("./catalog_file.js").Product[]} products all
 * @param {import("./catalog_file.js").Product} product the one that gets the row
 * @param {import("./catalog_file.js").Row} row the new one; it may be among those that go
 * @returns {import("./catalog_file.js").Row[]}
 */
export function dropWorst(products, product, row) {
  const all = [...product.rows, row];
  const candidates = all.filter((own) => own.number > 0);
  const gone = [];
  while (candidates.length > MAX_CONFIRMED) {
    const own = candidates.map((candidate) => {
      const rest = all.filter((another) => another !== candidate && !gone.includes(another));
      return rest.reduce((high, another) => Math.max(high, cosine(candidate, another)), -2);
    });
    const margins = candidates.map((candidate, index) => own[index] - nearest(products, product, candidate));
    const worst = Math.min(...margins) < -DOUBT ? rank(margins, Math.min) : rank(own, Math.max);
    gone.push(...candidates.splice(worst, 1));
  }
  return gone;
}

const rank = (numbers, choose) => numbers.indexOf(choose(...numbers));

function nearest(products, product, row) {
  let high = -2;
  for (const another of products) {
    if (another === product) continue;
    for (const own of another.rows) high = Math.max(high, cosine(own, row));
  }
  return high;
}
