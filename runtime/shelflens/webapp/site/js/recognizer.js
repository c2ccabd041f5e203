/** Runs in the worker: loads engine, model and catalog, and answers photos. */

import { Barcodes } from "./barcodes.js";
import { Catalog } from "./catalog.js";
import { startEngine } from "./engine.js";
import { loadFile } from "./files.js";
import { toInput } from "./photo.js";

const MATCHES = 5;
const SIMILAR = 8;

/**
 * @typedef {{index: number, id: string, name: string, score: number,
 *   attributes: Object<string, string>}} Product
 */

/**
 * Load everything.
 * @param {(share: number) => void} onShare called with the share that has arrived, 0 to 1
 */
export async function start(onShare) {
  const app = JSON.parse(new TextDecoder().decode(await loadFile("data/app.json")));
  const total = Object.values(app.bytes).reduce((sum, bytes) => sum + bytes, 0);
  let loaded = 0;
  const onBytes = (bytes) => onShare(Math.min((loaded += bytes) / total, 1));
  const [catalog, embed] = await Promise.all([
    loadFile("data/store.catalog", onBytes).then((buffer) => new Catalog(buffer)),
    startEngine(app.model, onBytes),
  ]);
  catalog.require(app.model.space);
  return new Recognizer(catalog, embed, app);
}

class Recognizer {
  constructor(catalog, embed, app) {
    Object.assign(this, { catalog, embed, app, barcodes: new Barcodes(catalog) });
  }

  summary() {
    return { products: this.catalog.length };
  }

  /** @param {Blob|ImageBitmap} photo @returns {Promise<Object>} an answer, products with their texts */
  async scan(photo) {
    const start = performance.now();
    const numbers = await this.barcodes.read(photo);
    const pixels = await toInput(photo, this.app.model.size);
    const decoded = performance.now();
    const vector = await this.embed(pixels);
    const embedded = performance.now();
    const seen = this.catalog.answer(vector, MATCHES);
    const answer = this.barcodes.answer(seen, this.catalog.query(vector), numbers);
    const done = performance.now();
    return {
      ...answer,
      matches: answer.matches.map((match) => this.#described(match)),
      candidates: answer.candidates.map((match) => this.#described(match)),
      vision: answer.vision ? this.#described(answer.vision) : null,
      ms: {
        pixels: decoded - start,
        embed: embedded - decoded,
        search: done - embedded,
        all: done - start,
      },
    };
  }

  /** The embedding of a photo, for measurements. @returns {Promise<Float32Array>} [dim], length 1 */
  async vector(photo) {
    return this.embed(await toInput(photo, this.app.model.size));
  }

  /** @param {number} index of a product @returns {Product[]} */
  similar(index) {
    return this.catalog.similar(index, SIMILAR).map((match) => this.#described(match));
  }

  #described({ index, score }) {
    return { index, score, ...this.catalog.product(index) };
  }
}
