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

// A private window of Safari stores bytes, and refuses blobs.
const packed = async (blob) => blob && { type: blob.type, bytes: await blob.arrayBuffer() };
const unpacked = (photo) => (photo?.bytes ? new Blob([photo.bytes], { type: photo.type }) : photo);

/** All changes, the oldest first; none where the browser stores nothing. @returns {Promise<Edit[]>} */
export const storedEdits = () =>
  act("edits", "readonly", (store) => store.getAll()).then(
    (edits) => edits.map((edit) => ({ ...edit, picture: unpacked(edit.picture) })),
    () => [],
  );

/** The key of the newest change, 0 for none. @returns {Promise<number>} */
export const newestKey = () =>
  act("edits", "readonly", (store) => store.getAllKeys()).then((keys) => keys.at(-1) ?? 0, () => 0);

/** @param {Edit} edit @returns {Promise<number>} its key */
export async function appendEdit(edit) {
  const record = { ...edit, picture: await packed(edit.picture) };
  return stored("edits", (store) => store.add(record));
}

/** @param {number} key */
export const removeEdit = (key) => stored("edits", (store) => store.delete(key));

/** @returns {Promise<Draft|null>} */
export async function storedDraft() {
  const draft = await act("drafts", "readonly", (store) => store.get("new")).catch(() => null);
  if (!draft) return null;
  return { ...draft, shots: draft.shots.map((shot) => ({ ...shot, blob: unpacked(shot.blob) })) };
}

let drafts = Promise.resolve(); // in the order of the calls

const inTurn = (write) => (drafts = drafts.then(write).then(() => true, () => false));

/** @param {Draft} draft @returns {Promise<boolean>} whether it is stored */
export const storeDraft = (draft) =>
  inTurn(async () => {
    const pack = async (shot) => ({ ...shot, blob: await packed(shot.blob) });
    const record = { ...draft, shots: await Promise.all(draft.shots.map(pack)) };
    return act("drafts", "readwrite", (store) => store.put(record, "new"));
  });

/** @returns {Promise<boolean>} whether it is gone */
export const forgetDraft = () => inTurn(() => act("drafts", "readwrite", (store) => store.delete("new")));
