/** The service worker: works offline after the first visit, and asks before a new version starts. */

import { byId, el } from "./dom.js";
import { address } from "./files.js";
import { say } from "./languages/strings.js";

/** Register it, and show a prompt whenever a new version waits. */
export async function keepOffline() {
  if (!("serviceWorker" in navigator)) return; // plain http: everything works but offline
  const { serviceWorker } = navigator;
  const first = !serviceWorker.controller;
  serviceWorker.addEventListener("controllerchange", () => {
    if (first) toast(say.offlineReady);
    else location.reload();
  });
  serviceWorker.addEventListener("message", ({ data }) => data === "full" && show(el("span", {}, say.offlineFull)));
  serviceWorker.startMessages();
  const options = { scope: address(""), updateViaCache: "none" };
  const registration = await serviceWorker.register(address("sw.js"), options).catch(() => null);
  if (!registration) return;
  if (registration.waiting && !first) offer(registration.waiting);
  registration.addEventListener("updatefound", () => {
    const coming = registration.installing;
    coming?.addEventListener("statechange", () => {
      if (coming.state === "installed" && serviceWorker.controller) offer(coming);
    });
  });
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "visible") registration.update().catch(() => {});
  });
}

function offer(worker) {
  const use = el("button", { type: "button" }, say.updateNow);
  use.onclick = () => {
    use.disabled = true;
    worker.postMessage("use");
  };
  show(el("span", {}, say.update), use);
}

function toast(text) {
  show(el("span", {}, text));
  setTimeout(() => (byId("update").hidden = true), 4000);
}

function show(...children) {
  byId("update").replaceChildren(...children);
  byId("update").hidden = false;
}
