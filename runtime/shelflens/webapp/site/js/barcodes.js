/** Products by barcode, and reading codes where the browser can. Spec: "Barcodes". */

import { dot } from "./vectors.js";

const COLUMNS = new Set(["barcode", "ean", "gtin", "upc"]);
const LENGTHS = { shortest: 6, longest: 14, id: 12 };
const CONFIDENCE = 0.99;
const FORMATS = ["ean_13", "ean_8", "upc_a"];

/** A number as 14 digits, or null when it is none. @param {string} text with blanks and hyphens or not */
export function gtin(text) {
  const digits = text.replace(/[ -]/g, "");
  const { shortest, longest } = LENGTHS;
  if (!/^[0-9]+$/.test(digits) || digits.length < shortest || digits.length > longest) return null;
  const padded = digits.padStart(longest, "0");
  const sum = [...padded].reduce((total, digit, i) => total + Number(digit) * (i % 2 ? 1 : 3), 0);
  return sum % 10 || !Number(padded) ? null : padded;
}

/** A number of 14 digits as it stands below its bars: 8, 13 or 14 digits. */
export const printed = (number) => number.replace(/^000000|^0/, "");

/** A code of a text in one of the columns that is none, or null. @param {string} column @param {string} text */
export function wrongCode(column, text) {
  if (!COLUMNS.has(column.toLowerCase()) || !text) return null;
  return codesOf(text).find((code) => gtin(code) === null) ?? null;
}

const codesOf = (text) => text.split(/[|;]/).map((code) => code.trim());

let detector = null;

/** @param {Blob|ImageBitmap} photo @returns {Promise<string[]>} numbers, 14 digits each; none without a detector */
export async function readCodes(photo) {
  const { BarcodeDetector } = globalThis;
  if (!BarcodeDetector) return [];
  try {
    if (!detector) {
      const supported = await BarcodeDetector.getSupportedFormats();
      const formats = FORMATS.filter((format) => supported.includes(format));
      if (!formats.length) return [];
      detector = new BarcodeDetector({ formats });
    }
    const found = await detector.detect(photo);
    return [...new Set(found.map(({ rawValue }) => gtin(rawValue)).filter(Boolean))];
  } catch {
    return []; // the system's reader is missing; the picture alone answers
  }
}

export class Barcodes {
  #byNumber = new Map();

  /** @param {import("./catalog.js").Catalog} catalog */
  constructor(catalog) {
    this.catalog = catalog;
    for (let index = 0; index < catalog.length; index++) {
      const { id, attributes } = catalog.product(index);
      const texts = Object.entries(attributes).filter(([name]) => COLUMNS.has(name.toLowerCase()));
      const codes = texts.flatMap(([, text]) => codesOf(text));
      if (id.length >= LENGTHS.id) codes.push(id);
      for (const number of new Set(codes.map((code) => gtin(code)))) {
        if (number === null) continue;
        this.#byNumber.set(number, [...(this.#byNumber.get(number) ?? []), index]);
      }
    }
  }

  /** @param {Blob|ImageBitmap} photo @returns {Promise<string[]>} numbers; none without products that have some */
  read(photo) {
    return this.#byNumber.size ? readCodes(photo) : [];
  }

  /** The index of the first product that has a number, or null. @param {string} number 14 digits */
  owner(number) {
    return this.#byNumber.get(number)?.[0] ?? null;
  }

  /**
   * The answer when codes were read: they decide, and `vision` is what the picture shows instead.
   * @param {import("./answer.js").Answer} seen the answer by the picture
   * @param {Float32Array} query its embedding, as `Catalog.query` gives it
   * @param {string[]} numbers 14 digits each
   */
  answer(seen, query, numbers) {
    const known = numbers.filter((number) => this.#byNumber.has(number));
    if (!known.length) return seen;
    const indices = [...new Set(known.flatMap((number) => this.#byNumber.get(number)))];
    const scored = (index) =>
      seen.matches.find((match) => match.index === index) ?? {
        index,
        score: dot(this.catalog.meanDirection(index), query),
      };
    const pictured = indices.map(scored);
    const taken = pictured.reduce((sum, { probability = 0 }) => sum + probability, 0);
    const share = (1 - CONFIDENCE) / Math.max(1 - taken, 1e-9); // others keep their proportions
    const first = pictured.map((match) => ({ ...match, probability: CONFIDENCE / indices.length }));
    const rest = seen.matches
      .filter(({ index }) => !indices.includes(index))
      .map((match) => ({ ...match, probability: match.probability && match.probability * share }));
    const several = first.length > 1;
    const contradicts = seen.decision === "match" && !indices.includes(seen.matches[0].index);
    return {
      ...seen,
      decision: several ? "ambiguous" : "match",
      matches: [...first, ...rest].slice(0, Math.max(seen.matches.length, first.length)),
      confidence: CONFIDENCE / first.length,
      unknownProbability: seen.unknownProbability * share,
      basis: "barcode",
      candidates: several ? first : [],
      vision: contradicts ? seen.matches[0] : null,
    };
  }
}
