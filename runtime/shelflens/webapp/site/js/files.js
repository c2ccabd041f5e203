/** Loading the page's own files. Addresses count from this module, so any folder can host them. */

import { PageError, say } from "./strings.js";

/** The address of a file of the page. */
export const address = (name) => new URL(`../${name}`, import.meta.url).href;

/**
 * @param {string} name path in the page
 * @param {(bytes: number) => void} [onBytes] called with the size of each piece that came
 * @returns {Promise<ArrayBuffer>} a `.pack` file unpacked
 * @throws {PageError} the file cannot be had
 */
export async function loadFile(name, onBytes = () => {}) {
  const response = await fetch(address(name)).catch(() => null);
  if (!response?.ok) throw new PageError(say.notLoaded(name));
  const counted = new TransformStream({
    transform(piece, controller) {
      onBytes(piece.byteLength);
      controller.enqueue(piece);
    },
  });
  try {
    const buffer = await new Response(response.body.pipeThrough(counted)).arrayBuffer();
    return await unpacked(buffer);
  } catch (error) {
    throw new PageError(say.notLoaded(name), { cause: error });
  }
}

async function unpacked(buffer) {
  const [first, second] = new Uint8Array(buffer, 0, Math.min(2, buffer.byteLength));
  if (first !== 0x1f || second !== 0x8b) return buffer;
  const stream = new Response(buffer).body.pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).arrayBuffer();
}
