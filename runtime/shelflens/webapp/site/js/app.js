/** The web app: from a press of the shutter to an answer on the screen. */

import { Camera } from "./camera.js";
import { Client } from "./client.js";
import { byId, el, symbol } from "./dom.js";
import { Editing, toJpeg } from "./editing.js";
import { ProductImages } from "./product_images.js";
import { changeForm, productActs, productList } from "./product_list.js";
import { WebAppError, anyOf, likely, localise, percent, say } from "./languages/strings.js";
import { Continuous, MAX_PHOTOS, onHold } from "./steady.js";
import { keepOffline } from "./update.js";
import { carousel, choiceCard, imageOf, productCard, rowOf, severalCard, unknownCard } from "./view.js";
import { Viewfinder } from "./viewfinder.js";

const CERTAIN = 0.99; // from which a further photo is not asked for
const SLOW_MS = { loading: 12_000, working: 2500 }; // from which the page says that it takes longer

const camera = new Camera(byId("video"));
const images = new ProductImages();
const client = new Client((share) => {
  if (document.body.dataset.state !== "loading") return;
  byId("progress").value = share;
  loaded = say.loadingShare({ share: percent(share) });
  hint(loaded);
});
let photoCopy = Promise.resolve(null); // a small copy of the photo that the answer is about
let loaded = say.loading; // how much of the web app has arrived
let slow = 0; // the timer that says that it takes longer
let earlier = null; // the answer to photos of the same thing, while a further one is taken
let vector = null; // the embedding of the photo that the answer is about
let summary = null; // of the catalog
let listing = false; // whether the panel shows all products, or one of them
const viewfinder = new Viewfinder(camera, { choose, changed: cameraChanged });
const continuous = new Continuous({
  scan: () => scanFrame(),
  image: (product) => imageOf(product, actions(), "small"),
  hint,
  speak: (text) => (byId("spoken").textContent = text),
  open: async (answer) => {
    keep(await camera.frame());
    await showAnswer(answer);
  },
});
const hold = onHold(byId("shutter"), {
  ready: () => document.body.dataset.state === "ready" && camera.on,
  begin: () => {
    setState("working");
    hint(say.holdHint);
  },
  scan: (answer = earlier) => scanFrame(answer ?? undefined, true),
  done: (answer) => (answer ? showAnswer(answer) : scanAgain()),
});
const editing = new Editing({ client, camera, hint, show: showForm, done: saved, leave: scanAgain });

/** Show a state: loading, ready, working, answered, adding or broken. */
function setState(state) {
  document.body.dataset.state = state;
  const busy = state === "loading" || state === "working" || state === "broken";
  byId("photo").disabled = byId("list").disabled = busy;
  byId("progress").hidden = state !== "loading";
  byId("shutter").disabled = (busy && !hold.held) || (!camera.on && state !== "answered");
  const label = camera.on ? say.again : say.another;
  const press = state === "adding" ? say.edit.take : say.shutter;
  byId("shutter").setAttribute("aria-label", state === "answered" ? label : press);
  byId("again").textContent = label;
  if (state === "ready") hint(camera.on ? (earlier ? say.moreShots : say.cameraHint) : "");
  byId("steady").hidden = state !== "ready" || !camera.on;
  if (state !== "ready") continuous.stop();
  clearTimeout(slow);
  if (state in SLOW_MS) slow = setTimeout(() => saySlow(state), SLOW_MS[state]);
  byId("finder").setAttribute("aria-busy", String(state === "working"));
}

function saySlow(state) {
  hint(state === "working" ? say.workingSlow : `${loaded} ${say.loadingSlow}`);
}

function hint(text) {
  byId("hint").textContent = text;
}

async function begin() {
  localise(document);
  byId("photo").append(symbol("gallery"), el("span", {}, say.photo));
  byId("photo").setAttribute("aria-label", say.photoLong);
  byId("finder").setAttribute("aria-label", say.camera);
  byId("shutter").append(el("span", { id: "again" }));
  byId("list").append(symbol("list"));
  byId("list").setAttribute("aria-label", say.edit.products);
  byId("undo").textContent = say.edit.undo;
  setState("loading");
  hint(say.loading);
  viewfinder.open();
  try {
    await refresh();
  } catch (error) {
    return broken(error);
  }
  setState("ready");
  performance.mark("ready");
  images.load();
  keepOffline();
  if (await editing.resume()) report(say.edit.resumed, false);
}

/** Read again what is known of the catalog. */
async function refresh() {
  summary = await client.summary();
  byId("intro").textContent = say.intro({ count: summary.products });
  images.setOwn(summary.pictures);
}

/** The camera went on or off; what is on the screen follows. */
function cameraChanged() {
  const { state } = document.body.dataset;
  if (state === "ready" || state === "answered" || state === "adding") setState(state);
}

