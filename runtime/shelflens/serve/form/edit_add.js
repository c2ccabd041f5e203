/** Adding a product, or photos to one: guided by what the server sees, kept until it is saved. */

import { barcodesOf, isGtin } from "./edit_barcodes.js";
import { cameraOn, peek, small } from "./edit_camera.js";
import { byId, button, el, line } from "./edit_dom.js";
import { forgetDraft, storeDraft, storedDraft } from "./edit_draft.js";
import { openTab, openedTab, report } from "./edit_page.js";
import { server } from "./edit_server.js";
import { labelOf, say } from "./languages/strings.js";

const MIN_PHOTOS = 2;
const MAX_PHOTOS = 4;
const LIMITS = { name: 120, price: 500, category: 500, barcode: 500, key: 40, value: 500 };
const FIELDS = ["name", "price", "category", "barcode"];
const PAUSE_MS = 900; // between two looks of the server at what the camera shows

let target = null; // the product that gets the photos; null for a new one
let shots = []; // {photo, small, url, verdict}
let saving = false;

/** Whether photos are for a product that is being added. */
export const isAdding = () => openedTab() === "add";

const minPhotos = () => (target ? 1 : MIN_PHOTOS);

/**
 * Begin a product; what is not saved comes first.
 * @param {{id: string, name: string}|null} [product] null: a new one; without it, go on
 * @returns {Promise<boolean>} whether it could begin
 */
export async function openAdd(product) {
  const another = product !== undefined && product?.id !== target?.id;
  const unfinished = another && (shots.length > 0 || Object.values(typed()).some(Boolean));
  if (another && !unfinished) {
    clear();
    target = product;
  }
  openTab("add");
  draw();
  if (unfinished) line("adderror", say.edit.unfinished);
  else await keep();
  return !unfinished;
}

/** Go on with what a page that was closed had not saved. */
export async function resume() {
  draw();
  const draft = await storedDraft();
  if (!draft || shots.length || !(draft.photos.length || Object.values(draft.texts).some(Boolean))) return;
  target = draft.target;
  openTab("add");
  draw();
  for (const [key, text] of Object.entries(draft.texts)) if (byId(`text-${key}`)) byId(`text-${key}`).value = text;
  await takeShots(draft.photos);
  report(say.edit.resumed, null);
}

/** Take photos in. @param {Blob[]} photos */
export async function takeShots(photos) {
  for (const photo of photos.slice(0, MAX_PHOTOS - shots.length)) {
    shots.push({ photo, small: await small(photo), url: URL.createObjectURL(photo), verdict: null });
  }
  draw();
  await keep();
  await judge();
  await scan();
}

/** Look for barcodes on the photos that were not looked at yet, and fill in the first. */
async function scan() {
  if (target) return;
  for (const shot of shots.filter((taken) => !taken.scanned)) {
    shot.scanned = true;
    const [code] = await barcodesOf(shot.photo, (side) => small(shot.photo, side)).catch(() => []);
    if (!code || !shots.includes(shot)) continue;
    if (code.known) line("adderror", say.edit.barcodeKnown({ number: code.number, name: code.known.name }));
    const input = byId("text-barcode");
    if (input.value.trim()) continue;
    input.value = code.number;
    report(say.edit.barcodeRead({ number: code.number }), null);
    await keep();
  }
}

let refused = ""; // what `judge` has said last; it takes back nothing else

/** Ask the server about all shots. */
async function judge() {
  const asked = [...shots];
  if (!asked.length) return;
  try {
    const { photos } = await server.check(asked.map((shot) => shot.small));
    asked.forEach((shot, index) => (shot.verdict = verdictOf(photos[index])));
    if (byId("adderror").textContent === refused) line("adderror", "");
  } catch (error) {
    refused = error.message;
    line("adderror", refused);
  }
  draw();
}

function verdictOf({ sharp, same_side_as: same, known }) {
  if (!sharp) return { kind: "warn", text: say.edit.blurred };
  if (same !== null) return { kind: "warn", text: say.edit.sameSide({ number: same + 1 }) };
  if (known && known.id !== target?.id) return { kind: "warn", text: say.edit.alike({ name: known.name }) };
  return { kind: "good", text: say.edit.goodShot };
}

/** Look at what the camera shows, again and again, and say whether to take it. */
export async function live() {
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    if (!isAdding() || !cameraOn() || saving) continue;
    const full = shots.length >= MAX_PHOTOS;
    let verdict = { kind: "good", text: say.edit.enough };
    if (!full) {
      try {
        const seen = [...shots.map((shot) => shot.small), await peek()];
        const { photos } = await server.check(seen);
        verdict = verdictOf(photos.at(-1));
        if (verdict.kind === "good") verdict.text = say.edit.good;
      } catch {
        verdict = { kind: "", text: say.serve.aim }; // busy or away: the shutter still works
      }
    }
    if (!isAdding()) continue;
    byId("viewfinder").dataset.verdict = verdict.kind;
    if (byId("hint").textContent !== verdict.text) byId("hint").textContent = verdict.text;
  }
}

