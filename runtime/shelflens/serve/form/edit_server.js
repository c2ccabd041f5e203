/** Requests to the server; what it refuses is an Error with a sentence for a person. */

import { refusal, say } from "./languages/strings.js";

const path = (id) => id.split("/").map(encodeURIComponent).join("/");

async function ask(address, options = {}) {
  let response;
  try {
    response = await fetch(address, options);
  } catch {
    throw new Error(say.serve.noServerKept);
  }
  const answer = await response.json().catch(() => null);
  if (response.ok && answer) return answer;
  if (response.status === 401) throw new Error(say.serve.enterAgain);
  throw new Error(refusal(response.status, answer));
}

const send = (method, value) => ({
  method,
  headers: { "content-type": "application/json" },
  body: JSON.stringify(value),
});

function form(photos, texts = {}) {
  const data = new FormData();
  for (const [key, text] of Object.entries(texts)) data.append(key, text);
  photos.forEach((photo, index) => data.append("photo", photo, say.serve.photoName({ number: index + 1 })));
  return { method: "POST", body: data };
}

export const server = {
  /** @param {Blob} photo */
  lookup: (photo) => ask("/lookup?k=5", form([photo])),
  /** @param {Blob[]} photos */
  check: (photos) => ask("/edit/check", form(photos)),
  /** @param {Blob} photo */
  barcodes: (photo) => ask("/edit/barcodes", form([photo])),
  add: (photos, texts) => ask("/edit/products", form(photos, texts)),
  addPhotos: (id, photos) => ask(`/edit/products/${path(id)}`, form(photos)),
  confirm: (id, photo) => ask(`/edit/confirm/${path(id)}`, form([photo])),
  describe: (id, set, was) => ask(`/edit/products/${path(id)}`, send("PATCH", { set, was })),
  remove: (id) => ask(`/edit/products/${path(id)}`, { method: "DELETE" }),
  undo: (fingerprint) => ask("/edit/undo", send("POST", { fingerprint })),
  list: (search, from, few) =>
    ask(`/edit/products?${new URLSearchParams({ search, from, few })}`),
};
