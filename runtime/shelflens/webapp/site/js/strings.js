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
  noProduct: (id) => `The catalog has no product “${id}”.`,
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
  perhaps: "Not sure. Is it this?",
  ambiguousWhy: (n) =>
    n === 1
      ? "Tap it if it is the one you hold, or take another photo."
      : `It may be each of these ${n} products. Choose the one you hold.`,
  chosen: "Your choice",
  unknown: "Not in this catalog",
  unknownWhy: "None of the products is close enough. Try again from the front, in good light.",
  confidence: (confidence) => `${share(confidence)} sure`,
  basis: {
    default: "not measured with this store’s photos yet",
    measured: "measured with this store’s photos",
    barcode: "by its barcode",
  },
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

  // Changing the catalog on this device.
  edit: {
    products: "All products",
    thisIsIt: "This is it",
    none: "None of these: add it",
    add: "Add a product",
    newProduct: "New product",
    photoHint: "Two to four photos: the front, then other sides.",
    name: "Name",
    price: "Price",
    category: "Category",
    save: "Save",
    discard: "Discard",
    removeShot: (number) => `Remove photo ${number}`,
    shot: (number) => `Photo ${number}`,
    take: "Take a photo",
    resumed: "Continued where you left off.",
    notKept: "This browser cannot keep the draft: do not close the page before you save.",
    needName: "Give the product a name.",
    needPhotos: (missing) => `Take ${missing} more ${missing === 1 ? "photo" : "photos"}.`,
    tooLong: (what, over) => `${what}: ${over} ${over === 1 ? "character" : "characters"} too many.`,
    unprintable: (what) => `${what}: has characters that do not print on one line. Remove them.`,
    reserved: (what) => `“${what}” cannot be an attribute. Choose another word.`,
    taken: (name) => `There is a product “${name}” already. Choose another name.`,
    full: "There is no space left on this device. Nothing was changed: make room, then try again.",
    noStorage: "This browser stores nothing for this page (a private window?). Nothing was changed.",
    blurred: "Blurred: hold still, or go closer.",
    sameSide: (number) => `Same side as photo ${number}: turn the product.`,
    alike: (name) => `Looks like ${name}, which is there already.`,
    good: "Good: take it.",
    goodShot: "Good",
    enough: "That is enough. Save it.",
    added: (name) => `${name} is in the catalog.`,
    confirmed: (name) => `Thank you. The photo now belongs to ${name}.`,
    confirmedNothing: (name) => `${name} has such a photo already.`,
    changed: (name) => `${name} is changed.`,
    removed: (name) => `${name} is deleted.`,
    change: "Change",
    remove: "Delete",
    undo: "Undo",
    undone: "The last change is taken back.",
    search: "Search products",
    count: (found) => (found === 1 ? "1 product" : `${found.toLocaleString("en")} products`),
    images: (count) => (count === 1 ? "1 photo" : `${count} photos`),
    few: "needs more photos",
    more: "Show more",
    exportIt: "Export the catalog",
    edits: (count) => `${count === 1 ? "1 change" : `${count} changes`} on this device.`,
    left: (count) => `${count} of them no longer fit this catalog, and are not applied.`,
  },

  // The web app.
  intro: (count) => `${count.toLocaleString("en")} products. Photos stay on this device.`,
};