function draw() {
  byId("adding").textContent = target ? say.edit.morePhotos({ name: target.name }) : say.edit.newProduct;
  byId("photohint").textContent = target ? "" : say.edit.photoHint;
  byId("shots").replaceChildren(...shots.map(drawShot));
  byId("shutter").disabled = isAdding() && shots.length >= MAX_PHOTOS;
  byId("texts").hidden = target !== null;
  if (!byId("texts").children.length) byId("texts").append(...FIELDS.map(field), further());
}

function drawShot(shot, index) {
  const { kind = "soft", text = "" } = shot.verdict ?? {};
  const remove = button(".quiet", say.edit.remove, () => {
    URL.revokeObjectURL(shot.url);
    shots = shots.filter((kept) => kept !== shot);
    draw();
    keep();
    judge();
  });
  remove.setAttribute("aria-label", say.edit.removeShot({ number: index + 1 }));
  return el("li", {}, el("img", { src: shot.url, alt: say.edit.shot({ number: index + 1 }) }), el(`p.${kind}`, {}, text), remove);
}

const input = (key, label) =>
  el("input", { id: `text-${key}`, type: "text", autocomplete: "off", "aria-label": label, oninput: keep });

const field = (key) => el("div.field", {}, el("label", { for: `text-${key}` }, labelOf(key)), input(key, labelOf(key)));

const further = () =>
  el("div.field.pair", {}, ...["key", "value"].map((key) => {
    const label = key === "key" ? say.serve.furtherName : say.serve.furtherValue;
    return el("div", {}, el("label", { for: `text-${key}` }, label), input(key, label));
  }));

const typed = () =>
  Object.fromEntries(Object.keys(LIMITS).map((key) => [key, byId(`text-${key}`)?.value.trim() ?? ""]));

let storing = Promise.resolve();

/** Keep it in the browser, so that a tab that dies loses nothing. */
function keep() {
  const draft = { target, texts: typed(), photos: shots.map((shot) => shot.photo) };
  storing = storing.then(() => storeDraft(draft)).then((kept) => kept || line("adderror", say.edit.notKept));
  return storing;
}

/** Save what is there; on a refusal it all stays. */
export async function save(event) {
  event.preventDefault();
  const { key, value, ...fields } = typed();
  const problem = target ? missingPhotos() : missingPhotos() || wrongTexts();
  line("adderror", problem);
  if (problem || saving) return;
  const texts = Object.fromEntries(Object.entries(fields).filter(([, text]) => text));
  if (key && value) texts[key] = value;
  const photos = shots.map((shot) => shot.photo);
  saving = byId("save").disabled = true;
  byId("save").textContent = say.serve.saving;
  try {
    const edited = target ? await server.addPhotos(target.id, photos) : await server.add(photos, texts);
    report(target ? say.edit.photosAdded({ name: target.name }) : say.edit.added({ name: texts.name }), edited);
    await discard();
    openTab("check");
  } catch (error) {
    line("adderror", error.message);
  } finally {
    saving = byId("save").disabled = false;
    byId("save").textContent = say.edit.save;
  }
}

function missingPhotos() {
  const missing = minPhotos() - shots.length;
  return missing > 0 ? say.edit.needPhotos({ count: missing }) : "";
}

function wrongTexts() {
  const texts = typed();
  if (!texts.name) return say.edit.needName;
  const labels = { key: say.serve.furtherName, value: say.serve.furtherValue };
  for (const [key, limit] of Object.entries(LIMITS)) {
    const over = [...texts[key]].length - limit;
    if (over > 0) return say.edit.tooLong({ what: labels[key] ?? labelOf(key), count: over });
  }
  const wrong = texts.barcode.split(/[|;]/).find((code) => code.trim() && !isGtin(code));
  return wrong ? say.edit.wrongBarcode({ text: wrong.trim() }) : "";
}

function clear() {
  shots.forEach((shot) => URL.revokeObjectURL(shot.url));
  shots = [];
  target = null;
  for (const key of Object.keys(LIMITS)) if (byId(`text-${key}`)) byId(`text-${key}`).value = "";
  line("adderror", "");
}

/** Begin anew. */
export async function discard() {
  clear();
  draw();
  await storing;
  await forgetDraft();
}
