/** Building elements; texts become text nodes, so nothing in a catalog can become markup. */

/**
 * @param {string} tag with classes after dots: "p.soft"
 * @param {Object} attributes functions such as `onclick` become properties; null and false are left out
 * @param {...(Node|string|null)} children
 */
export function el(tag, attributes = {}, ...children) {
  const [name, ...classes] = tag.split(".");
  const made = document.createElement(name);
  if (classes.length) made.className = classes.join(" ");
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === "function") made[key] = value;
    else made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

/** @param {string} id */
export const byId = (id) => document.getElementById(id);

/** A button. @param {string} tag as in `el` */
export const button = (tag, text, onclick) => el(`button${tag}`, { type: "button", onclick }, text);

/** Show a line, or hide it. @param {string} id of its element @param {string} text */
export function line(id, text) {
  byId(id).hidden = !text;
  byId(id).textContent = text;
}

/** A product's picture, or a square with its first letter. */
export function picture(product) {
  const [first = "?"] = product.name.trim().toUpperCase();
  const letter = () => el("span.letter", { "aria-hidden": "true" }, first);
  const path = product.id.split("/").map(encodeURIComponent).join("/");
  const image = el("img", { alt: "", loading: "lazy", src: `/pictures/${path}` });
  image.onerror = () => image.replaceWith(letter());
  return image;
}
