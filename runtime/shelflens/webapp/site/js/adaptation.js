/** The matrix of an adapted catalog: I - B'B. Spec: "Adapted catalogs". */

import { WebAppError, say } from "./languages/strings.js";
import { dot } from "./vectors.js";

const MAX_AXES = 64;
const MAX_REDUCTION = 0.97; // of any direction, so that no query becomes zero

/**
 * @param {Object} tensors of the file
 * @param {number} dim of its rows
 * @returns {Float64Array[] | null} the rows of B; null where the catalog is not adapted
 * @throws {WebAppError} they do not fit the rows, or could make a query zero
 */
export function readAdaptation({ adaptation_axes: axes, adaptation_scales: scales }, dim) {
  if (!axes && !scales) return null;
  const fits =
    axes?.dtype === "I8" &&
    scales?.dtype === "F32" &&
    axes.shape.length === 2 &&
    scales.shape.length === 1 &&
    axes.shape[0] === scales.data.length &&
    axes.shape[1] === dim &&
    scales.data.length >= 1 &&
    scales.data.length <= MAX_AXES &&
    scales.data.every((scale) => scale > 0 && Number.isFinite(scale));
  if (!fits) throw new WebAppError(say.catalogTables);
  const wide = Array.from(scales.data, (scale, axis) =>
    Float64Array.from(axes.data.subarray(axis * dim, (axis + 1) * dim), (x) => x * scale),
  );
  for (const row of wide) {
    const sum = wide.reduce((total, other) => total + Math.abs(dot(row, other)), 0);
    if (!(sum <= MAX_REDUCTION)) throw new WebAppError(say.catalogTables);
  }
  return wide;
}

/** An embedding [d] multiplied by the matrix: Float32Array [d] of length 1. */
export function adapted(wide, vector) {
  const made = Float64Array.from(vector);
  for (const row of wide) {
    const along = dot(row, vector);
    for (let i = 0; i < made.length; i++) made[i] -= along * row[i];
  }
  const length = Math.sqrt(dot(made, made));
  return Float32Array.from(made, (x) => x / length);
}
