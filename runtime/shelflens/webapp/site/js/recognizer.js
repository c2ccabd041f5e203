/** Runs in the worker: loads engine, model and catalog, and answers photos. */

import { Barcodes, printed, readCodes } from "./barcodes.js";
import { deltaOf } from "./delta.js";
import { startEngine } from "./engine.js";
import { loadFile } from "./files.js";
import { fuse, meanOf } from "./fuse.js";
import { crop, findClosely, notSurer, pays, surest } from "./finder.js";
import { isSharp, knownIn, sharpness } from "./photo_check.js";
import { inputOf, read, reduced, toInput } from "./photo.js";
import { Shop } from "./shop.js";

const MATCHES = 5;
const SIMILAR = 8;
const DETAIL = 2; // times the model's size, and 1.5: a product at a third of the width keeps all its pixels
const SIMILAR_LIMIT = 0.45; // below, two of three are of another kind: benchmarks/quality/similar_limit.py

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
  const [shop, { embed, cells }] = await Promise.all([
    loadFile("data/store.catalog", onBytes).then((buffer) => Shop.open(buffer)),
    startEngine(app, onBytes),
  ]);
  shop.catalog.require(app.model.space);
  return new Recognizer(shop, embed, cells, app);
}

class Recognizer {
  constructor(shop, embed, cells, app) {
    Object.assign(this, { shop, embed, cells, app });
  }

  get catalog() {
    return this.shop.catalog;
  }

  /** Of the catalog as it is now: a change gives another one. */
  get barcodes() {
    if (this.codes?.catalog !== this.catalog) this.codes = new Barcodes(this.catalog);
    return this.codes;
  }

  summary() {
    const { edits, left } = this.shop;
    const finds = this.cells !== null;
    return { products: this.catalog.length, edits: edits.length, left, pictures: this.shop.pictures(), finds };
  }

  /** Change the catalog on this device; see `Shop.edit`. */
  edit(edit) {
    return this.shop.edit(edit);
  }

  /** Take the last change back. @returns {Promise<boolean>} whether there was one */
  undo() {
    return this.shop.undo();
  }

  /** The catalog as a file. @returns {ArrayBuffer} */
  exported() {
    return this.shop.buffer;
  }

  /** What was changed on this device, as a file. @returns {Promise<ArrayBuffer>} */
  exportedDelta() {
    return deltaOf(this.shop.base, this.shop.buffer);
  }

  /** The products that hold all words in id or texts. @returns {{found: number, products: Product[]}} */
  listed(words, from, count) {
    const found = [];
    for (let index = 0; index < this.catalog.length; index++) {
      const { id, attributes } = this.catalog.product(index);
      const text = [id, ...Object.values(attributes)].join("\n").toLowerCase();
      if (words.every((word) => text.includes(word))) found.push(index);
    }
    const shown = found.slice(from, from + count);
    return { found: found.length, products: shown.map((index) => this.#described({ index, score: 1 })) };
  }

  /** What is to be said of a photo before its product is enrolled. @param {Blob|ImageBitmap} photo */
  async inspect(photo) {
    const numbers = await readCodes(photo);
    const pixels = await toInput(photo, this.app.model.size);
    const sharp = isSharp(sharpness(pixels, this.app.model.size));
    const vector = await this.embed(pixels);
    const codes = numbers.map((number) => {
      const owner = this.barcodes.owner(number);
      return { number: printed(number), known: owner === null ? null : this.#described({ index: owner, score: 1 }) };
    });
    const known = knownIn(this.catalog.answer(vector, 1));
    return { sharp, vector, codes, known: known && this.#described(known) };
  }

  /**
   * @param {Blob|ImageBitmap} photo
   * @param {{vectors: Float32Array[], numbers: string[]}} [earlier] of the same thing, as an answer has them
   * @returns {Promise<Object>} an answer to all photos, products with their texts
   */
  async scan(photo, earlier = { vectors: [], numbers: [] }) {
    const start = performance.now();
    const numbers = [...new Set([...earlier.numbers, ...(await this.barcodes.read(photo))])];
    const pixels = await toInput(photo, this.app.model.size);
    const decoded = performance.now();
    const vector = await this.embed(pixels);
    const embedded = performance.now();
    const vectors = [...earlier.vectors, vector];
    const seen = fuse(this.catalog, vectors, MATCHES);
    const answer = this.barcodes.answer(seen, this.catalog.query(meanOf(this.catalog, vectors).mean), numbers);
    const done = performance.now();
    return {
      ...this.#withTexts(answer),
      vector,
      vectors,
      numbers,
      ms: {
        pixels: decoded - start,
        embed: embedded - decoded,
        search: done - embedded,
        all: done - start,
      },
    };
  }

  /**
   * Look for products in a photo, and answer for each.
   * @param {Blob|ImageBitmap} photo
   * @returns {Promise<Object[]>} answers as of `scan` without `ms`; of two or more, each with the `box` that it is
   *   about; of one product, none, or one with a barcode a single answer to the photo, without a box
   */
  async find(photo) {
    const numbers = await this.barcodes.read(photo);
    const picture = await read(photo);
    const { size } = this.app.model;
    const close = reduced(picture, DETAIL * size);
    const byCode = numbers.some((number) => this.barcodes.owner(number) !== null);
    const regions = byCode ? [] : await findClosely(this.cells, this.app.finder.size, close);
    if (regions.length > 1) {
      const answers = [];
      for (const region of regions) {
        const vector = await this.embed(inputOf(crop(close, region.box), size));
        const answer = notSurer(fuse(this.catalog, [vector], MATCHES), region);
        answers.push({ ...this.#withTexts(answer), box: region.box, vector, vectors: [vector], numbers: [] });
      }
      return answers;
    }
    const vector = await this.embed(inputOf(picture, size));
    const asked = [vector];
    for (const { box } of regions.filter(pays)) asked.unshift(await this.embed(inputOf(crop(close, box), size)));
    const answered = (vectors) => fuse(this.catalog, vectors, MATCHES);
    const seen = surest(answered([vector]), asked.length > 1 ? [answered(asked), answered([asked[0]])] : []);
    const answer = this.barcodes.answer(seen, this.catalog.query(meanOf(this.catalog, asked).mean), numbers);
    return [{ ...this.#withTexts(answer), vector, vectors: [vector], numbers }];
  }

  /** The embedding of a photo, for measurements. @returns {Promise<Float32Array>} [dim], length 1 */
  async vector(photo) {
    return this.embed(await toInput(photo, this.app.model.size));
  }

  /** Products that are similar enough. @param {number} index of a product @returns {Product[]} */
  similar(index) {
    return this.catalog
      .similar(index, SIMILAR)
      .filter(({ score }) => score >= SIMILAR_LIMIT)
      .map((match) => this.#described(match));
  }

  /** An answer with the texts of its products. */
  #withTexts(answer) {
    return {
      ...answer,
      matches: answer.matches.map((match) => this.#described(match)),
      candidates: answer.candidates.map((match) => this.#described(match)),
      vision: answer.vision ? this.#described(answer.vision) : null,
    };
  }

  #described({ index, score }) {
    const images = this.catalog.firstRow[index + 1] - this.catalog.firstRow[index];
    return { index, score, images, ...this.catalog.product(index) };
  }
}
