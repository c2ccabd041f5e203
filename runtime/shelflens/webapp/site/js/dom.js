/** Building elements. Texts become text nodes, so nothing in a catalog can become markup. */

/**
 * @param {string} tag with classes after dots: "p.note"
 * @param {Object} attributes functions such as `onclick` become properties; null and false are left out
 * @param {...(Node|string|null)} children
 */
export function el(tag, attributes = {}, ...children) {
  const [name, ...classes] = tag.split(".");
  const element = document.createElement(name);
  if (classes.length) element.className = classes.join(" ");
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === "function") element[key] = value;
    else element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

/** @param {string} id */
export const byId = (id) => document.getElementById(id);

const PATHS = {
  photo: "M4 7.5h3l1.6-2.5h6.8L17 7.5h3v11H4zM12 16.2a3.4 3.4 0 1 0 0-6.8 3.4 3.4 0 0 0 0 6.8z",
  gallery: "M4 5h16v14H4zM4 16l4.6-4.8 3.6 3.6 2.6-2.4L20 17M15.6 9.2h.01",
  light: "M13 3 6 13.2h5L10 21l8-11h-5.4z",
  flip: "M4 12a8 8 0 0 1 13.7-5.6L20 8.5M20 4v4.5h-4.5M20 12a8 8 0 0 1-13.7 5.6L4 15.5M4 20v-4.5h4.5",
  steady: "M4 8V4h4M16 4h4v4M20 16v4h-4M8 20H4v-4M7 12h10",
  list: "M8 6h12M8 12h12M8 18h12M4 6h.01M4 12h.01M4 18h.01",
  back: "M14.5 5.5 8 12l6.5 6.5",
};

/** An icon, 24 by 24. @param {keyof PATHS} name */
export function symbol(name) {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(space, "path");
  path.setAttribute("d", PATHS[name]);
  svg.append(path);
  return svg;
}
