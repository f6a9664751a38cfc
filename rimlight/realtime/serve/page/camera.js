/** The camera: opened, listed, noticed when it is unplugged and when it is back. */

import { recall } from "./remembered.js";
import { cameraProblem } from "./words.js";

const FRAMES_PER_S = 30;
const WAKING_MS = [0, 700, 1500]; // a camera that was plugged in needs a moment before it opens

/** The camera gave nothing; words: {title, text} for people. */
export class CameraError extends Error {
  constructor(cause) {
    super(cause.message, { cause });
    this.words = cameraProblem(cause);
  }
}

/** lost({id, label}) hears of an unplugged camera, listed(cameras) of every list, back(id) of the lost one's return. */
export class Camera {
  track = null;
  #gone = null;
  #hears;

  constructor(hears) {
    this.#hears = hears;
    navigator.mediaDevices?.addEventListener("devicechange", () => this.#changed());
  }

  /** Open this one, or any if none is named; the one before is closed first: some machines open one at a time only. */
  async open(id, height) {
    this.close();
    const usual = recall("camera", ""); // before the user allowed a camera, the list has no ids to choose from
    const video = {
      deviceId: id ? { exact: id } : { ideal: usual },
      height: { ideal: height },
      width: { ideal: Math.round((height * 16) / 9) },
      frameRate: { ideal: FRAMES_PER_S },
    };
    const stream = await granted({ video, audio: false });
    const [track] = stream.getVideoTracks();
    track.contentHint = "motion";
    track.addEventListener("ended", () => this.#ended(track));
    this.track = track;
    this.#hears.listed(await this.list());
    return track;
  }

  close() {
    this.#gone = null;
    this.track?.stop();
    this.track = null;
  }

  /** {id, label} of each camera; before the user allowed one, browsers tell neither. */
  async list() {
    const devices = (await navigator.mediaDevices?.enumerateDevices()) ?? [];
    const cameras = devices.filter(({ kind }) => kind === "videoinput");
    return cameras.map(({ deviceId, label }, index) => ({ id: deviceId, label: label || `Camera ${index + 1}` }));
  }

  /** Go over to another one, with a few tries; if it does not open, go back to the one before and raise CameraError. */
  async change(id, before, height) {
    for (const waitMs of WAKING_MS) {
      await new Promise((resolve) => setTimeout(resolve, waitMs));
      try {
        await this.open(id, height);
        return;
      } catch (error) {
        if (!(error instanceof CameraError)) throw error;
        if (waitMs !== WAKING_MS.at(-1)) continue;
        if (before && before !== id) await this.open(before, height);
        throw error;
      }
    }
  }

  #ended(track) {
    if (track !== this.track) return;
    this.track = null;
    this.#gone = { id: track.getSettings().deviceId, label: track.label };
    this.#hears.lost(this.#gone);
  }

  async #changed() {
    const cameras = await this.list();
    this.#hears.listed(cameras);
    const gone = this.#gone;
    const back = gone && cameras.find(({ id, label }) => (gone.id && id === gone.id) || label === gone.label);
    if (!back) return;
    this.#gone = null;
    this.#hears.back(back.id);
  }
}

async function granted(constraints) {
  try {
    return await navigator.mediaDevices.getUserMedia(constraints);
  } catch (error) {
    throw new CameraError(error);
  }
}
