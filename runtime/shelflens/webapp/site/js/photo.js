/** From a photo or a camera frame to the model's input. Spec: "How a photo becomes pixels". */

import { draftFactor, shrink, stretch } from "./resample.js";
import { WebAppError, say } from "./languages/strings.js";

const MAX_PIXELS = 89478485;

/**
 * @param {Blob|ImageBitmap} photo an image file, or a frame that is upright already
 * @param {number} size side of the model's input, pixels
 * @returns {Promise<Uint8Array>} RGB, [size, size, 3]
 * @throws {WebAppError} not an image, or too large
 */
export async function toInput(photo, size) {
  return inputOf(await read(photo), size);
}

/**
 * @param {Blob|ImageBitmap} photo as of `toInput`; a frame is used up
 * @returns {Promise<{pixels: Uint8ClampedArray, width: number, height: number, jpeg: boolean}>} RGBA
 * @throws {WebAppError} as `toInput`
 */
export async function read(photo) {
  const jpeg = await isJpeg(photo);
  return { ...(await decode(photo)), jpeg };
}

/** The model's input of a picture that was read. @returns {Uint8Array} RGB, [size, size, 3] */
export function inputOf(picture, size) {
  const { pixels, width, height } = reduced(picture, size);
  return stretch(pixels, width, height, size);
}

/** The picture, a JPEG at a fraction of its size: both sides keep 1.5 times `size` pixels. */
export function reduced({ pixels, width, height, jpeg }, size) {
  return shrink(pixels, width, height, jpeg ? draftFactor(width, height, size) : 1);
}

/** Decode: upright by EXIF, wide-gamut profiles converted to sRGB, transparency composited on white. RGBA pixels. */
async function decode(photo) {
  const bitmap = photo instanceof ImageBitmap ? photo : await open(photo);
  const { width, height } = bitmap;
  if (width * height > MAX_PIXELS) throw new WebAppError(say.photoTooLarge);
  const context = new OffscreenCanvas(width, height).getContext("2d", {
    willReadFrequently: true,
    colorSpace: "srgb",
  });
  if (!context) throw new WebAppError(say.photoTooLarge);
  context.fillStyle = "#fff";
  context.fillRect(0, 0, width, height);
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  return { pixels: context.getImageData(0, 0, width, height).data, width, height };
}

async function open(blob) {
  try {
    return await createImageBitmap(blob, {
      imageOrientation: "from-image",
      premultiplyAlpha: "none",
      colorSpaceConversion: "default",
    });
  } catch (cause) {
    throw new WebAppError(say.noPhoto, { cause });
  }
}

async function isJpeg(photo) {
  if (photo instanceof ImageBitmap) return false;
  const [first, second] = new Uint8Array(await photo.slice(0, 2).arrayBuffer());
  return first === 0xff && second === 0xd8;
}
