/** The parts of the page, and the bar that says what was done. */

import { byId } from "./edit_dom.js";

let fingerprint = ""; // of the catalog whose last change "Undo" takes back

/** Which catalog "Undo" names. */
export const undoable = () => fingerprint;

export const openedTab = () => document.body.dataset.tab;

/** Show a part of the page: check, add or list. */
export function openTab(name) {
  document.body.dataset.tab = name;
  for (const tab of document.querySelectorAll("#tabs button")) {
    if (tab.dataset.tab === name) tab.setAttribute("aria-current", "page");
    else tab.removeAttribute("aria-current");
  }
  byId("hint").textContent = "";
  byId("viewfinder").dataset.verdict = "";
  byId("shutter").disabled = false;
  document.dispatchEvent(new Event("tab"));
}

/** Say what was done, and offer to undo it. @param {Object|null} edited the server's answer */
export function report(text, edited) {
  fingerprint = edited?.undo ? edited.fingerprint : "";
  byId("done").textContent = text;
  byId("undo").hidden = !fingerprint;
  byId("bar").hidden = !text;
}
