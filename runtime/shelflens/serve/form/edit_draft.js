/** The product that is being added, kept in the browser until it is saved or discarded. */

/**
 * @typedef {{target: {id: string, name: string}|null, texts: Object<string, string>,
 *   photos: Blob[]}} Draft `target` is the product that gets the photos; null for a new one
 */

const opened = new Promise((resolve, reject) => {
  const request = indexedDB.open("shelflens-edit", 1);
  request.onupgradeneeded = () => request.result.createObjectStore("drafts");
  request.onsuccess = () => resolve(request.result);
  request.onerror = () => reject(request.error);
});
opened.catch(() => {}); // a private window may have no storage: then it is kept on the page only

async function act(mode, make) {
  const database = await opened;
  return new Promise((resolve, reject) => {
    const transaction = database.transaction("drafts", mode);
    const request = make(transaction.objectStore("drafts"));
    transaction.oncomplete = () => resolve(request.result);
    transaction.onabort = () => reject(transaction.error);
  });
}

/** @returns {Promise<Draft|null>} */
export const storedDraft = () =>
  act("readonly", (store) => store.get("new")).then((draft) => draft ?? null, () => null);

/** @param {Draft} draft @returns {Promise<boolean>} whether it is stored */
export const storeDraft = (draft) =>
  act("readwrite", (store) => store.put(draft, "new")).then(() => true, () => false);

export const forgetDraft = () =>
  act("readwrite", (store) => store.delete("new")).then(() => true, () => false);
