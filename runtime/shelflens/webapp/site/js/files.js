/** Loads the web app's own files, by addresses relative to this module: any folder can host them. */

import { WebAppError, say } from "./languages/strings.js";

/** The address of a file of the web app. */
export const address = (name) => new URL(`../${name}`, import.meta.url).href;

/**
 * @param {string} name path in the web app
 * @param {(bytes: number) => void} [onBytes] called with the size of each chunk that arrived
 * @returns {Promise<ArrayBuffer>} a `.pack` file unpacked
 * @throws {WebAppError} the file cannot be loaded
 */
export async function loadFile(name, onBytes = () => {}) {
  const response = await fetch(address(name)).catch(() => null);
  if (!response?.ok) throw new WebAppError(say.notLoaded({ file: name }));
  const counted = new TransformStream({
    transform(chunk, controller) {
      onBytes(chunk.byteLength);
      controller.enqueue(chunk);
    },
  });
  try {
    const buffer = await new Response(response.body.pipeThrough(counted)).arrayBuffer();
    return await unpacked(buffer);
  } catch (error) {
    throw new WebAppError(say.notLoaded({ file: name }), { cause: error });
  }
}

async function unpacked(buffer) {
  const [first, second] = new Uint8Array(buffer, 0, Math.min(2, buffer.byteLength));
  if (first !== 0x1f || second !== 0x8b) return buffer;
  const stream = new Response(buffer).body.pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).arrayBuffer();
}
