/** Adding a product by camera, or photos to one: guided, kept on the device until it is saved. */

import { el } from "./dom.js";
import { forgetDraft, storeDraft, storedDraft } from "./edit_store.js";
import { sameSide } from "./photo_check.js";
import { labelOf, say } from "./languages/strings.js";

const MIN_PHOTOS = 2;
const MAX_PHOTOS = 4;
const PICTURE_SIDE = 320;
const PAUSE_MS = 500; // between two looks at what the camera shows
const FIELDS = ["name", "price", "category", "barcode"];
const text = say.edit;

export class Editing {
  #shots = []; // {blob, vector, url, verdict}
  #inputs = {};
  #on = false;
  #target = null; // the product that gets the photos; null for a new one

  /**
   * @param {Object} app `client`, `camera`, and what the panel calls: `show(children)`, `hint(text)`,
   *   `done(text, id)` when a product is saved, `leave()` when it is discarded
   */
  constructor(app) {
    this.app = app;
    this.heading = el("h2", { id: "heading", tabindex: "-1" });
    this.note = el("p.note");
    this.list = el("ul.shots");
    this.problem = el("p.error", { role: "alert", hidden: true });
    this.#inputs = Object.fromEntries(FIELDS.map((key) => [key, field(key, () => this.#keep())]));
    this.form = el(
      "form.editing",
      { novalidate: true, onsubmit: (event) => this.#save(event) },
      this.heading,
      this.note,
      this.list,
      ...FIELDS.map((key) => this.#inputs[key].parentElement),
      this.problem,
      el(
        "div.acts",
        {},
        el("button.main", {}, text.save),
        el("button.quiet", { type: "button", onclick: () => this.#discard() }, text.discard),
      ),
    );
    this.#watch();
  }

  /** Whether the next photo belongs to the product that is being added. */
  get on() {
    return this.#on;
  }

  /**
   * Show the form; what is not saved comes first.
   * @param {{blob: Blob, vector: Float32Array}|null} [first] the photo asked about
   * @param {{id: string, name: string}|null} [product] that gets the photos; null for a new one
   */
  async begin(first = null, product = null) {
    const unsaved = this.#shots.length > 0 || Object.values(this.#texts()).some(Boolean);
    const unfinished = unsaved && product?.id !== this.#target?.id;
    if (!unfinished) this.#target = product;
    this.#on = true;
    this.app.show([this.form]);
    if (first && !unfinished && this.#shots.length < MAX_PHOTOS) this.#take(first);
    this.#draw();
    if (unfinished) this.#say(text.unfinished);
    else await this.#keep();
  }

  /** Go on with what a page that was closed had not saved. @returns {Promise<boolean>} */
  async resume() {
    const draft = await storedDraft();
    if (!draft || !(draft.shots.length || Object.values(draft.texts).some(Boolean))) return false;
    for (const key of FIELDS) this.#inputs[key].value = draft.texts[key] ?? "";
    draft.shots.forEach((shot) => this.#take(shot));
    this.#target = draft.target ?? null;
    await this.begin(null, this.#target);
    return true;
  }

  /** Take a photo in. @param {Blob} blob */
  async shot(blob) {
    if (this.#shots.length >= MAX_PHOTOS) return;
    this.#say("");
    try {
      const seen = await this.app.client.inspect(blob);
      this.#take({ blob, vector: seen.vector }, seen);
      this.#takeCode(seen.codes);
    } catch (error) {
      this.#say(error.message);
    }
    this.#draw();
    await this.#keep();
  }

  #take({ blob, vector }, seen = null) {
    const verdict = seen && this.#verdict(seen);
    this.#shots.push({ blob, vector, url: URL.createObjectURL(blob), verdict });
  }

  /** Fill in the barcode that a photo, or the camera, shows. */
  #takeCode([code]) {
    if (!code || this.#target) return;
    if (code.known) this.#say(text.barcodeKnown({ number: code.number, name: code.known.name }));
    if (this.#inputs.barcode.value.trim()) return;
    this.#inputs.barcode.value = code.number;
    this.app.hint(text.barcodeRead({ number: code.number }));
    this.#keep();
  }

  #verdict({ sharp, vector, known }) {
    if (!sharp) return { kind: "warn", text: text.blurred };
    const same = sameSide(vector, this.#shots.map((shot) => shot.vector));
    if (same >= 0) return { kind: "warn", text: text.sameSide({ number: same + 1 }) };
    if (known && known.id !== this.#target?.id) return { kind: "warn", text: text.alike({ name: known.name }) };
    return { kind: "good", text: text.goodShot };
  }

  #draw() {
    const more = this.#target && text.morePhotos({ name: this.#target.name });
    this.heading.textContent = more ?? text.newProduct;
    this.note.textContent = more ? "" : text.photoHint;
    for (const input of Object.values(this.#inputs)) input.parentElement.hidden = Boolean(more);
    const items = this.#shots.map((shot, index) => {
      const remove = el("button.quiet", {
        type: "button",
        "aria-label": text.removeShot({ number: index + 1 }),
        onclick: () => this.#remove(shot),
      }, "×");
      const { kind = "note", text: said = "" } = shot.verdict ?? {};
      return el("li", {}, el("img", { src: shot.url, alt: text.shot({ number: index + 1 }) }), el(`p.${kind}`, {}, said), remove);
    });
    this.list.replaceChildren(...items);
  }

  #remove(shot) {
    URL.revokeObjectURL(shot.url);
    this.#shots = this.#shots.filter((kept) => kept !== shot);
    this.#draw();
    this.#keep();
  }

  #texts() {
    return Object.fromEntries(FIELDS.map((key) => [key, this.#inputs[key].value.trim()]));
  }

  async #keep() {
    const shots = this.#shots.map(({ blob, vector }) => ({ blob, vector }));
    if (!(await storeDraft({ target: this.#target, texts: this.#texts(), shots }))) this.#say(text.notKept);
  }

  async #save(event) {
    event.preventDefault();
    const target = this.#target;
    const missing = (target ? 1 : MIN_PHOTOS) - this.#shots.length;
    const texts = target ? [] : Object.entries(this.#texts()).filter(([, value]) => value);
    const { name } = target ?? this.#texts();
    if (missing > 0) return this.#say(text.needPhotos({ count: missing }));
    if (!name) return this.#say(text.needName);
    this.#say("");
    try {
      const picture = target ? null : await smallCopy(this.#shots[0].blob);
      const vectors = this.#shots.map((shot) => shot.vector);
      await this.app.client.edit({ act: "add", id: target?.id ?? "", vectors, texts, picture });
    } catch (error) {
      return this.#say(error.message); // all of it stays here
    }
    await this.#clear();
    this.app.done(target ? text.photosAdded({ name }) : text.added({ name }));
  }

  async #discard() {
    await this.#clear();
    this.app.leave();
  }

  async #clear() {
    this.#on = false;
    this.#shots.forEach((shot) => URL.revokeObjectURL(shot.url));
    this.#shots = [];
    this.#target = null;
    for (const key of FIELDS) this.#inputs[key].value = "";
    this.#say("");
    await forgetDraft();
  }

  #say(problem) {
    this.problem.hidden = !problem;
    this.problem.textContent = problem;
  }

  /** Look at what the camera shows, again and again, and say whether to take it. */
  async #watch() {
    for (;;) {
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
      if (!this.#on || !this.app.camera.on) continue;
      let said = text.enough;
      if (this.#shots.length < MAX_PHOTOS) {
        try {
          const seen = await this.app.client.inspect(await this.app.camera.frame());
          if (this.#on) this.#takeCode(seen.codes);
          const verdict = this.#verdict(seen);
          said = verdict.kind === "good" ? text.good : verdict.text;
        } catch {
          said = ""; // the camera is starting
        }
      }
      if (this.#on) this.app.hint(said);
    }
  }
}

/** An input with its label, in a row of its own. */
function field(key, oninput) {
  const input = el("input", { id: `text-${key}`, type: "text", autocomplete: "off", oninput });
  el("div.field", {}, el("label", { for: `text-${key}` }, labelOf(key)), input);
  return input;
}

async function smallCopy(blob) {
  const bitmap = await createImageBitmap(blob);
  const scale = Math.min(1, PICTURE_SIDE / Math.max(bitmap.width, bitmap.height));
  return toJpeg(bitmap, Math.round(bitmap.width * scale), Math.round(bitmap.height * scale), 0.85);
}

/** @param {CanvasImageSource} source @returns {Promise<Blob>} */
export function toJpeg(source, width, height, quality) {
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, width);
  canvas.height = Math.max(1, height);
  canvas.getContext("2d").drawImage(source, 0, 0, canvas.width, canvas.height);
  return new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", quality));
}