function broken(error) {
  setState("broken");
  hint("");
  camera.stop();
  const text = error instanceof WebAppError ? error.message : say.engineFailed({ what: error.message });
  byId("notice").hidden = false;
  byId("notice").replaceChildren(el("p.error", { role: "alert" }, text));
}

function choose() {
  byId("file").click();
}

async function press() {
  if (hold.held) return; // the end of holding is no press
  if (document.body.dataset.state === "answered") {
    if (!camera.on) return choose();
    return scanAgain();
  }
  const frame = await camera.frame();
  if (editing.on) return editing.shot(await toJpeg(frame, frame.width, frame.height, 0.92));
  keep(frame);
  await scan(frame);
}

async function fileChosen() {
  const [file] = byId("file").files;
  byId("file").value = ""; // the same photo may be chosen again
  if (!file) return;
  if (editing.on) return editing.shot(file);
  const frame = await createImageBitmap(file).catch(() => null);
  if (frame) keep(frame);
  frame?.close();
  await scan(file);
}

/** Show the photo in place of the camera, and keep a small copy for the answer. */
function keep(bitmap) {
  const still = byId("still");
  const scale = Math.min(1, 720 / Math.max(bitmap.width, bitmap.height));
  still.width = Math.max(1, Math.round(bitmap.width * scale));
  still.height = Math.max(1, Math.round(bitmap.height * scale));
  still.getContext("2d").drawImage(bitmap, 0, 0, still.width, still.height);
  still.hidden = false;
  // Slow: the scan does not wait.
  photoCopy = new Promise((resolve) => still.toBlob(resolve, "image/jpeg", 0.8));
}

/** The part of the photo that a box is about, in place of the whole. @param {Promise<Blob|null>} whole */
async function partOf(whole, [left, top, right, bottom]) {
  const blob = await whole;
  const bitmap = blob && (await createImageBitmap(blob).catch(() => null));
  if (!bitmap) return null;
  const size = [(right - left) * bitmap.width, (bottom - top) * bitmap.height].map((side) => Math.max(1, Math.round(side)));
  const canvas = Object.assign(el("canvas"), { width: size[0], height: size[1] });
  canvas.getContext("2d").drawImage(bitmap, -left * bitmap.width, -top * bitmap.height);
  bitmap.close();
  return new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.8));
}

/** A picture of that photo, which fills itself in. @param {string} classes after dots */
function photoView(classes) {
  const image = el(`img${classes}`, { alt: say.yourPhoto });
  photoCopy.then((blob) => {
    if (!blob) return;
    image.onload = () => URL.revokeObjectURL(image.src);
    image.src = URL.createObjectURL(blob);
  });
  return image;
}

/** One frame of the camera, answered. @param {Object} [before] the answer to photos of the same thing */
async function scanFrame(before, kept = false) {
  const frame = await camera.frame();
  if (kept) keep(frame);
  return client.scan(frame, before);
}

async function scan(photo) {
  setState("working");
  hint(say.working);
  try {
    if (!earlier && summary.finds) return await showFound(await client.find(photo));
    await showAnswer(await client.scan(photo, earlier ?? undefined));
  } catch (error) {
    scanAgain();
    hint(error.message);
    byId("spoken").textContent = error.message;
  }
}

function scanAgain() {
  earlier = null;
  showCamera();
}

/** Take a further photo of the same thing. */
function scanMore(answer) {
  earlier = answer;
  showCamera();
  if (!camera.on) choose();
}

function showCamera() {
  byId("answer").hidden = true;
  byId("still").hidden = true;
  byId("spoken").textContent = "";
  listing = false;
  setState("ready");
  byId("shutter").focus({ preventScroll: true });
}

const actions = (back = null) => ({
  image: (id) => images.url(id),
  photo: photoView,
  open: (product) => showProduct(product, { kicker: say.product, kind: "opened" }),
  choose: (product) => showProduct(product, { kicker: say.chosen, kind: "match" }),
  back,
});

let last = null; // the answer that is shown
let shown = []; // what "Back" leads to, the last one on top
let answerDepth = 1; // views up to that of the answer

/** One answer to the photo, or the products found in it, each with its own. */
async function showFound(answers) {
  if (answers.length === 1) return showAnswer(answers[0]);
  const whole = photoCopy;
  const open = (answer) => {
    photoCopy = partOf(whole, answer.box);
    return showAnswer(answer, 1);
  };
  shown = [];
  listing = false;
  byId("spoken").textContent = say.several({ count: answers.length });
  put(() => {
    photoCopy = whole;
    return severalCard(answers, actions(), open);
  });
  performance.mark("answered");
}

