/** A photo, its answer, and what the person says of it: this is it, or none of these. */

import { openAdd, takeShots } from "./edit_add.js";
import { byId, button, el, picture } from "./edit_dom.js";
import { report } from "./edit_page.js";
import { priceOf } from "./languages/attributes.js";
import { server } from "./edit_server.js";
import { likely, say } from "./languages/strings.js";

let shown = null; // address of the photo on the page

/** Ask which product a photo shows, and show the answer beside it. @param {Blob} photo */
export async function checkPhoto(photo) {
  byId("check").replaceChildren(el("p", {}, say.working));
  byId("shutter").disabled = true;
  try {
    show(photo, await server.lookup(photo));
  } catch (error) {
    byId("check").replaceChildren(el("p.error", {}, error.message));
  } finally {
    byId("shutter").disabled = false;
  }
}

function show(photo, answer) {
  if (shown) URL.revokeObjectURL(shown);
  shown = URL.createObjectURL(photo);
  const { decision, matches, confidence } = answer;
  const isMatch = decision === "match";
  const title = isMatch ? matches[0].name : say[decision];
  byId("check").replaceChildren(
    el(
      "div.asked",
      {},
      el("img", { src: shown, alt: say.yourPhoto }),
      el("div", {},
        el(`h2.${decision}`, {}, title),
        el("p.soft", {}, noteOf(decision, confidence)),
      ),
    ),
    el("ol", {}, ...matches.map((match, rank) => row(match, photo, isMatch && rank === 0))),
    button(".quiet", say.edit.none, () => addIt(photo)),
  );
}

function noteOf(decision, confidence) {
  if (decision === "unknown") return say.serve.unknownWhy;
  if (decision === "ambiguous") return "";
  const { word, often } = likely(confidence);
  return `${word}. ${often}`;
}

function row(match, photo, first) {
  const confirm = button(first ? "" : ".quiet", say.edit.thisIsIt, () => confirmIt(match, photo));
  confirm.setAttribute("aria-label", say.edit.thisIsItLong({ name: match.name }));
  return el(
    "li", {}, picture(match),
    el("div", {}, el("strong", {}, el("bdi", {}, match.name)), el("span.soft", {}, el("bdi", {}, priceOf(match.attributes) ?? ""))),
    el("div.actions", {}, confirm),
  );
}

async function confirmIt(match, photo) {
  try {
    const edited = await server.confirm(match.id, photo);
    report((edited.changed ? say.edit.confirmed : say.edit.confirmedNothing)({ name: match.name }), edited);
    byId("check").replaceChildren(el("p.soft", {}, say.serve.checkHint));
  } catch (error) {
    report(error.message, null);
  }
}

async function addIt(photo) {
  if (await openAdd(null)) await takeShots([photo]);
}
