// The photo form of `shelflens serve`: sends the chosen photos, shows the answer.

import { shownAttributes } from "./languages/attributes.js";
import { anyOf, labelOf, likely, localise, refusal, say } from "./languages/strings.js";

const form = document.querySelector("form");
const button = form.querySelector("button");
const section = document.getElementById("answer");
const withImages = document.documentElement.dataset.images === "yes";

function element(name, text, kind) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  if (kind) made.className = kind;
  return made;
}

function headline(answer) {
  const names = new Map(answer.matches.map((match) => [match.id, match.name]));
  if (answer.decision === "match") return answer.matches[0].name;
  if (answer.decision === "ambiguous") {
    const known = answer.candidates.map((id) => names.get(id) ?? id);
    if (known.length === 1) return say.serve.notSure({ name: known[0] });
    return say.serve.notSureAll({ names: anyOf(known.slice(0, 3)) });
  }
  return answer.matches.length ? say.serve.unknownNearest : say.serve.empty;
}

function item(match) {
  const made = element("li");
  if (withImages) {
    const image = element("img");
    image.alt = "";
    image.src = "/pictures/" + match.id.split("/").map(encodeURIComponent).join("/");
    image.addEventListener("error", () => image.remove());
    made.append(image);
  }
  const text = element("div");
  const name = element("strong");
  name.append(element("bdi", match.name));
  const attributes = element("span", undefined, "soft");
  for (const [key, value] of shownAttributes(match.attributes)) {
    attributes.append(attributes.hasChildNodes() ? " · " : "", `${labelOf(key)} `, element("bdi", value));
  }
  text.append(name, attributes);
  made.append(text, element("span", match.score.toFixed(2), "soft"));
  return made;
}

function contradiction(answer) {
  if (!answer.vision) return [];
  const seen = answer.matches.find((match) => match.id === answer.vision);
  const name = seen ? seen.name : answer.vision;
  return [element("p", say.contradicts({ name }), "error")];
}

function howSure({ decision, confidence, basis }) {
  if (decision === "unknown") return "";
  const { word, often } = likely(confidence);
  if (decision === "ambiguous") return say.serve.first({ word });
  return [`${word}.`, often, say.basis[basis]].filter(Boolean).join(" ");
}

function show(answer) {
  const list = element("ol");
  list.append(...answer.matches.map(item));
  section.replaceChildren(
    element("h2", headline(answer), answer.decision),
    element("p", howSure(answer), "soft"),
    ...contradiction(answer),
    list,
  );
}

localise(document);
document.title = say.serve.question;

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  button.disabled = true;
  section.setAttribute("aria-busy", "true");
  section.replaceChildren(element("p", say.working));
  try {
    const response = await fetch("/lookup", { method: "POST", body: new FormData(form) });
    const answer = await response.json();
    if (!response.ok) throw new Error(refusal(response.status, answer));
    show(answer);
  } catch (error) {
    const text = error instanceof TypeError ? say.serve.noServer : error.message;
    section.replaceChildren(element("p", text, "error"));
  } finally {
    button.disabled = false;
    section.setAttribute("aria-busy", "false");
  }
});
