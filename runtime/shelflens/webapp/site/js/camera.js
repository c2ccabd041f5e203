/** The camera: a live image in a <video>, frames of what it shows, and what else it can do. */

import { say } from "./languages/strings.js";

const REASONS = {
  NotAllowedError: say.cameraDenied,
  NotFoundError: say.cameraMissing,
  OverconstrainedError: say.cameraMissing,
  NotReadableError: say.cameraBusy,
  AbortError: say.cameraBusy,
};

export class Camera {
  #stream = null;
  #facing = "environment";

  /** @param {HTMLVideoElement} video shows the camera, cut to fill its box */
  constructor(video) {
    this.video = video;
  }

  get on() {
    return this.#stream !== null;
  }

  /**
   * @returns {Promise<string|null>} null when it runs, else a line with the reason
   */
  async start() {
    if (!navigator.mediaDevices?.getUserMedia) return say.cameraInsecure;
    try {
      const stream = await navigator.mediaDevices.getUserMedia({
        video: {
          facingMode: { ideal: this.#facing },
          width: { ideal: 1280 },
          height: { ideal: 960 },
        },
      });
      this.stop();
      this.#stream = stream;
      this.video.srcObject = stream;
      await this.video.play();
      return null;
    } catch (error) {
      this.stop();
      return REASONS[error.name] ?? say.cameraMissing;
    }
  }

  stop() {
    this.#stream?.getTracks().forEach((track) => track.stop());
    this.#stream = null;
    this.video.srcObject = null;
  }

  /** The visible part of the frame. @returns {Promise<ImageBitmap>} */
  frame() {
    const { videoWidth: width, videoHeight: height, clientWidth, clientHeight } = this.video;
    const scale = Math.max(clientWidth / width, clientHeight / height);
    const w = Math.min(Math.round(clientWidth / scale), width);
    const h = Math.min(Math.round(clientHeight / scale), height);
    const [x, y] = [Math.round((width - w) / 2), Math.round((height - h) / 2)];
    return createImageBitmap(this.video, x, y, w, h);
  }

  get #track() {
    return this.#stream?.getVideoTracks()[0] ?? null;
  }

  /**
   * What this camera can do.
   * @returns {{torch: boolean, zoom: {min: number, max: number, step: number, now: number}|null}}
   */
  get abilities() {
    const { torch = false, zoom } = this.#track?.getCapabilities?.() ?? {};
    const wide = zoom && zoom.max > zoom.min;
    const now = this.#track?.getSettings().zoom ?? zoom?.min;
    const { min, max, step } = zoom ?? {};
    return { torch: Boolean(torch), zoom: wide ? { min, max, step: step || 0.1, now } : null };
  }

  /** Switch the light or zoom, where the camera can. @param {{torch?: boolean, zoom?: number}} setting */
  async set(setting) {
    await this.#track?.applyConstraints({ advanced: [setting] }).catch(() => {});
  }

  /** Whether this device has a second camera. @returns {Promise<boolean>} */
  async hasSecond() {
    const devices = await navigator.mediaDevices.enumerateDevices().catch(() => []);
    return devices.filter(({ kind }) => kind === "videoinput").length > 1;
  }

  /** Turn to the front or back camera. @returns {Promise<string|null>} as `start` */
  turn() {
    this.#facing = this.#facing === "environment" ? "user" : "environment";
    this.stop(); // phones open one camera at a time
    return this.start();
  }

  /** Whether the image shows whoever holds the phone. */
  get facesUser() {
    return this.#track?.getSettings().facingMode === "user";
  }
}
