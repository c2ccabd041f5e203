/** Scanning without a press for each product: as long as the shutter is held, or until it is stopped. */

import { byId, el, symbol } from "./dom.js";
import { likely, say } from "./languages/strings.js";

const HOLD_MS = 400; // a press that lasts longer holds
const PAUSE_MS = 350; // between two frames of continuous scanning
const AGREEING = 2; // answers in a row that must name the same product
export const MAX_PHOTOS = 5; // of one thing; further ones change next to nothing

/**
 * Scan as long as a button is held, all frames as photos of one thing.
 * @param {HTMLElement} button
 * @param {Object} app `ready()` whether it may begin, `begin()`, `scan(earlier)` of one frame,
 *   `done(answer)` with the last answer, or null
 */
export function onHold(button, app) {
  let timer = 0;
  let held = false;
  async function run() {
    if (!app.ready()) return;
    held = true;
    app.begin();
    let answer = null;
    let count = 0;
    while (held && count < MAX_PHOTOS) {
      const next = await app.scan(answer ?? undefined).catch(() => null);
      if (!next) break;
      answer = next;
      count += 1;
    }
    app.done(answer);
  }
  button.addEventListener("pointerdown", () => (timer = setTimeout(run, HOLD_MS)));
  for (const name of ["pointerup", "pointercancel"]) {
    addEventListener(name, () => {
      clearTimeout(timer);
      setTimeout(() => (held = false), 50); // after the click that ends it
    });
  }
  button.addEventListener("contextmenu", (event) => event.preventDefault());
  return { get held() { return held; } };
}

/** Scans again and again while its button is pressed in, and shows the product that stays in view. */
export class Continuous {
  #on = false;

  /**
   * @param {Object} app `scan()` of one frame, `open(answer)` when the shown product is tapped,
   *   `image(product)` an element, `hint(text)`, `speak(text)`
   */
  constructor(app) {
    this.app = app;
    byId("steady").append(symbol("steady"));
    byId("steady").onclick = () => (this.#on ? this.stop(say.cameraHint) : this.#start());
    this.#show(false);
  }

  /** @param {string} [hint] what to say then */
  stop(hint = null) {
    if (this.#on && hint !== null) this.app.hint(hint);
    this.#show(false);
  }

  #show(on) {
    this.#on = on;
    byId("live").hidden = true;
    byId("steady").setAttribute("aria-pressed", String(on));
    byId("steady").setAttribute("aria-label", on ? say.continuousStop : say.continuous);
  }

  async #start() {
    this.#show(true);
    this.app.hint(say.continuousHint);
    let [before, count, shown] = [null, 0, null];
    while (this.#on) {
      const answer = await this.app.scan().catch(() => null);
      if (!this.#on) return;
      const id = answer?.decision === "match" ? answer.matches[0].id : null;
      [before, count] = [id, id === before ? count + 1 : 1];
      if (count >= AGREEING && id !== shown) {
        shown = id;
        this.#found(id === null ? null : answer);
      }
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  }

  #found(answer) {
    byId("live").hidden = answer === null;
    if (!answer) return;
    const [product] = answer.matches;
    const { word } = likely(answer.confidence);
    const name = el("span.name", {}, el("bdi", {}, product.name));
    const texts = el("span.texts", {}, name, el("span.note", {}, word));
    byId("live").replaceChildren(this.app.image(product), texts);
    byId("live").onclick = () => this.app.open(answer);
    this.app.speak(say.spoken.match({ name: product.name, word }));
  }
}
