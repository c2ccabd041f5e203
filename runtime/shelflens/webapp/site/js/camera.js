/** The camera: a live image in a <video>, frames of what it shows, and the light. */

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
      this.#stream = await navigator.mediaDevices.getUserMedia({
        video: {
          facingMode: { ideal: "environment" },
          width: { ideal: 1280 },
          height: { ideal: 960 },
        },
      });
      this.video.srcObject = this.#stream;
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

  /** Whether this camera has a light. */
  get hasLight() {
    const [track] = this.#stream?.getVideoTracks() ?? [];
    return Boolean(track?.getCapabilities?.().torch);
  }

  /** @param {boolean} on */
  async light(on) {
    const [track] = this.#stream?.getVideoTracks() ?? [];
    await track?.applyConstraints({ advanced: [{ torch: on }] }).catch(() => {});
  }
}
