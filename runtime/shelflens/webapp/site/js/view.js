/** How answers and products look. */

import { priceOf, shownAttributes } from "./languages/attributes.js";
import { el, symbol } from "./dom.js";
import { labelOf, likely, say } from "./languages/strings.js";

const TINTS = 5;

/**
 * @typedef {{image: (id: string) => string|null, photo: (classes: string) => HTMLElement,
 *   open: (product: Object, similar: boolean) => void, choose: (product: Object) => void,
 *   back: (() => void)|null}} Actions what the view shows and calls
 */

/** A match, or a product that was opened: large image, attributes. */
export function productCard(product, actions, { note, kicker, confidence = null, kind = "match" }) {
  return [
    actions.back && backButton(actions.back),
    el(
      "div.hero",
      {},
      el(
        "div.pair",
        {},
        kind === "opened" ? null : actions.photo(".image.large.asked"),
        imageOf(product, actions, "large"),
      ),
      el(
        "div.summary",
        {},
        el(`p.kicker.${kind}`, {}, kicker),
        el("h2", { id: "heading", tabindex: "-1" }, el("bdi", {}, product.name)),
        confidence === null ? null : meter(confidence, note),
        confidence === null && note ? el("p.note", {}, note) : null,
      ),
    ),
    attributeList(product.attributes),
  ];
}

/** An ambiguous answer: a few products to choose from. */
export function choiceCard(answer, actions, fused) {
  const why = [say.ambiguousWhy({ count: answer.candidates.length }), fused].filter(Boolean).join(" ");
  return [
    verdict("ambiguous", answer.candidates.length === 1 ? say.perhaps : say.ambiguous, why, actions.photo),
    el(
      "ul.choices",
      {},
      ...answer.candidates.map((product) =>
        el("li", {}, row(product, actions, () => actions.choose(product))),
      ),
    ),
  ];
}

/** An unknown answer: the nearest products, for information. */
export function unknownCard(answer, actions, fused) {
  return [
    verdict("unknown", say.unknown, [say.unknownWhy, fused].filter(Boolean).join(" "), actions.photo),
    carousel(say.nearest, answer.matches, actions),
  ];
}

/** A row of products that scrolls sideways. */
export function carousel(title, products, actions) {
  if (!products.length) return null;
  const cards = products.map((product) =>
    el(
      "li",
      {},
      el(
        "button.card",
        { type: "button", "aria-label": say.open({ name: product.name }), onclick: () => actions.open(product) },
        imageOf(product, actions, "small"),
        el("span.name", {}, el("bdi", {}, product.name)),
        priceLine(product),
      ),
    ),
  );
  return el("div.carousel", {}, el("h3", {}, title), el("ul", { tabindex: "0", "aria-label": title }, ...cards));
}

function priceLine({ attributes }) {
  const price = priceOf(attributes);
  return price && el("span.price", {}, el("bdi", {}, price));
}

function verdict(kind, title, why, photo) {
  return el(
    "div.verdict",
    {},
    photo(".yours"),
    el(
      "div",
      {},
      el(`h2.${kind}`, { id: "heading", tabindex: "-1" }, title),
      el("p.note", {}, why),
    ),
  );
}

function row(product, actions, onclick) {
  const shown = shownAttributes(product.attributes);
  const values = shown.map(([, value]) => el("bdi", {}, value));
  return rowOf(product, actions, onclick, ...values.flatMap((value) => [" · ", value]).slice(1));
}

/** A product in a list of rows. @param {...(string|Node)} note below its name */
export function rowOf(product, actions, onclick, ...note) {
  return el(
    "button.row",
    { type: "button", onclick },
    imageOf(product, actions, "small"),
    el(
      "span.texts",
      {},
      el("span.name", {}, el("bdi", {}, product.name)),
      el("span.note", {}, ...note),
    ),
  );
}

/** The image, or a tinted square with the first letter. */
export function imageOf(product, actions, size) {
  const src = actions.image(product.id);
  if (src) return el(`img.image.${size}`, { src, alt: "", decoding: "async" });
  const tint = [...product.name].reduce((sum, character) => sum + character.codePointAt(0), 0) % TINTS;
  const [first = "?"] = product.name.trim().toUpperCase();
  return el(`span.image.letter.${size}`, { "data-tint": tint, "aria-hidden": "true" }, first);
}

function meter(confidence, note) {
  const { word, often } = likely(confidence);
  const filled = el("span");
  filled.style.width = `${100 * Math.min(Math.max(confidence, 0), 1)}%`;
  return el(
    "div.meter",
    {},
    el("span.bar", { "aria-hidden": "true" }, filled),
    el("p", {}, el("strong", {}, word), " ", el("span.note", {}, [often, note].filter(Boolean).join(" "))),
  );
}

function attributeList(attributes) {
  const shown = shownAttributes(attributes);
  if (!shown.length) return null;
  return el(
    "dl.attributes",
    {},
    ...shown.map(([key, value]) => el("div", {}, el("dt", {}, labelOf(key)), el("dd", {}, el("bdi", {}, value)))),
  );
}

function backButton(onclick) {
  return el("button.back", { type: "button", onclick }, symbol("back"), say.back);
}
