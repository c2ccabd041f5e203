/** The page: from a press of the shutter to an answer on the screen. */

import { Camera } from "./camera.js";
import { Client } from "./client.js";
import { byId, el, symbol } from "./dom.js";
import { Pictures } from "./pictures.js";
import { PageError, say } from "./strings.js";
import { keepOffline } from "./update.js";
import { choiceCard, productCard, shelf, unknownCard } from "./view.js";

const camera = new Camera(byId("video"));
const pictures = new Pictures();
const client = new Client((share) => {
  if (document.body.dataset.state !== "loading") return;
  byId("progress").value = share;
  hint(say.loadingShare(share));
});
let kept = Promise.resolve(null); // a small copy of the photo that the answer is about
let photoUrl = null; // its address
let lit = false;

/** What the page is doing: loading, ready, working, answered or broken. */
function become(state) {
  document.body.dataset.state = state;
  const busy = state === "loading" || state === "working" || state === "broken";
  byId("photo").disabled = busy;
  byId("progress").hidden = state !== "loading";
  byId("shutter").disabled = busy || (!camera.on && state !== "answered");
  const again = camera.on ? say.again : say.another;
  byId("shutter").setAttribute("aria-label", state === "answered" ? again : say.shutter);
  byId("again").textContent = again;
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
  become("loading");
  hint(say.loading);
  const opening = openCamera();
  try {
    const { products } = await client.facts();
    byId("intro").textContent = say.intro(products);
  } catch (error) {
    return broken(error);
  }
  await opening;
  become("ready");
  performance.mark("ready");
  pictures.load();
  keepOffline();
}

async function openCamera() {
  const trouble = await camera.start();
  if (document.body.dataset.state === "broken") return camera.stop(); // its one line stays
  byId("light").hidden = !camera.hasLight;
  byId("notice").hidden = trouble === null;
  document.body.classList.toggle("blind", trouble !== null);
  if (trouble === null) return;
  byId("notice").replaceChildren(
    symbol("photo"),
    el("p", {}, trouble),
    el("button.main", { type: "button", onclick: choose }, say.photoLong),
    el("button.quiet", { type: "button", onclick: retryCamera }, say.cameraStart),
  );
}

async function retryCamera() {
  await openCamera();
  const { state } = document.body.dataset;
  if (state === "ready" || state === "answered") become(state);
}

function broken(error) {
  become("broken");
  hint("");
  camera.stop();
  const text = error instanceof PageError ? error.message : say.engineFailed(error.message);
  byId("notice").hidden = false;
  byId("notice").replaceChildren(el("p.error", { role: "alert" }, text));
}

const choose = () => byId("file").click();

async function press() {
  if (document.body.dataset.state === "answered") {
    if (!camera.on) return choose();
    return lookAgain();
  }
  const frame = await camera.frame();
  keep(frame);
  await scan(frame);
}

async function picked() {
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
  kept = new Promise((yes) => still.toBlob(yes, "image/jpeg", 0.8)); // slow: the scan does not wait
}

/** The address of that copy. */
async function photoAddress() {
  if (photoUrl) URL.revokeObjectURL(photoUrl);
  const blob = await kept;
  photoUrl = blob && URL.createObjectURL(blob);
}

async function scan(photo) {
  become("working");
  hint(say.working);
  try {
    const answer = await client.scan(photo);
    await showAnswer(answer);
  } catch (error) {
    lookAgain();
    hint(error.message);
    byId("spoken").textContent = error.message;
  }
}

function lookAgain() {
  byId("answer").hidden = true;
  byId("still").hidden = true;
  byId("spoken").textContent = "";
  become("ready");
  byId("shutter").focus({ preventScroll: true });
}

const doings = (back = null) => ({
  picture: (id) => pictures.url(id),
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
    const note = say.basis[answer.basis] ?? answer.basis;
    const look = { kicker: say.match, kind: "match", confidence: answer.confidence, note };
    byId("spoken").textContent = say.spoken.match(matches[0].name, answer.confidence);
    await showProduct(matches[0], look);
  } else if (decision === "ambiguous") {
    byId("spoken").textContent = say.spoken.ambiguous(answer.candidates.map((one) => one.name));
    await photoAddress();
    put(() => choiceCard(answer, doings()));
  } else {
    byId("spoken").textContent = say.spoken.unknown();
    await photoAddress();
    put(() => unknownCard(answer, doings()));
  }
  performance.mark("answered");
}

async function showProduct(product, look) {
  const similar = await client.similar(product.number);
  put((back) => [
    ...productCard(product, doings(back), look),
    shelf(say.similar, similar, doings(back)),
  ]);
}

/** Show one view; those before stay reachable by "Back". */
function put(draw) {
  shown.push(draw);
  const back = () => {
    shown.pop();
    put(shown.pop());
  };
  const children = draw(shown.length > 1 ? back : null).filter(Boolean);
  byId("answer").replaceChildren(...children);
  byId("answer").hidden = false;
  become("answered");
  hint("");
  byId("answer").scrollTop = 0;
  byId("heading").focus({ preventScroll: true });
}

byId("shutter").onclick = press;
byId("photo").onclick = choose;
byId("file").onchange = picked;
byId("light").onclick = async () => {
  lit = !lit;
  byId("light").setAttribute("aria-pressed", String(lit));
  await camera.light(lit);
};
document.addEventListener("visibilitychange", async () => {
  // A camera that nobody sees is off; it comes back with the page.
  if (document.visibilityState === "hidden") camera.stop();
  else if (document.body.dataset.state !== "broken" && !camera.on) await retryCamera();
});

globalThis.shelflens = { client, camera }; // for measurements and tests
begin();
