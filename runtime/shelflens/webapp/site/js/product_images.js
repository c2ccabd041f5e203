/** Images of products, from one file: header length, JSON {id: [start, end]}, WebP files. */

import { address } from "./files.js";

export class ProductImages {
  #blob = null;
  #ranges = {};
  #urls = new Map();
  #own = new Set(); // ids of products that were photographed on this device

  /** Load them; without them the web app shows first letters. */
  async load() {
    const response = await fetch(address("data/pictures.pack")).catch(() => null);
    if (!response?.ok) return;
    const blob = await response.blob();
    const view = new DataView(await blob.slice(0, 8).arrayBuffer());
    const length = Number(view.getBigUint64(0, true));
    try {
      this.#ranges = JSON.parse(await blob.slice(8, 8 + length).text());
      this.#blob = blob.slice(8 + length);
    } catch {
      this.#ranges = {};
    }
  }

  /** The pictures of products that were added on this device. @param {[string, Blob][]} pictures */
  setOwn(pictures) {
    for (const id of this.#own) URL.revokeObjectURL(this.#urls.get(id));
    for (const id of this.#own) this.#urls.delete(id);
    this.#own = new Set(pictures.map(([id]) => id));
    for (const [id, blob] of pictures) this.#urls.set(id, URL.createObjectURL(blob));
  }

  /** @param {string} id @returns {string|null} an address for an <img>, or null */
  url(id) {
    if (this.#own.has(id)) return this.#urls.get(id);
    if (!Object.hasOwn(this.#ranges, id)) return null;
    if (!this.#urls.has(id)) {
      const part = this.#blob.slice(...this.#ranges[id], "image/webp");
      this.#urls.set(id, URL.createObjectURL(part));
    }
    return this.#urls.get(id);
  }
}
