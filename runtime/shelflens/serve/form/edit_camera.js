/** The camera: a live image, and photos of what it shows. */

import { byId, line } from "./edit_dom.js";
import { say } from "./languages/strings.js";

const video = byId("video");
const SMALL = 448; // pixels of the longer side of what the server checks while one aims
let stream = null;
let starting = null; // while it is asked for, and until it shows something

/** Whether it runs. */
export const cameraOn = () => stream !== null && video.videoWidth > 0;

/** Start it, or say why not; photos can be chosen then. */
export function startCamera() {
  starting ??= start().finally(() => (starting = null));
  return starting;
}

async function start() {
  if (stream) return;
  let problem = "";
  if (!navigator.mediaDevices?.getUserMedia) problem = say.cameraInsecure;
  else {
    try {
      stream = await navigator.mediaDevices.getUserMedia({
        video: { facingMode: { ideal: "environment" }, width: { ideal: 1280 }, height: { ideal: 960 } },
      });
      video.srcObject = stream;
      await video.play();
    } catch (error) {
      stopCamera();
      problem = error.name === "NotAllowedError" ? say.cameraDenied : say.cameraMissing;
    }
  }
  document.body.classList.toggle("blind", problem !== "");
  byId("shutter").hidden = problem !== "";
  line("problem", problem);
}

export function stopCamera() {
  stream?.getTracks().forEach((track) => track.stop());
  stream = null;
  video.srcObject = null;
}

/** A photo of what it shows. @returns {Promise<Blob>} JPEG */
export const takePhoto = () => jpeg(video, video.videoWidth, video.videoHeight, 1, 0.92);

/** The same, small, for the server to check. */
export const peek = () => smaller(video, video.videoWidth, video.videoHeight);

/** A small copy of a photo; the photo itself where the browser cannot open it. @param {Blob} photo */
export async function small(photo, side = SMALL) {
  const bitmap = await createImageBitmap(photo).catch(() => null);
  return bitmap ? smaller(bitmap, bitmap.width, bitmap.height, side) : photo;
}

const smaller = (source, width, height, side = SMALL) =>
  jpeg(source, width, height, Math.min(1, side / Math.max(width, height)), 0.85);

function jpeg(source, width, height, scale, quality) {
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(width * scale));
  canvas.height = Math.max(1, Math.round(height * scale));
  canvas.getContext("2d").drawImage(source, 0, 0, canvas.width, canvas.height);
  return new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", quality));
}
