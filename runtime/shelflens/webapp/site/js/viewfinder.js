/** The camera's part of the page: waiting for permission, why there is no camera, light, zoom, turning. */

import { byId, el, symbol } from "./dom.js";
import { say } from "./languages/strings.js";

const PATIENCE_MS = 400; // a camera that is allowed already starts sooner

export class Viewfinder {
  #opening = null;
  #light = false;

  /**
   * @param {import("./camera.js").Camera} camera
   * @param {{choose: () => void, changed: () => void}} app what "choose a photo" does; called when the
   *   camera went on or off
   */
  constructor(camera, app) {
    Object.assign(this, { camera, app });
    byId("light").append(symbol("light"), el("span", {}, say.light));
    byId("light").onclick = () => this.#setLight(!this.#light);
    byId("flip").append(symbol("flip"));
    byId("flip").setAttribute("aria-label", say.flip);
    byId("flip").onclick = () => this.#open(() => camera.turn());
    byId("zoom").setAttribute("aria-label", say.zoom);
    byId("zoom").oninput = () => camera.set({ zoom: Number(byId("zoom").value) });
  }

  /** Ask for the camera; meanwhile, and if there is none, the page says so. */
  open() {
    return this.#open(() => this.camera.start());
  }

  #open(start) {
    this.#opening ??= this.#opened(start).finally(() => (this.#opening = null));
    return this.#opening;
  }

  async #opened(start) {
    const timer = setTimeout(() => this.#ask(), PATIENCE_MS);
    const problem = await start();
    clearTimeout(timer);
    if (document.body.dataset.state === "broken") return this.camera.stop(); // the message stays
    document.body.classList.remove("asking");
    document.body.classList.toggle("blind", problem !== null);
    document.body.classList.toggle("facing", this.camera.facesUser);
    byId("notice").hidden = problem === null;
    if (problem === null) await this.#offerTools();
    else this.#explain(problem);
    this.app.changed();
  }

  /** The browser waits for the person's permission. */
  #ask() {
    if (document.body.dataset.state === "broken") return;
    document.body.classList.add("asking", "blind");
    byId("notice").hidden = false;
    byId("notice").replaceChildren(
      symbol("photo"),
      el("p", { role: "status" }, el("strong", {}, say.cameraAsking)),
      el("p.note", {}, say.cameraAskingWhy),
      el("button.quiet", { type: "button", onclick: this.app.choose }, say.photoLong),
    );
    this.app.changed();
  }

  #explain(problem) {
    for (const id of ["light", "flip", "zoom"]) byId(id).hidden = true;
    byId("notice").replaceChildren(
      symbol("photo"),
      el("p", {}, problem),
      el("button.main", { type: "button", onclick: this.app.choose }, say.photoLong),
      el("button.quiet", { type: "button", onclick: () => this.open() }, say.cameraStart),
    );
  }

  /** Show what this camera can do. */
  async #offerTools() {
    const { torch, zoom } = this.camera.abilities;
    byId("light").hidden = !torch;
    await this.#setLight(false);
    byId("zoom").hidden = zoom === null;
    if (zoom) {
      const { min, max, step, now } = zoom;
      Object.assign(byId("zoom"), { min, max, step });
      byId("zoom").value = now;
    }
    byId("flip").hidden = !(await this.camera.hasSecond());
  }

  async #setLight(on) {
    this.#light = on;
    byId("light").setAttribute("aria-pressed", String(on));
    if (this.camera.abilities.torch) await this.camera.set({ torch: on });
  }
}
