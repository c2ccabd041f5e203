/** The page of those who may edit: check answers, add products, change and delete them. */

import { discard, isAdding, live, openAdd, resume, save, takeShots } from "./edit_add.js";
import { cameraOn, startCamera, stopCamera, takePhoto } from "./edit_camera.js";
import { checkPhoto } from "./edit_check.js";
import { byId } from "./edit_dom.js";
import { closeDialog, describe, loadList, searchSoon, showMore } from "./edit_list.js";
import { openTab, openedTab, report, undoable } from "./edit_page.js";
import { server } from "./edit_server.js";
import { localise, say } from "./languages/strings.js";

localise(document);
document.title = say.serve.title;
byId("search").placeholder = say.edit.search;

async function undo() {
  byId("undo").disabled = true;
  try {
    const edited = await server.undo(undoable());
    report(say.edit.undone, edited);
    if (openedTab() === "list") await loadList();
  } catch (error) {
    report(error.message, null);
  } finally {
    byId("undo").disabled = false;
  }
}

async function take(photos) {
  if (isAdding()) await takeShots(photos);
  else await checkPhoto(photos[0]);
}

byId("tabs").onclick = ({ target }) => {
  if (target.dataset.tab === "add") openAdd();
  else if (target.dataset.tab) openTab(target.dataset.tab);
};
byId("shutter").onclick = async () => {
  await startCamera(); // pressed before it showed anything
  if (cameraOn()) await take([await takePhoto()]);
};
byId("file").onchange = async () => {
  const photos = [...byId("file").files];
  byId("file").value = ""; // the same photo may be chosen again
  if (photos.length) await take(photos);
};
byId("undo").onclick = undo;
byId("add").onsubmit = save;
byId("discard").onclick = discard;
byId("search").oninput = searchSoon;
byId("few").onchange = () => loadList();
byId("more").onclick = showMore;
byId("describe").onsubmit = describe;
byId("close").onclick = closeDialog;
document.addEventListener("tab", () => {
  if (openedTab() !== "list") return startCamera();
  stopCamera();
  return loadList();
});
document.addEventListener("visibilitychange", () => {
  if (document.visibilityState === "hidden") stopCamera();
  else if (openedTab() !== "list") startCamera();
});

openTab("check");
resume().then(() => (document.body.dataset.ready = "yes"));
live();
