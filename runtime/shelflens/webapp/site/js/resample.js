/** The resize rule `upright-stretch-bilinear/1`, pixel for pixel. Spec: "How a photo becomes pixels". */

const BITS = 22; // weights are whole numbers of 1 / 2^22
const HALF = 1 << (BITS - 1);
const DRAFT_FACTOR = 1.5;

/**
 * Stretch an image to a square by the antialiased bilinear filter.
 *
 * @param {Uint8Array|Uint8ClampedArray} pixels RGBA, [height, width, 4]; alpha is ignored
 * @param {number} width pixels
 * @param {number} height pixels
 * @param {number} size side of the square, pixels
 * @returns {Uint8Array} RGB, [size, size, 3]
 */
export function stretch(pixels, width, height, size) {
  const across = weights(width, size);
  const down = weights(height, size);
  const narrow = new Uint8Array(height * size * 3);
  for (let y = 0; y < height; y++) {
    const line = y * width * 4;
    for (let x = 0, to = y * size * 3; x < size; x++, to += 3) {
      let [r, g, b] = [HALF, HALF, HALF];
      const taps = across.taps[x];
      for (let i = 0, at = line + across.first[x] * 4; i < taps.length; i++, at += 4) {
        const weight = taps[i];
        r += pixels[at] * weight;
        g += pixels[at + 1] * weight;
        b += pixels[at + 2] * weight;
      }
      narrow[to] = r >> BITS;
      narrow[to + 1] = g >> BITS;
      narrow[to + 2] = b >> BITS;
    }
  }
  const square = new Uint8Array(size * size * 3);
  const step = size * 3;
  for (let y = 0; y < size; y++) {
    const taps = down.taps[y];
    const from = down.first[y] * step;
    for (let x = 0; x < step; x++) {
      let sum = HALF;
      for (let i = 0, at = from + x; i < taps.length; i++, at += step) sum += narrow[at] * taps[i];
      square[y * step + x] = sum >> BITS;
    }
  }
  return square;
}

/**
 * The triangle filter's weights, widened by the scale.
 * @returns {{first: Int32Array, taps: Int32Array[]}} for each output its first input, and weights
 */
function weights(from, to) {
  const scale = from / to;
  const support = Math.max(scale, 1);
  const first = new Int32Array(to);
  const taps = [];
  for (let out = 0; out < to; out++) {
    const center = (out + 0.5) * scale;
    const low = Math.max(Math.trunc(center - support + 0.5), 0);
    const high = Math.min(Math.trunc(center + support + 0.5), from);
    const row = new Float64Array(high - low);
    let sum = 0;
    for (let i = 0; i < row.length; i++) {
      row[i] = Math.max(1 - Math.abs((i + low - center + 0.5) * (1 / support)), 0);
      sum += row[i];
    }
    first[out] = low;
    taps.push(Int32Array.from(row, (weight) => Math.trunc(0.5 + (weight / sum) * 2 ** BITS)));
  }
  return { first, taps };
}

/**
 * The factor by which a JPEG may be reduced first: 1, 2, 4 or 8.
 * @returns {number} the largest that leaves both sides at least 1.5 times `size`
 */
export function draftFactor(width, height, size) {
  const minSide = Math.floor(size * DRAFT_FACTOR);
  return [8, 4, 2].find((by) => Math.min(width, height) >= minSide * by) ?? 1;
}

/**
 * Average squares of by x by pixels, as a JPEG decoder does that decodes at a smaller size.
 *
 * @param {Uint8Array|Uint8ClampedArray} pixels RGBA, [height, width, 4]
 * @returns {{pixels: Uint8Array, width: number, height: number}} RGBA; sides are rounded up, and the
 *   squares at the right and lower edge average what there is
 */
export function shrink(pixels, width, height, by) {
  if (by === 1) return { pixels, width, height };
  const [w, h] = [Math.ceil(width / by), Math.ceil(height / by)];
  const small = new Uint8Array(w * h * 4);
  for (let y = 0, to = 0; y < h; y++) {
    const rows = Math.min(by, height - y * by);
    for (let x = 0; x < w; x++, to += 4) {
      const columns = Math.min(by, width - x * by);
      let [r, g, b] = [0, 0, 0];
      for (let j = 0; j < rows; j++) {
        let at = ((y * by + j) * width + x * by) * 4;
        for (let i = 0; i < columns; i++, at += 4) {
          r += pixels[at];
          g += pixels[at + 1];
          b += pixels[at + 2];
        }
      }
      const count = rows * columns;
      small[to] = (r + count / 2) / count;
      small[to + 1] = (g + count / 2) / count;
      small[to + 2] = (b + count / 2) / count;
      small[to + 3] = 255;
    }
  }
  return { pixels: small, width: w, height: h };
}
