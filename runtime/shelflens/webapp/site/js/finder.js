/** Where a photo shows products. The rules of `shelflens.finding`: `regions`, `tiles` and `answers`. */

import { stretch } from "./resample.js";

const NUMBERS = 6; // of a cell: mask, middle, left, top, right, bottom
const MAX_OVERLAP = 0.45;
const MIN_SIDE = 0.02;
const WHOLE = [0, 0, 1, 1];
const TILE = 0.6;
const CLOSE_SCORE = 0.3;
const LARGE_IN_TILE = 0.7;
const PART = 0.7;
const SMALLER = 0.6;
const EDGE = 0.02;
const SURROUNDINGS = 0.3;
const AGAIN_SCORE = 0.15;
const AGREES = 0.3;
const MARGIN = 0.05;
const SURE = 0.45;
const LARGE = 0.6;
const CERTAIN = 0.4;
const SURER = 2; // log odds

/**
 * @typedef {[number, number, number, number]} Box left, top, right, bottom as shares of the picture
 * @typedef {{box: Box, score: number}} Region
 * @typedef {{pixels: Uint8Array|Uint8ClampedArray, width: number, height: number}} Picture RGBA
 */

/**
 * The products of a picture: in the whole, in four tiles, each once more by itself.
 * @param {(pixels: Uint8Array) => Promise<Float32Array>} run from RGB [size, size, 3] to [g, g, 6]
 * @param {number} size side of its input, pixels
 * @param {Picture} picture
 * @returns {Promise<Region[]>} surest first
 */
export async function findClosely(run, size, picture) {
  const findIn = async (tile, minScore) => {
    const { pixels, width, height } = partOf(picture, tile);
    const cells = await run(stretch(pixels, width, height, size));
    const found = regionsOf(cells, minScore);
    return found.filter(({ box }) => !isCut(box, tile)).map((region) => inPicture(region, tile));
  };
  const whole = await findIn(WHOLE, CLOSE_SCORE);
  const isPart = ({ box }) =>
    whole.some((larger) => inside(box, larger.box) >= PART && area(box) < SMALLER * area(larger.box));
  const close = [];
  for (const y of [0, 1 - TILE]) {
    for (const x of [0, 1 - TILE]) {
      const found = await findIn([x, y, x + TILE, y + TILE], CLOSE_SCORE);
      close.push(...found.filter((region) => longerSide(region.box) <= LARGE_IN_TILE * TILE && !isPart(region)));
    }
  }
  const exact = [];
  for (const region of withoutOverlap([...whole, ...close])) {
    exact.push(meanOf(region, await findIn(surroundings(region.box), AGAIN_SCORE)));
  }
  return withoutOverlap(exact);
}

/** The regions that a finder's output tells of. @param {Float32Array} cells [g, g, 6] @returns {Region[]} */
export function regionsOf(cells, minScore) {
  const grid = Math.round(Math.sqrt(cells.length / NUMBERS));
  const heat = (row, column) => {
    if (row < 0 || column < 0 || row >= grid || column >= grid) return 0;
    const value = cells[(row * grid + column) * NUMBERS + 1];
    return Number.isFinite(value) ? value : 0;
  };
  const found = [];
  for (let row = 0; row < grid; row++) {
    for (let column = 0; column < grid; column++) {
      const score = heat(row, column);
      if (score < minScore) continue;
      const near = [-1, 0, 1].flatMap((down) => [-1, 0, 1].map((across) => heat(row + down, column + across)));
      if (score < Math.max(...near)) continue;
      const at = (row * grid + column) * NUMBERS + 2;
      const [left, top, right, bottom] = cells.subarray(at, at + 4).map((side) => (Number.isFinite(side) ? side : 0));
      const [x, y] = [(column + 0.5) / grid, (row + 0.5) / grid];
      const box = [Math.max(0, x - left), Math.max(0, y - top), Math.min(1, x + right), Math.min(1, y + bottom)];
      if (box[2] - box[0] >= MIN_SIDE && box[3] - box[1] >= MIN_SIDE) found.push({ box, score: Math.min(1, score) });
    }
  }
  return withoutOverlap(found);
}

