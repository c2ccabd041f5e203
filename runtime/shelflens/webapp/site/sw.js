/**
 * The service worker: one cache per version, filled completely and checked, or not at all.
 *
 * A new version is fetched beside the old one, and the old one serves until the user agrees. What
 * did not change is taken from the old cache. No request leaves this host.
 */

const BUILD = { version: "", files: {} };
const PREFIX = "shelflens-";
const CACHE = PREFIX + BUILD.version;
const POLICY =
  "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; " +
  "connect-src 'self'; img-src 'self' blob:; style-src 'self'; manifest-src 'self'; " +
  "base-uri 'none'; form-action 'none'";

self.addEventListener("install", (event) => event.waitUntil(install()));
self.addEventListener("activate", (event) => event.waitUntil(activate()));
self.addEventListener("message", (event) => {
  if (event.data === "use") self.skipWaiting();
});
self.addEventListener("fetch", (event) => event.respondWith(answer(event.request)));

const address = (name) => new URL(name, self.registration.scope).href;

async function install() {
  const cache = await caches.open(CACHE);
  try {
    for (const [name, hash] of Object.entries(BUILD.files)) await bring(cache, name, hash);
  } catch (error) {
    await caches.delete(CACHE);
    if (error.name === "QuotaExceededError") await tell("full");
    throw error;
  }
}

async function tell(message) {
  const pages = await self.clients.matchAll({ includeUncontrolled: true });
  for (const page of pages) page.postMessage(message);
}

/** Put one file into the cache: from an older version, the browser's own cache, or the host. */
async function bring(cache, name, hash) {
  const sources = [
    () => caches.match(address(name)),
    () => fetch(address(name)),
    () => fetch(address(name), { cache: "reload" }),
  ];
  for (const source of sources) {
    const response = await source();
    if (!response?.ok) continue;
    const body = await response.arrayBuffer();
    if ((await digest(body)) !== hash) continue;
    const type = response.headers.get("content-type") ?? "application/octet-stream";
    const headers = { "content-type": type, "content-security-policy": POLICY };
    await cache.put(address(name), new Response(body, { headers }));
    return;
  }
  throw new Error(`${name}: not there, or not the file of version ${BUILD.version}`);
}

async function digest(body) {
  const bytes = new Uint8Array(await crypto.subtle.digest("SHA-256", body));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

async function activate() {
  for (const name of await caches.keys()) {
    if (name.startsWith(PREFIX) && name !== CACHE) await caches.delete(name);
  }
  await self.clients.claim();
}

async function answer(request) {
  const url = new URL(request.url);
  if (url.origin !== self.location.origin) return Response.error();
  if (request.method === "GET") {
    const start = url.href.split(/[?#]/)[0] === self.registration.scope;
    const cache = await caches.open(CACHE);
    const found = await cache.match(start ? address("index.html") : request, { ignoreSearch: true });
    if (found) return found;
  }
  return fetch(request);
}
