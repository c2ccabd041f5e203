/**
 * Entry of the worker: calls come in as {id, call, args}, go out as {id, result} or {id, error}.
 * A classic worker, since the engine loads its code by importScripts.
 */

const recognizer = import("./recognizer.js").then(({ start }) => {
  return start((share) => self.postMessage({ share }));
});

self.onmessage = async ({ data: { id, call, args } }) => {
  try {
    const result = await (await recognizer)[call](...args);
    self.postMessage({ id, result });
  } catch (error) {
    const known = error.constructor.name === "WebAppError";
    self.postMessage({ id, error: { known, message: error.message } });
  }
};
