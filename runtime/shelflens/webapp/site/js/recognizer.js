/** What the worker does: engine, model and catalog in, answers out. */

import { Catalog } from "./catalog.js";
import { startEngine } from "./engine.js";
import { loadFile } from "./files.js";
import { toInput } from "./photo.js";

const MATCHES = 5;
const SIMILAR = 8;

/**
 * @typedef {{number: number, id: string, name: string, score: number,
 *   attributes: Object<string, string>}} Product
 */

/**
 * Load everything.
 * @param {(share: number) => void} onShare told how much of it came, 0 to 1
 */
export async function start(onShare) {
  const page = JSON.parse(new TextDecoder().decode(await loadFile("data/page.json")));
  const whole = Object.values(page.bytes).reduce((sum, bytes) => sum + bytes, 0);
  let came = 0;
  const onBytes = (bytes) => onShare(Math.min((came += bytes) / whole, 1));
  const [catalog, embed] = await Promise.all([
    loadFile("data/store.catalog", onBytes).then((buffer) => new Catalog(buffer)),
    startEngine(page.model, onBytes),
  ]);
  catalog.require(page.model.space);
  return new Recognizer(catalog, embed, page);
}

class Recognizer {
  constructor(catalog, embed, page) {
    Object.assign(this, { catalog, embed, page });
  }

  facts() {
    return { products: this.catalog.length };
  }

  /** @param {Blob|ImageBitmap} photo @returns {Promise<Object>} an answer, products with their texts */
  async scan(photo) {
    const begun = performance.now();
    const pixels = await toInput(photo, this.page.model.size);
    const seen = performance.now();
    const vector = await this.embed(pixels);
    const known = performance.now();
    const answer = this.catalog.answer(vector, MATCHES);
    const done = performance.now();
    return {
      ...answer,
      matches: answer.matches.map((one) => this.#told(one)),
      candidates: answer.candidates.map((one) => this.#told(one)),
      ms: { pixels: seen - begun, embed: known - seen, search: done - known, all: done - begun },
    };
  }

  /** The embedding of a photo, for measurements. @returns {Promise<Float32Array>} [dim], length 1 */
  async vector(photo) {
    return this.embed(await toInput(photo, this.page.model.size));
  }

  /** @param {number} number a product's place @returns {Product[]} */
  similar(number) {
    return this.catalog.similar(number, SIMILAR).map((one) => this.#told(one));
  }

  #told({ number, score }) {
    return { number, score, ...this.catalog.product(number) };
  }
}
