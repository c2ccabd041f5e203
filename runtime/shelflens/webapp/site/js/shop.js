/** The catalog of the web app with what was changed on this device: the one it came with stays as it is. */

import { wrongCode } from "./barcodes.js";
import { Catalog } from "./catalog.js";
import { CatalogFile } from "./catalog_file.js";
import { appendEdit, newestKey, removeEdit, storedEdits } from "./edit_store.js";
import { WebAppError, labelOf, say } from "./languages/strings.js";

const LIMITS = { name: 120, column: 40, text: 500 };
const RESERVED = new Set(["picture", "product", "path", "id"]);
const UNPRINTABLE = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]/u;

export class Shop {
  /** @param {ArrayBuffer} buffer the catalog that the web app came with */
  static async open(buffer) {
    const shop = new Shop();
    shop.base = buffer;
    await shop.#load();
    return shop;
  }

  async #load() {
    this.key = await newestKey();
    this.edits = await storedEdits();
    this.buffer = this.base;
    this.left = 0; // changes that do not fit this catalog any more, such as of a product that is gone
    if (this.edits.length) {
      const file = new CatalogFile(this.base);
      for (const edit of this.edits) if (!applied(file, edit)) this.left += 1;
      this.buffer = file.write();
    }
    this.catalog = new Catalog(this.buffer);
  }

  /** One change at a time, also by two tabs; what another tab has changed is loaded first. */
  #alone(work) {
    const turn = async () => {
      if ((await newestKey()) !== this.key) await this.#load();
      return work();
    };
    return globalThis.navigator?.locks ? navigator.locks.request("shelflens-edits", turn) : turn();
  }

  /**
   * Change the catalog, and store the change.
   * @param {import("./edit_store.js").Edit} edit without `space`; a new product without `id`; `was`: of the
   *   texts that are set, what the person has seen
   * @returns {Promise<{id: string, changed: boolean}>}
   * @throws {WebAppError} it cannot be made or stored; nothing was changed
   */
  edit(given) {
    return this.#alone(async () => {
      const { was = [], ...edit } = { ...given, space: this.catalog.space };
      if (edit.texts) edit.texts = checkedTexts(edit.texts);
      const file = new CatalogFile(this.buffer);
      for (const [column, before] of was) {
        const now = file.text(edit.id, column);
        if (now !== before) throw new WebAppError(say.edit.changedSince({ what: labelOf(column), now }));
      }
      if (edit.act === "add" && !edit.id) edit.id = this.#newId(new Map(edit.texts).get("name"));
      const changed = changeFile(file, edit);
      if (!changed) return { id: edit.id, changed };
      const buffer = file.write();
      const catalog = new Catalog(buffer);
      this.key = await appendEdit(edit);
      this.edits = [...this.edits, edit];
      Object.assign(this, { buffer, catalog });
      return { id: edit.id, changed };
    });
  }

  /** Take the last change back. @returns {Promise<boolean>} whether there was one */
  undo() {
    return this.#alone(async () => {
      if (!this.key) return false;
      await removeEdit(this.key);
      await this.#load();
      return true;
    });
  }

  /** Pictures of products that were added here: the newest of each. @returns {[string, Blob][]} */
  pictures() {
    return this.edits.filter((edit) => edit.picture).map(({ id, picture }) => [id, picture]);
  }

  /** @throws {WebAppError} no name, or one that a product has */
  #newId(name) {
    if (!name) throw new WebAppError(say.edit.needName);
    const ids = new Set();
    for (let index = 0; index < this.catalog.length; index++) {
      const product = this.catalog.product(index);
      ids.add(product.id);
      if (product.name === name || product.id === name) throw new WebAppError(say.edit.taken({ name }));
    }
    return idOf(name, ids);
  }
}

/** Make a change of an earlier day; false where it does not fit any more. */
function applied(file, edit) {
  if (edit.space !== file.space) return false; // its vectors are another model's
  try {
    changeFile(file, edit);
    return true;
  } catch (error) {
    if (error instanceof WebAppError) return false;
    throw error;
  }
}

/** @returns {boolean} whether anything is another than before */
function changeFile(file, { act, id, vectors, texts = [] }) {
  if (act === "confirm") return file.confirm(id, vectors[0]);
  // Without texts they are photos of a product that is there, or was.
  if (act === "add" && !texts.length && !file.find(id)) throw new WebAppError(say.noProduct({ id }));
  if (act === "add") file.add(id, vectors, texts);
  else if (act === "describe") file.describe(id, texts);
  else file.remove(id);
  return true;
}

/** @param {[string, string][]} texts @throws {WebAppError} what cannot be an attribute */
function checkedTexts(texts) {
  return texts.map(([column, text]) => {
    const [key, value] = [column, text].map((part) => part.normalize("NFC").trim());
    if (RESERVED.has(key.toLowerCase())) throw new WebAppError(say.edit.reserved({ what: key }));
    const limit = key === "name" ? LIMITS.name : LIMITS.text;
    const over = Math.max([...value].length - limit, [...key].length - LIMITS.column);
    if (over > 0) throw new WebAppError(say.edit.tooLong({ what: labelOf(key), count: over }));
    const wrong = wrongCode(key, value);
    if (wrong !== null) throw new WebAppError(say.edit.wrongBarcode({ text: wrong }));
    if (!key || UNPRINTABLE.test(key + value)) throw new WebAppError(say.edit.unprintable({ what: labelOf(key) }));
    return [key, value];
  });
}

/** A product id made of a name, as `serve` makes it. @param {string} name @param {Set<string>} taken */
export function idOf(name, taken) {
  const dashed = name.toLowerCase().replace(/[\s\x1c-\x1f\x85/\\?#%.\u180e\u200b\u2060\ufeff-]+/gu, "-");
  const base = [...dashed.replace(/^-+|-+$/g, "")].slice(0, 190).join("") || "product";
  if (!taken.has(base)) return base;
  let number = 2;
  while (taken.has(`${base}-${number}`)) number++;
  return `${base}-${number}`;
}
