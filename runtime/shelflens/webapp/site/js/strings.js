/** Every text that a person can see or hear, and the error that carries one. */

/** An error whose message is one clear line for the person who holds the phone. */
export class WebAppError extends Error {}

/** Per cent, as one would say it: 0.987 -> "99 %", and never 100. */
const share = (value) => `${Math.min(99, Math.max(1, Math.round(100 * value)))} %`;

export const say = {
  // Errors.
  catalogDamaged: (what) => `The catalog is damaged (${what}). Build the app again.`,
  catalogNewer: (version, known) =>
    `The catalog has format ${version}, this app reads up to ${known}. Build the app again.`,
  catalogWithout: (what) => `The catalog has no “${what}”. Build it again.`,
  catalogTables: "The catalog’s tables do not fit each other. Build it again.",
  otherSpace: (catalog, model) =>
    `The catalog was made for another model (${catalog}, not ${model}). Build the app again.`,
  modelDamaged: "The model is damaged. Load this page again, or build it again.",
  modelBad: "The model gives no usable result on this device. Please report this.",
  noWasm: "This browser cannot run WebAssembly with SIMD. Use a newer browser.",
  noPhoto: "This file is not an image that this browser can open. Choose a JPEG, PNG or WebP photo.",
  photoTooLarge: "This image has more than 89 million pixels. Choose a smaller one.",
  notLoaded: (file) => `“${file}” could not be loaded. Go online once, and load this page again.`,
  workerDied: "The recognition stopped. Load this page again.",
  engineFailed: (what) => `The recognition could not start (${what}). Load this page again.`,

  // The camera.
  cameraDenied: "The camera is not allowed. Allow it in the browser’s settings, or choose a photo.",
  cameraMissing: "There is no camera here. Choose a photo instead.",
  cameraBusy: "The camera is used by another app. Close that one, or choose a photo.",
  cameraInsecure: "The camera needs a secure (https) address. Choose a photo instead.",
  cameraStart: "Turn on the camera",
  cameraHint: "Fill the frame with one product",

  // Controls.
  camera: "Camera",
  shutter: "Scan this product",
  photo: "Photo",
  photoLong: "Choose a photo",
  again: "Scan again",
  back: "Back",
  product: "Product",
  another: "Another photo",
  light: "Light",
  update: "A new version is ready",
  updateNow: "Use it",
  offlineReady: "Works without a network now",

  // While it works.
  loading: "Getting ready…",
  loadingShare: (part) => `Getting ready… ${Math.round(100 * part)} %`,
  working: "Looking…",

  // The answer.
  match: "Found it",
  ambiguous: "Which one is it?",
  ambiguousWhy: (n) => `${n} products look alike here. Choose the one you hold.`,
  chosen: "Your choice",
  unknown: "Not in this catalog",
  unknownWhy: "None of the products is close enough. Try again from the front, in good light.",
  confidence: (confidence) => `${share(confidence)} sure`,
  basis: { default: "default thresholds", measured: "measured thresholds", barcode: "by its barcode" },
  contradicts: (name) => `The picture looks like ${name}. Is the barcode its own?`,
  nearest: "The nearest products",
  similar: "Similar products",
  yourPhoto: "Your photo",
  open: (name) => `Show ${name}`,
  spoken: {
    match: (name, confidence) => `${name}, ${share(confidence)} sure.`,
    ambiguous: (names) => `Not clear. It may be ${names.join(", or ")}. Choose one.`,
    unknown: () => "This product is not in the catalog.",
  },

  // The web app.
  intro: (count) => `${count.toLocaleString("en")} products. Photos stay on this device.`,
};
