/** Whether a photo suits to enrol a product. The rules of `serve/photo_check.py`. */

const MIN_SHARPNESS = 0.015;
const SAME_SIDE = 0.93; // cosine from which two photos show the same side
const KNOWN = 0.95; // probability that the catalog has the product

/**
 * Variance of the Laplacian over the variance of brightness; 0 for an even surface.
 * @param {Uint8Array} pixels RGB, [size, size, 3]
 * @param {number} size
 */
export function sharpness(pixels, size) {
  const grey = new Float64Array(size * size);
  for (let i = 0; i < grey.length; i++) {
    grey[i] = 0.299 * pixels[3 * i] + 0.587 * pixels[3 * i + 1] + 0.114 * pixels[3 * i + 2];
  }
  const spread = variance(grey);
  if (spread < 1) return 0;
  const edges = new Float64Array((size - 2) ** 2);
  for (let y = 1; y < size - 1; y++) {
    for (let x = 1; x < size - 1; x++) {
      const i = y * size + x;
      const sides = grey[i - size] + grey[i + size] + grey[i - 1] + grey[i + 1];
      edges[(y - 1) * (size - 2) + x - 1] = 4 * grey[i] - sides;
    }
  }
  return variance(edges) / spread;
}

function variance(values) {
  const mean = values.reduce((sum, x) => sum + x, 0) / values.length;
  return values.reduce((sum, x) => sum + (x - mean) ** 2, 0) / values.length;
}

/** The nearest product, where the catalog has what the photo shows. @param {import("./answer.js").Answer} answer */
export const knownIn = ({ matches, unknownProbability }) =>
  1 - unknownProbability >= KNOWN ? matches[0] : null;

export const isSharp = (value) => value >= MIN_SHARPNESS;

/** Index of the first vector that shows the same side, or -1. */
export const sameSide = (vector, earlier) =>
  earlier.findIndex((before) => before.reduce((sum, x, i) => sum + x * vector[i], 0) >= SAME_SIDE);