/** @param {number} [below] how many views "Back" leads to: the photo of several products, or none */
async function showAnswer(answer, below = 0) {
  shown = shown.slice(0, below);
  answerDepth = below + 1;
  earlier = null;
  last = answer;
  const { decision, matches } = answer;
  vector = answer.vector;
  listing = false;
  if (decision === "match") {
    const contradicts = answer.vision && say.contradicts({ name: answer.vision.name });
    const parts = [fusedNote(answer), say.basis[answer.basis] ?? answer.basis, contradicts];
    const note = parts.filter(Boolean).join(" ");
    const texts = { kicker: say.match, kind: "match", confidence: answer.confidence, note };
    byId("spoken").textContent = say.spoken.match({ name: matches[0].name, word: likely(answer.confidence).word });
    await showProduct(matches[0], texts);
  } else if (decision === "ambiguous") {
    byId("spoken").textContent = say.spoken.ambiguous({ names: anyOf(answer.candidates.map((product) => product.name)) });
    put((back) => [...choiceCard(answer, actions(back), fusedNote(answer)), further()]);
  } else {
    byId("spoken").textContent = say.spoken.unknown;
    put((back) => [...unknownCard(answer, actions(back), fusedNote(answer)), further()]);
  }
  performance.mark("answered");
}

async function showProduct(product, texts) {
  const similar = await client.similar(product.index);
  put((back) => [
    ...productCard(product, actions(back), texts),
    productActs(product, {
      vector,
      edit: makeEdit,
      addPhotos: listing && (() => editing.begin(null, { id: product.id, name: product.name })),
      change: listing && (() => put((again) => changeForm(product, { edit: makeEdit, back: again }))),
      further: vector && shown.length === answerDepth ? [moreButton(), noneButton()] : [],
    }),
    carousel(say.similar, similar, actions(back)),
  ]);
}

const fusedNote = ({ vectors }) => (vectors.length > 1 ? say.fused({ count: vectors.length }) : null);

/** Offers a further photo where it would make the answer surer. */
function moreButton() {
  const { confidence, decision, vectors, basis } = last;
  const certain = basis === "barcode" || (decision === "match" && confidence >= CERTAIN);
  if (certain || vectors.length >= MAX_PHOTOS) return null;
  return el("button.quiet", { type: "button", onclick: () => scanMore(last) }, say.moreShots);
}

const further = () => el("div.acts", {}, moreButton(), noneButton());

const noneButton = () =>
  el("button.quiet", { type: "button", onclick: addAsked }, say.edit.none);

/** Add the product of the photo that was asked about. */
async function addAsked() {
  const blob = await photoCopy;
  await editing.begin(blob && { blob, vector });
}

function showForm(children) {
  byId("still").hidden = byId("done").hidden = true;
  byId("answer").replaceChildren(...children);
  byId("answer").hidden = false;
  setState("adding");
  byId("heading").focus({ preventScroll: true });
}

function openList() {
  vector = null;
  listing = true;
  shown = [];
  const row = (product, note) => {
    const open = () => showProduct(product, { kicker: say.product, kind: "opened" });
    return rowOf(product, actions(), open, note);
  };
  put(() => productList({ client, row, summary, undo, add: () => editing.begin() }));
}

/** Change the catalog on this device. @returns {Promise<string|null>} why not */
async function makeEdit(edit, done, nothing = done) {
  try {
    const { changed } = await client.edit(edit);
    await saved(changed ? done : nothing, changed);
    return null;
  } catch (error) {
    report(error.message, false);
    return error.message;
  }
}

async function saved(text, changed = true) {
  navigator.storage?.persist?.();
  await refresh();
  if (listing) openList();
  else scanAgain();
  report(text, changed);
}

async function undo() {
  try {
    await client.undo();
    await refresh();
    if (listing) openList();
    report(say.edit.undone, false);
  } catch (error) {
    report(error.message, false);
  }
}

let timer = 0;

/** Say what was done for a while, and offer to undo it. */
function report(text, canUndo) {
  byId("done").hidden = false;
  byId("said").textContent = text;
  byId("undo").hidden = !canUndo;
  clearTimeout(timer);
  timer = setTimeout(() => (byId("done").hidden = true), 12_000);
}

/** Show a view; earlier ones stay reachable by "Back". */
function put(draw) {
  byId("done").hidden = true; // what comes next must not be covered
  shown.push(draw);
  const back = () => {
    shown.pop();
    put(shown.pop());
  };
  const children = draw(shown.length > 1 ? back : null).filter(Boolean);
  byId("answer").replaceChildren(...children);
  byId("answer").hidden = false;
  setState("answered");
  hint("");
  byId("answer").scrollTop = 0;
  byId("heading").focus({ preventScroll: true });
}

byId("shutter").onclick = press;
byId("photo").onclick = choose;
byId("list").onclick = openList;
byId("undo").onclick = undo;
byId("file").onchange = fileChosen;
document.addEventListener("visibilitychange", async () => {
  // The camera is off while the web app is hidden.
  if (document.visibilityState === "hidden") {
    continuous.stop();
    camera.stop();
  } else if (document.body.dataset.state !== "broken" && !camera.on) await viewfinder.open();
});

globalThis.shelflens = { client, camera, viewfinder }; // for measurements and tests
begin();
