/**
 * What a person has changed, in IndexedDB: one record per change, and the product that is being added.
 * Each is stored whole or not at all, so a tab that dies loses nothing that was saved.
 */

import { address } from "./files.js";
import { WebAppError, say } from "./languages/strings.js";

// Several web apps may lie on one host, each in a folder of its own.
const NAME = `shelflens ${new URL(address("")).pathname}`;

/**
 * @typedef {{act: "add"|"confirm"|"describe"|"remove", id: string, space: string,
 *   vectors?: Float32Array[], texts?: [string, string][], picture?: Blob}} Edit
 * @typedef {{target: {id: string, name: string}|null, texts: Object<string, string>, shots: {blob: Blob, vector: Float32Array}[]}} Draft
 */

let opening = null;

function opened() {
  opening ??= new Promise((resolve, reject) => {
    const request = indexedDB.open(NAME, 1);
    request.onupgradeneeded = () => {
      request.result.createObjectStore("edits", { autoIncrement: true });
      request.result.createObjectStore("drafts");
    };
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
  return opening;
}

async function act(name, mode, make) {
  const database = await opened();
  return new Promise((resolve, reject) => {
    const transaction = database.transaction(name, mode, { durability: "strict" });
    const request = make(transaction.objectStore(name));
    transaction.oncomplete = () => resolve(request.result);
    transaction.onabort = () => reject(transaction.error);
  });
}

/** @throws {WebAppError} it cannot be stored; nothing was changed */
const stored = (name, make) =>
  act(name, "readwrite", make).catch((error) => {
    const full = error?.name === "QuotaExceededError";
    throw new WebAppError(full ? say.edit.full : say.edit.noStorage);
  });

/** All changes, the oldest first; none where the browser stores nothing. @returns {Promise<Edit[]>} */
export const storedEdits = () => act("edits", "readonly", (store) => store.getAll()).catch(() => []);

/** The key of the newest change, 0 for none. @returns {Promise<number>} */
export const newestKey = () =>
  act("edits", "readonly", (store) => store.getAllKeys()).then((keys) => keys.at(-1) ?? 0, () => 0);

/** @param {Edit} edit @returns {Promise<number>} its key */
export const appendEdit = (edit) => stored("edits", (store) => store.add(edit));

/** @param {number} key */
export const removeEdit = (key) => stored("edits", (store) => store.delete(key));

/** @returns {Promise<Draft|null>} */
export const storedDraft = () =>
  act("drafts", "readonly", (store) => store.get("new")).then((draft) => draft ?? null, () => null);

/** @param {Draft} draft @returns {Promise<boolean>} whether it is stored */
export const storeDraft = (draft) =>
  act("drafts", "readwrite", (store) => store.put(draft, "new")).then(() => true, () => false);

export const forgetDraft = () =>
  act("drafts", "readwrite", (store) => store.delete("new")).then(() => true, () => false);
