/** All products: search, change, delete, and the catalog as a file. */

import { el } from "./dom.js";
import { labelOf, say } from "./languages/strings.js";

const PAGE_SIZE = 30;
const FEW_IMAGES = 2;
const HIDDEN = new Set(["name", "picture"]);
const text = say.edit;

/**
 * The panel with all products.
 * @param {Object} app `client`, `row(product)` that makes a row, `add()`, `summary` of the catalog
 * @returns {HTMLElement[]}
 */
export function productList(app) {
  const found = el("p.note", { role: "status" });
  const list = el("ul.choices");
  const more = el("button.quiet", { type: "button", onclick: () => load(true) }, text.more);
  const search = el("input", { type: "search", id: "search", autocomplete: "off", placeholder: text.search, "aria-label": text.search });
  let shown = 0;
  let asked = 0;
  async function load(further = false) {
    const number = ++asked;
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const page = await app.client.listed(words, further ? shown : 0, PAGE_SIZE);
    if (number !== asked) return; // another search has overtaken it
    if (!further) [shown] = [0, list.replaceChildren()];
    shown += page.products.length;
    list.append(...page.products.map((product) => el("li", {}, app.row(product, noteOf(product)))));
    found.textContent = text.count({ count: page.found });
    more.hidden = shown >= page.found;
  }
  search.oninput = () => load();
  load();
  const { edits, left } = app.summary;
  const changes = edits ? text.edits({ count: edits }) + (left ? ` ${text.left({ count: left })}` : "") : null;
  return [
    el("h2", { id: "heading", tabindex: "-1" }, text.products),
    el(
      "div.acts",
      {},
      el("button.main", { type: "button", onclick: app.add }, text.add),
      el("button.quiet", { type: "button", onclick: () => exported("store.catalog", app.client.exported()) }, text.exportIt),
      edits ? el("button.quiet", { type: "button", onclick: () => exported("store.delta", app.client.exportedDelta()) }, text.exportChanges) : null,
      edits ? el("button.quiet", { type: "button", onclick: app.undo }, text.undo) : null,
    ),
    changes && el("p.note", {}, changes),
    el("div.field", {}, search),
    found,
    list,
    more,
  ].filter(Boolean);
}

function noteOf({ images }) {
  return text.images({ count: images }) + (images < FEW_IMAGES ? ` · ${text.few}` : "");
}

/** Let the browser save a file. @param {Promise<ArrayBuffer>} content */
async function exported(download, content) {
  const href = URL.createObjectURL(new Blob([await content]));
  el("a", { href, download }).click();
  setTimeout(() => URL.revokeObjectURL(href), 60_000);
}

/**
 * What can be done with a product: confirm it, add photos, change it, delete it.
 * @param {Object} product
 * @param {Object} app `edit(edit, text)` makes a change and says so; `vector` of the photo that was asked
 *   about, or null; `addPhotos()` begins to, `change()` opens the form, or false; `further` buttons
 */
export function productActs(product, app) {
  const { id, name } = product;
  const act = (tag, label, onclick) => el(`button${tag}`, { type: "button", onclick }, label);
  const confirm = () => app.edit({ act: "confirm", id, vectors: [app.vector] }, text.confirmed({ name }), text.confirmedNothing({ name }));
  const acts = [
    app.vector && act(".main", text.thisIsIt, confirm),
    app.addPhotos && act(".quiet", text.addPhotos, app.addPhotos),
    app.change && act(".quiet", text.change, app.change),
    app.change && act(".quiet", text.remove, () => app.edit({ act: "remove", id }, text.removed({ name }))),
    ...app.further,
  ].filter(Boolean);
  return acts.length ? el("div.acts", {}, ...acts) : null;
}

/** A form of a product's attributes; only what is another than before is saved. */
export function changeForm(product, app) {
  const keys = ["name", ...Object.keys(product.attributes).filter((key) => !HIDDEN.has(key))];
  for (const key of ["price", "barcode"]) if (!keys.includes(key)) keys.push(key);
  const before = (key) => (key === "name" ? product.name : (product.attributes[key] ?? ""));
  const problem = el("p.error", { role: "alert", hidden: true });
  const inputs = keys.map((key, index) => {
    const input = el("input", { id: `change-${index}`, type: "text", autocomplete: "off" });
    input.value = before(key);
    el("div.field", {}, el("label", { for: input.id }, labelOf(key)), input);
    return input;
  });
  const onsubmit = async (event) => {
    event.preventDefault();
    const texts = keys.map((key, index) => [key, inputs[index].value.trim()]);
    const changed = texts.filter(([key, value]) => value !== before(key));
    const name = new Map(texts).get("name");
    if (!name) [problem.hidden, problem.textContent] = [false, text.needName];
    else if (!changed.length) app.back();
    else {
      const was = changed.map(([key]) => [key, product.attributes[key] ?? ""]);
      const refused = await app.edit({ act: "describe", id: product.id, texts: changed, was }, text.changed({ name }));
      [problem.hidden, problem.textContent] = [!refused, refused ?? ""];
    }
  };
  return [
    el(
      "form.editing",
      { novalidate: true, onsubmit },
      el("h2", { id: "heading", tabindex: "-1" }, el("bdi", {}, product.name)),
      ...inputs.map((input) => input.parentElement),
      problem,
      el("div.acts", {}, el("button.main", {}, text.save), el("button.quiet", { type: "button", onclick: app.back }, say.back)),
    ),
  ];
}
