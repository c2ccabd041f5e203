/** The web app: from a press of the shutter to an answer on the screen. */

import { Camera } from "./camera.js";
import { Client } from "./client.js";
import { byId, el, symbol } from "./dom.js";
import { Editing, toJpeg } from "./editing.js";
import { ProductImages } from "./product_images.js";
import { changeForm, productActs, productList } from "./product_list.js";
import { WebAppError, anyOf, likely, localise, percent, say } from "./languages/strings.js";
import { keepOffline } from "./update.js";
import { carousel, choiceCard, productCard, rowOf, unknownCard } from "./view.js";

const camera = new Camera(byId("video"));
const images = new ProductImages();
const client = new Client((share) => {
  if (document.body.dataset.state !== "loading") return;
  byId("progress").value = share;
  hint(say.loadingShare({ share: percent(share) }));
});
let photoCopy = Promise.resolve(null); // a small copy of the photo that the answer is about
let photoUrl = null; // its address
let lightOn = false;
let vector = null; // the embedding of the photo that the answer is about
let summary = null; // of the catalog
let listing = false; // whether the panel shows all products, or one of them
const editing = new Editing({ client, camera, hint, show: showForm, done: saved, leave: scanAgain });

/** Show a state: loading, ready, working, answered, adding or broken. */
function setState(state) {
  document.body.dataset.state = state;
  const busy = state === "loading" || state === "working" || state === "broken";
  byId("photo").disabled = byId("list").disabled = busy;
  byId("progress").hidden = state !== "loading";
  byId("shutter").disabled = busy || (!camera.on && state !== "answered");
  const label = camera.on ? say.again : say.another;
  const press = state === "adding" ? say.edit.take : say.shutter;
  byId("shutter").setAttribute("aria-label", state === "answered" ? label : press);
  byId("again").textContent = label;
  if (state === "ready") hint(camera.on ? say.cameraHint : "");
  byId("finder").setAttribute("aria-busy", String(state === "working"));
}

function hint(text) {
  byId("hint").textContent = text;
}

async function begin() {
  localise(document);
  byId("photo").append(symbol("gallery"), el("span", {}, say.photo));
  byId("photo").setAttribute("aria-label", say.photoLong);
  byId("finder").setAttribute("aria-label", say.camera);
  byId("light").append(symbol("light"), el("span", {}, say.light));
  byId("shutter").append(el("span", { id: "again" }));
  byId("list").append(symbol("list"));
  byId("list").setAttribute("aria-label", say.edit.products);
  byId("undo").textContent = say.edit.undo;
  setState("loading");
  hint(say.loading);
  const opening = openCamera();
  try {
    await refresh();
  } catch (error) {
    return broken(error);
  }
  await opening;
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

async function openCamera() {
  const problem = await camera.start();
  if (document.body.dataset.state === "broken") return camera.stop(); // the message stays
  byId("light").hidden = !camera.hasLight;
  byId("notice").hidden = problem === null;
  document.body.classList.toggle("blind", problem !== null);
  if (problem === null) return;
  byId("notice").replaceChildren(
    symbol("photo"),
    el("p", {}, problem),
    el("button.main", { type: "button", onclick: choose }, say.photoLong),
    el("button.quiet", { type: "button", onclick: retryCamera }, say.cameraStart),
  );
}

async function retryCamera() {
  await openCamera();
  const { state } = document.body.dataset;
  if (state === "ready" || state === "answered") setState(state);
}

function broken(error) {
  setState("broken");
  hint("");
  camera.stop();
  const text = error instanceof WebAppError ? error.message : say.engineFailed({ what: error.message });
  byId("notice").hidden = false;
  byId("notice").replaceChildren(el("p.error", { role: "alert" }, text));
}

const choose = () => byId("file").click();

async function press() {
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

/** Make an address for that copy. */
async function updatePhotoUrl() {
  if (photoUrl) URL.revokeObjectURL(photoUrl);
  const blob = await photoCopy;
  photoUrl = blob && URL.createObjectURL(blob);
}

async function scan(photo) {
  setState("working");
  hint(say.working);
  try {
    const answer = await client.scan(photo);
    await showAnswer(answer);
  } catch (error) {
    scanAgain();
    hint(error.message);
    byId("spoken").textContent = error.message;
  }
}

function scanAgain() {
  byId("answer").hidden = true;
  byId("still").hidden = true;
  byId("spoken").textContent = "";
  listing = false;
  setState("ready");
  byId("shutter").focus({ preventScroll: true });
}

const actions = (back = null) => ({
  image: (id) => images.url(id),
  photo: photoUrl,
  open: (product) => showProduct(product, { kicker: say.product, kind: "opened" }),
  choose: (product) => showProduct(product, { kicker: say.chosen, kind: "match" }),
  back,
});

let shown = []; // what "Back" leads to, the last one on top

async function showAnswer(answer) {
  shown = [];
  const { decision, matches } = answer;
  vector = answer.vector;
  listing = false;
  if (decision === "match") {
    const contradicts = answer.vision && say.contradicts({ name: answer.vision.name });
    const note = [say.basis[answer.basis] ?? answer.basis, contradicts].filter(Boolean).join(" ");
    const texts = { kicker: say.match, kind: "match", confidence: answer.confidence, note };
    byId("spoken").textContent = say.spoken.match({ name: matches[0].name, word: likely(answer.confidence).word });
    await showProduct(matches[0], texts);
  } else if (decision === "ambiguous") {
    byId("spoken").textContent = say.spoken.ambiguous({ names: anyOf(answer.candidates.map((product) => product.name)) });
    await updatePhotoUrl();
    put(() => [...choiceCard(answer, actions()), noneButton()]);
  } else {
    byId("spoken").textContent = say.spoken.unknown;
    await updatePhotoUrl();
    put(() => [...unknownCard(answer, actions()), noneButton()]);
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
    }),
    vector && shown.length === 1 ? noneButton() : null,
    carousel(say.similar, similar, actions(back)),
  ]);
}

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
byId("light").onclick = async () => {
  lightOn = !lightOn;
  byId("light").setAttribute("aria-pressed", String(lightOn));
  await camera.light(lightOn);
};
document.addEventListener("visibilitychange", async () => {
  // The camera is off while the web app is hidden.
  if (document.visibilityState === "hidden") camera.stop();
  else if (document.body.dataset.state !== "broken" && !camera.on) await retryCamera();
});

globalThis.shelflens = { client, camera }; // for measurements and tests
begin();
