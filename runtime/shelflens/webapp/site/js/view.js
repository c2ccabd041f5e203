/** How answers and products look. */

import { priceOf, shownAttributes } from "./languages/attributes.js";
import { el, symbol } from "./dom.js";
import { anyOf, labelOf, likely, say } from "./languages/strings.js";

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
    actions.back && backButton(actions.back),
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
    actions.back && backButton(actions.back),
    verdict("unknown", say.unknown, [say.unknownWhy, fused].filter(Boolean).join(" "), actions.photo),
    carousel(say.nearest, answer.matches, actions),
  ];
}

/**
 * Several products of a photo: a box on it and a row below it for each.
 * @param {Object[]} answers each with its `box`
 * @param {(answer: Object) => void} open
 */
export function severalCard(answers, actions, open) {
  const named = answers.map((answer) => ({ answer, ...titleOf(answer) }));
  const boxes = named.map(({ answer, kind, name }, index) => {
    const label = `${index + 1}: ${name}`;
    const box = el(`button.box.${kind}`, { type: "button", "aria-label": label, onclick: () => open(answer) });
    const [left, top, right, bottom] = answer.box.map((side) => `${100 * side}%`);
    Object.assign(box.style, { left, top, width: `calc(${right} - ${left})`, height: `calc(${bottom} - ${top})` });
    box.append(el("span", { "aria-hidden": "true" }, String(index + 1)));
    return box;
  });
  const rows = named.map(({ answer, kind, name, note }, index) =>
    el(
      "li",
      {},
      el(
        "button.row",
        { type: "button", onclick: () => open(answer) },
        el(`span.number.${kind}`, {}, String(index + 1)),
        el("span.texts", {}, el("span.name", {}, el("bdi", {}, name)), el("span.note", {}, note)),
      ),
    ),
  );
  return [
    el("h2", { id: "heading", tabindex: "-1" }, say.several({ count: answers.length })),
    el("p.note", {}, say.severalWhy),
    el("div.boxes", {}, actions.photo(".whole"), ...boxes),
    el("ul.choices", {}, ...rows),
  ];
}

/** What an answer is called in a list. */
function titleOf({ decision, matches, candidates, confidence }) {
  if (decision === "match") return { kind: decision, name: matches[0].name, note: likely(confidence).word };
  if (decision === "unknown") return { kind: decision, name: say.unknown, note: "" };
  const name = anyOf(candidates.map((product) => product.name));
  return { kind: decision, name, note: candidates.length === 1 ? say.perhaps : say.ambiguous };
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
