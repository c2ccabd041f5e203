/** The worker as an object: every call is a promise. */

import { address } from "./files.js";
import { PageError, say } from "./strings.js";

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
      for (const { no } of this.#waiting.values()) no(new PageError(say.workerDied));
      this.#waiting.clear();
    };
  }

  #settle({ id, result, error }) {
    const { yes, no } = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (!error) yes(result);
    else no(new PageError(error.known ? error.message : say.engineFailed(error.message)));
  }

  #call(call, args, transfer = []) {
    return new Promise((yes, no) => {
      this.#waiting.set(++this.#count, { yes, no });
      this.#worker.postMessage({ id: this.#count, call, args }, transfer);
    });
  }

  /** Resolves when everything is loaded. @returns {Promise<{products: number}>} */
  facts() {
    return this.#call("facts", []);
  }

  /** @param {Blob|ImageBitmap} photo a bitmap is handed over, and gone here */
  scan(photo) {
    return this.#call("scan", [photo], photo instanceof ImageBitmap ? [photo] : []);
  }

  /** @returns {Promise<Float32Array>} */
  vector(photo) {
    return this.#call("vector", [photo]);
  }

  /** @returns {Promise<import("./recognizer.js").Product[]>} */
  similar(number) {
    return this.#call("similar", [number]);
  }
}
