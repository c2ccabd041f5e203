/** Barcodes of a photo: read by the server, else by the browser where it can. */

import { server } from "./edit_server.js";

const FORMATS = ["ean_13", "ean_8", "upc_a"];
const MAX_SIDE = 1600; // pixels: the server looks no closer
let serverReads = true;

/**
 * @param {Blob} photo
 * @param {(side: number) => Promise<Blob>} smaller makes a copy of it
 * @returns {Promise<{number: string, known: {name: string}|null}[]>} none where nobody can read
 */
export async function barcodesOf(photo, smaller) {
  if (serverReads) {
    const found = await server.barcodes(await smaller(MAX_SIDE));
    serverReads = found.reads;
    if (found.reads) return found.barcodes;
  }
  const numbers = await readHere(photo);
  return numbers.map((number) => ({ number, known: null }));
}

async function readHere(photo) {
  try {
    const supported = await BarcodeDetector.getSupportedFormats();
    const detector = new BarcodeDetector({ formats: FORMATS.filter((format) => supported.includes(format)) });
    const found = await detector.detect(await createImageBitmap(photo));
    return [...new Set(found.map(({ rawValue }) => rawValue))].filter(isGtin);
  } catch {
    return []; // no such reader here
  }
}

/** Whether the last of 8, 12, 13 or 14 digits is the check digit of the others. */
export function isGtin(text) {
  const digits = text.replace(/[ -]/g, "");
  if (!/^(\d{8}|\d{12,14})$/.test(digits) || !Number(digits)) return false;
  const sum = [...digits].reverse().reduce((total, digit, i) => total + Number(digit) * (i % 2 ? 3 : 1), 0);
  return sum % 10 === 0;
}
