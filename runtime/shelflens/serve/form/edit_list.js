/** All products: search, change, add photos, delete. */

import { openAdd } from "./edit_add.js";
import { byId, button, el, line, picture } from "./edit_dom.js";
import { report } from "./edit_page.js";
import { shownAttributes } from "./languages/attributes.js";
import { server } from "./edit_server.js";
import { labelOf, say } from "./languages/strings.js";

const HIDDEN = new Set(["name", "picture"]);
let shown = []; // the products on the page
let asked = 0; // requests so far: an answer that a newer one overtook is not shown
let timer = 0;
let opened = null; // the product in the dialog

/** Show the products that are searched for. @param {boolean} further add to those that are shown */
export async function loadList(further = false) {
  const number = ++asked;
  try {
    const from = further ? shown.length : 0;
    const page = await server.list(byId("search").value, from, byId("few").checked);
    if (number !== asked) return;
    shown = further ? [...shown, ...page.products] : page.products;
    byId("found").textContent = say.edit.count({ count: page.found });
    byId("products").replaceChildren(...shown.map(row));
    byId("more").hidden = shown.length >= page.found;
    if (byId("bar").hidden && page.undo) report(say.serve.lastChange, page);
  } catch (error) {
    if (number === asked) byId("found").textContent = error.message;
  }
}

export const showMore = () => loadList(true);

export function searchSoon() {
  clearTimeout(timer);
  timer = setTimeout(loadList, 250);
}

function row(product) {
  const values = shownAttributes(product.attributes).map(([, text]) => el("bdi", {}, text));
  const { name } = product;
  const act = (tag, text, long, work) => {
    const made = button(tag, text, work);
    made.setAttribute("aria-label", long({ name }));
    return made;
  };
  return el(
    "li",
    { "data-id": product.id },
    picture(product),
    el(
      "div",
      {},
      el("strong", {}, el("bdi", {}, product.name)),
      el("span.soft", {}, ...values.flatMap((value) => [" · ", value]).slice(1)),
      el("br"),
      el("span.soft", {}, say.edit.images({ count: product.images + product.confirmed })),
      product.few ? el("span.badge", {}, ` · ${say.edit.few}`) : null,
    ),
    el(
      "div.actions",
      {},
      act(".quiet", say.edit.change, say.serve.changeLong, () => open(product)),
      act(".quiet", say.edit.addPhotos, say.edit.addPhotosLong, () => openAdd({ id: product.id, name: product.name })),
      act(".quiet", say.edit.remove, say.serve.removeLong, () => remove(product)),
    ),
  );
}

async function remove(product) {
  try {
    report(say.edit.removed({ name: product.name }), await server.remove(product.id));
  } catch (error) {
    report(error.message, null);
  }
  await loadList();
}

function open(product) {
  opened = product;
  byId("dialogtitle").textContent = say.serve.changeLong({ name: product.name });
  line("dialogerror", "");
  const keys = ["name", ...Object.keys(product.attributes).filter((key) => !HIDDEN.has(key))];
  const fields = keys.map((key, index) => {
    const id = `attribute-${index}`;
    const input = el("input", { id, type: "text", autocomplete: "off", "data-key": key });
    input.value = key === "name" ? product.name : product.attributes[key];
    return el("div.field", {}, el("label", { for: id }, labelOf(key)), input);
  });
  const pair = [["further-key", say.serve.furtherName], ["further-value", say.serve.furtherValue]].map(([id, label]) =>
    el("div", {}, el("label", { for: id }, label), el("input", { id, type: "text", autocomplete: "off" })));
  byId("attributes").replaceChildren(...fields, el("div.field.pair", {}, ...pair));
  byId("dialog").showModal();
}

export const closeDialog = () => byId("dialog").close();

/** Save what the dialog says; texts that nobody touched are not sent. */
export async function describe(event) {
  event.preventDefault();
  const set = {};
  const was = {};
  for (const input of byId("attributes").querySelectorAll("[data-key]")) {
    const { key } = input.dataset;
    const before = opened.attributes[key] ?? "";
    const seen = key === "name" ? opened.name : before;
    if (input.value.trim() === seen) continue;
    set[key] = input.value.trim();
    was[key] = before;
  }
  const [key, value] = ["further-key", "further-value"].map((id) => byId(id).value.trim());
  if (key && value) [set[key], was[key]] = [value, opened.attributes[key] ?? ""];
  try {
    if (Object.keys(set).length) {
      const edited = await server.describe(opened.id, set, was);
      report(say.edit.changed({ name: set.name || opened.name }), edited);
    }
    closeDialog();
    await loadList();
  } catch (error) {
    line("dialogerror", error.message);
  }
}
