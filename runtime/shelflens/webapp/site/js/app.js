/** The web app: from a press of the shutter to an answer on the screen. */

import { Camera } from "./camera.js";
import { Client } from "./client.js";
import { byId, el, symbol } from "./dom.js";
import { ProductImages } from "./product_images.js";
import { WebAppError, say } from "./strings.js";
import { keepOffline } from "./update.js";
import { carousel, choiceCard, productCard, unknownCard } from "./view.js";

const camera = new Camera(byId("video"));
const images = new ProductImages();
const client = new Client((share) => {
  if (document.body.dataset.state !== "loading") return;
  byId("progress").value = share;
  hint(say.loadingShare(share));
});
let photoCopy = Promise.resolve(null); // a small copy of the photo that the answer is about
let photoUrl = null; // its address
let lightOn = false;

/** Show a state: loading, ready, working, answered or broken. */
function setState(state) {
  document.body.dataset.state = state;
  const busy = state === "loading" || state === "working" || state === "broken";
  byId("photo").disabled = busy;
  byId("progress").hidden = state !== "loading";
  byId("shutter").disabled = busy || (!camera.on && state !== "answered");
  const label = camera.on ? say.again : say.another;
  byId("shutter").setAttribute("aria-label", state === "answered" ? label : say.shutter);
  byId("again").textContent = label;
  if (state === "ready") hint(camera.on ? say.cameraHint : "");
  byId("finder").setAttribute("aria-busy", String(state === "working"));
}

function hint(text) {
  byId("hint").textContent = text;
}

async function begin() {
  byId("photo").append(symbol("gallery"), el("span", {}, say.photo));
  byId("photo").setAttribute("aria-label", say.photoLong);
  byId("finder").setAttribute("aria-label", say.camera);
  byId("light").append(symbol("light"), el("span", {}, say.light));
  byId("shutter").append(el("span", { id: "again" }));
  setState("loading");
  hint(say.loading);
  const opening = openCamera();
  try {
    const { products } = await client.summary();
    byId("intro").textContent = say.intro(products);
  } catch (error) {
    return broken(error);
  }
  await opening;
  setState("ready");
  performance.mark("ready");
  images.load();
  keepOffline();
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
  const text = error instanceof WebAppError ? error.message : say.engineFailed(error.message);
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
  keep(frame);
  await scan(frame);
}

async function fileChosen() {
  const [file] = byId("file").files;
  byId("file").value = ""; // the same photo may be chosen again
  if (!file) return;
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
  if (decision === "match") {
    const basis = say.basis[answer.basis] ?? answer.basis;
    const note = answer.vision ? `${basis}. ${say.contradicts(answer.vision.name)}` : basis;
    const texts = { kicker: say.match, kind: "match", confidence: answer.confidence, note };
    byId("spoken").textContent = say.spoken.match(matches[0].name, answer.confidence);
    await showProduct(matches[0], texts);
  } else if (decision === "ambiguous") {
    byId("spoken").textContent = say.spoken.ambiguous(answer.candidates.map((product) => product.name));
    await updatePhotoUrl();
    put(() => choiceCard(answer, actions()));
  } else {
    byId("spoken").textContent = say.spoken.unknown();
    await updatePhotoUrl();
    put(() => unknownCard(answer, actions()));
  }
  performance.mark("answered");
}

async function showProduct(product, texts) {
  const similar = await client.similar(product.index);
  put((back) => [
    ...productCard(product, actions(back), texts),
    carousel(say.similar, similar, actions(back)),
  ]);
}

/** Show a view; earlier ones stay reachable by "Back". */
function put(draw) {
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