/** What is embedded for a region: a margin on every side. @param {Picture} picture @param {Box} box */
export function crop(picture, [left, top, right, bottom]) {
  const span = (low, high, length) => {
    const more = (high - low) * MARGIN;
    const first = Math.min(Math.max(0, Math.floor((low - more) * length)), length - 1);
    return [first, Math.max(first + 1, Math.min(length, Math.ceil((high + more) * length)))];
  };
  return cut(picture, span(left, right, picture.width), span(top, bottom, picture.height));
}

/** Whether the crop of the only product is asked with beside the whole photo. @param {Region} region */
export const pays = ({ box, score }) => score >= SURE && area(box) < LARGE;

/** The answer about a region: no `match` where its box may be wrong. @param {Region} region */
export function notSurer(answer, { score }) {
  if (answer.decision !== "match" || score >= CERTAIN) return answer;
  return { ...answer, decision: "ambiguous", candidates: answer.matches.slice(0, 1) };
}

/** The answer to the whole photo, unless one to its crop, or to both together, is clearly surer. */
export function surest(whole, answers) {
  const logOdds = ({ confidence }) => {
    const share = Math.min(Math.max(confidence, 1e-9), 1 - 1e-9);
    return Math.log(share / (1 - share));
  };
  const best = answers.reduce((first, next) => (next.confidence > first.confidence ? next : first), whole);
  return logOdds(best) > logOdds(whole) + SURER ? best : whole;
}

function withoutOverlap(regions) {
  const kept = [];
  for (const region of [...regions].sort((first, second) => second.score - first.score)) {
    if (kept.every(({ box }) => iou(region.box, box) <= MAX_OVERLAP)) kept.push(region);
  }
  return kept;
}

function meanOf(region, found) {
  const overlap = ({ box }) => iou(box, region.box);
  const again = found.reduce((best, next) => (overlap(next) > overlap(best) ? next : best), found[0] ?? region);
  if (overlap(again) < AGREES) return region;
  return { ...region, box: region.box.map((side, i) => (side + again.box[i]) / 2) };
}

function surroundings([left, top, right, bottom]) {
  const [across, down] = [(right - left) * SURROUNDINGS, (bottom - top) * SURROUNDINGS];
  return [Math.max(0, left - across), Math.max(0, top - down), Math.min(1, right + across), Math.min(1, bottom + down)];
}

function isCut([left, top, right, bottom], [x0, y0, x1, y1]) {
  const ends = 1 - 1e-9;
  return (
    (left < EDGE && x0 > 0) || (top < EDGE && y0 > 0) || (right > 1 - EDGE && x1 < ends) || (bottom > 1 - EDGE && y1 < ends)
  );
}

function inPicture({ box, score }, [x0, y0, x1, y1]) {
  const [width, height] = [x1 - x0, y1 - y0];
  return { score, box: [x0 + box[0] * width, y0 + box[1] * height, x0 + box[2] * width, y0 + box[3] * height] };
}

function partOf(picture, [left, top, right, bottom]) {
  const first = (share, length) => Math.min(Math.trunc(share * length), length - 1);
  const [x0, y0] = [first(left, picture.width), first(top, picture.height)];
  const end = (share, from, length) => Math.max(from + 1, Math.round(share * length));
  return cut(picture, [x0, end(right, x0, picture.width)], [y0, end(bottom, y0, picture.height)]);
}

function cut({ pixels, width }, [x0, x1], [y0, y1]) {
  const part = new Uint8Array((x1 - x0) * (y1 - y0) * 4);
  for (let y = y0, to = 0; y < y1; y++, to += (x1 - x0) * 4) {
    part.set(pixels.subarray((y * width + x0) * 4, (y * width + x1) * 4), to);
  }
  return { pixels: part, width: x1 - x0, height: y1 - y0 };
}

const area = ([left, top, right, bottom]) => (right - left) * (bottom - top);
const longerSide = ([left, top, right, bottom]) => Math.max(right - left, bottom - top);

function intersection(first, second) {
  const width = Math.min(first[2], second[2]) - Math.max(first[0], second[0]);
  const height = Math.min(first[3], second[3]) - Math.max(first[1], second[1]);
  return width > 0 && height > 0 ? width * height : 0;
}

const inside = (first, second) => intersection(first, second) / Math.max(Math.min(area(first), area(second)), 1e-9);

function iou(first, second) {
  const both = intersection(first, second);
  return both > 0 ? both / (area(first) + area(second) - both) : 0;
}
