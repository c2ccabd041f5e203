// The photo form of `shelflens serve`: sends the chosen photos, shows the answer.
"use strict";

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
    if (known.length === 1) return "Not sure. Perhaps: " + known[0];
    return "Not sure. One of these: " + known.slice(0, 3).join(", ");
  }
  return answer.matches.length ? "Not in this catalog; the nearest are" : "The catalog is empty";
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
  text.append(element("strong", match.name));
  const attributes = Object.entries(match.attributes)
    .filter(([key]) => key !== "name" && key !== "picture")
    .map(([key, value]) => `${key} ${value}`);
  text.append(element("span", attributes.join(" · "), "soft"));
  made.append(text, element("span", match.score.toFixed(2), "soft"));
  return made;
}

function contradiction(answer) {
  if (!answer.vision) return [];
  const seen = answer.matches.find((match) => match.id === answer.vision);
  const name = seen ? seen.name : answer.vision;
  return [element("p", `The picture looks like ${name}. Is the barcode its own?`, "error")];
}

function show(answer) {
  const percent = Math.floor(answer.confidence * 100);
  const sure = answer.decision === "match" ? "sure" : "sure of the first";
  const basis = { measured: "", barcode: ", by its barcode" }[answer.basis] ?? ", not measured with this store's photos yet";
  const list = element("ol");
  list.append(...answer.matches.map(item));
  section.replaceChildren(
    element("h2", headline(answer), answer.decision),
    element("p", `${percent} % ${sure}${basis}; ${Math.round(answer.ms.total)} ms`, "soft"),
    ...contradiction(answer),
    list,
  );
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  button.disabled = true;
  section.setAttribute("aria-busy", "true");
  section.replaceChildren(element("p", "Looking …"));
  try {
    const response = await fetch("/lookup", { method: "POST", body: new FormData(form) });
    const answer = await response.json();
    if (!response.ok) throw new Error(answer.detail);
    show(answer);
  } catch (error) {
    const text = error instanceof TypeError ? "The server cannot be reached." : error.message;
    section.replaceChildren(element("p", text, "error"));
  } finally {
    button.disabled = false;
    section.setAttribute("aria-busy", "false");
  }
});
