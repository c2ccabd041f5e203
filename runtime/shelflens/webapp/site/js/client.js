/** The worker as an object: every call is a promise. */

import { address } from "./files.js";
import { WebAppError, say } from "./languages/strings.js";

export class Client {
  #worker = new Worker(address("js/worker.js"));
  #waiting = new Map();
  #count = 0;

  /** @param {(share: number) => void} onShare how much was loaded, 0 to 1 */
  constructor(onShare) {
    this.#worker.onmessage = ({ data }) => {
      if ("share" in data) onShare(data.share);
      else this.#settle(data);
    };
    this.#worker.onerror = (event) => {
      event.preventDefault();
      for (const { reject } of this.#waiting.values()) reject(new WebAppError(say.workerDied));
      this.#waiting.clear();
    };
  }

  #settle({ id, result, error }) {
    const { resolve, reject } = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (!error) resolve(result);
    else reject(new WebAppError(error.known ? error.message : say.engineFailed({ what: error.message })));
  }

  #call(call, args, transfer = []) {
    return new Promise((resolve, reject) => {
      this.#waiting.set(++this.#count, { resolve, reject });
      this.#worker.postMessage({ id: this.#count, call, args }, transfer);
    });
  }

  /**
   * Resolves when everything is loaded.
   * @returns {Promise<{products: number, edits: number, left: number, pictures: [string, Blob][], finds: boolean}>}
   */
  summary() {
    return this.#call("summary", []);
  }

  /**
   * @param {Blob|ImageBitmap} photo a bitmap is transferred
   * @param {{vectors: Float32Array[], numbers: string[]}} [earlier] photos of the same thing
   */
  scan(photo, earlier) {
    const before = earlier && { vectors: earlier.vectors, numbers: earlier.numbers };
    return this.#call("scan", [photo, before], photo instanceof ImageBitmap ? [photo] : []);
  }

  /** @param {Blob|ImageBitmap} photo a bitmap is transferred @returns {Promise<Object[]>} see `Recognizer.find` */
  find(photo) {
    return this.#call("find", [photo], photo instanceof ImageBitmap ? [photo] : []);
  }

  /** @returns {Promise<Float32Array>} */
  vector(photo) {
    return this.#call("vector", [photo]);
  }

  /** @returns {Promise<import("./recognizer.js").Product[]>} */
  similar(index) {
    return this.#call("similar", [index]);
  }

  /** @param {Object} edit see `Shop.edit` @returns {Promise<{id: string, changed: boolean}>} */
  edit(edit) {
    return this.#call("edit", [edit]);
  }

  /** @returns {Promise<boolean>} whether there was a change to take back */
  undo() {
    return this.#call("undo", []);
  }

  /** @returns {Promise<ArrayBuffer>} the catalog as a file */
  exported() {
    return this.#call("exported", []);
  }

  /** @returns {Promise<ArrayBuffer>} what was changed here, as a delta of the catalog it came with */
  exportedDelta() {
    return this.#call("exportedDelta", []);
  }

  /** @returns {Promise<{found: number, products: Object[]}>} */
  listed(words, from, count) {
    return this.#call("listed", [words, from, count]);
  }

  /** @param {Blob|ImageBitmap} photo a bitmap is transferred */
  inspect(photo) {
    return this.#call("inspect", [photo], photo instanceof ImageBitmap ? [photo] : []);
  }
}
