/** How answers and products look. */

import { el, symbol } from "./dom.js";
import { say } from "./strings.js";

const HIDDEN = new Set(["name", "picture"]); // attributes that are shown elsewhere
const TINTS = 5;

/**
 * @typedef {{picture: (id: string) => string|null, photo: string|null,
 *   open: (product: Object, similar: boolean) => void, choose: (product: Object) => void,
 *   back: (() => void)|null}} Doings what the view shows and calls
 */

/** A match, or a product that was opened: large picture, attributes. */
export function productCard(product, doings, { note, kicker, confidence = null, kind = "match" }) {
  return [
    doings.back && backButton(doings.back),
    el(
      "div.hero",
      {},
      pictureOf(product, doings, "large"),
      el(
        "div.facts",
        {},
        el(`p.kicker.${kind}`, {}, kicker),
        el("h2", { id: "heading", tabindex: "-1" }, product.name),
        confidence === null ? null : meter(confidence, note),
        confidence === null && note ? el("p.note", {}, note) : null,
      ),
    ),
    attributeList(product.attributes),
  ];
}

/** An ambiguous answer: a few products to choose from. */
export function choiceCard(answer, doings) {
  const why = say.ambiguousWhy(answer.candidates.length);
  return [
    verdict("ambiguous", say.ambiguous, why, doings.photo),
    el(
      "ul.choices",
      {},
      ...answer.candidates.map((one) =>
        el("li", {}, row(one, doings, () => doings.choose(one))),
      ),
    ),
  ];
}

/** An unknown answer: the nearest products, for information. */
export function unknownCard(answer, doings) {
  return [
    verdict("unknown", say.unknown, say.unknownWhy, doings.photo),
    shelf(say.nearest, answer.matches, doings),
  ];
}

/** A row of products that scrolls sideways. */
export function shelf(title, products, doings) {
  if (!products.length) return null;
  const cards = products.map((one) =>
    el(
      "li",
      {},
      el(
        "button.card",
        { type: "button", "aria-label": say.open(one.name), onclick: () => doings.open(one) },
        pictureOf(one, doings, "small"),
        el("span.name", {}, one.name),
        one.attributes.price ? el("span.price", {}, one.attributes.price) : null,
      ),
    ),
  );
  return el("div.shelf", {}, el("h3", {}, title), el("ul", { tabindex: "0", "aria-label": title }, ...cards));
}

function verdict(kind, title, why, photo) {
  return el(
    "div.verdict",
    {},
    photo ? el("img.yours", { src: photo, alt: say.yourPhoto }) : null,
    el(
      "div",
      {},
      el(`h2.${kind}`, { id: "heading", tabindex: "-1" }, title),
      el("p.note", {}, why),
    ),
  );
}

function row(product, doings, onclick) {
  const told = Object.entries(product.attributes).filter(([key]) => !HIDDEN.has(key));
  return el(
    "button.row",
    { type: "button", onclick },
    pictureOf(product, doings, "small"),
    el(
      "span.texts",
      {},
      el("span.name", {}, product.name),
      el("span.note", {}, told.map(([, value]) => value).join(" · ")),
    ),
  );
}

/** The picture, or a tinted square with the first letter. */
function pictureOf(product, doings, size) {
  const src = doings.picture(product.id);
  if (src) return el(`img.picture.${size}`, { src, alt: "", decoding: "async" });
  const tint = [...product.name].reduce((sum, one) => sum + one.codePointAt(0), 0) % TINTS;
  const [first = "?"] = product.name.trim().toUpperCase();
  return el(`span.picture.letter.${size}`, { "data-tint": tint, "aria-hidden": "true" }, first);
}

function meter(confidence, note) {
  const filled = el("span");
  filled.style.width = `${100 * Math.min(Math.max(confidence, 0), 1)}%`;
  return el(
    "div.meter",
    {},
    el("span.bar", { "aria-hidden": "true" }, filled),
    el("p", {}, el("strong", {}, say.sure(confidence)), " ", el("span.note", {}, note)),
  );
}

function attributeList(attributes) {
  const shown = Object.entries(attributes).filter(([key]) => !HIDDEN.has(key));
  if (!shown.length) return null;
  const label = (key) => key.charAt(0).toUpperCase() + key.slice(1).replaceAll("_", " ");
  return el(
    "dl.attributes",
    {},
    ...shown.map(([key, value]) => el("div", {}, el("dt", {}, label(key)), el("dd", {}, value))),
  );
}

function backButton(onclick) {
  return el("button.back", { type: "button", onclick }, symbol("back"), say.back);
}
