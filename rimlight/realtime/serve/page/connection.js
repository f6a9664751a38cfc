/** One call to the server, kept up: opens a session, looks after it, notices when it is lost, opens another. */

import { api, ApiError } from "./api.js";
import { measure } from "./meter.js";
import { Backoff, Lost, connected, fullOffer, lowDelay, makePeer, pause, untilLost } from "./peer.js";
import { refusal } from "./words.js";

const LOOK_MS = 1000;
const DOUBT_MS = 500; // until the next look, once one found nothing
const SILENT_LOOKS = 2; // looks without an answer and without frames, after which the server counts as gone
const STILL_MS = 250; // without a picture where there were some, after which the next look is not waited for
const SURE_MS = 200; // without a picture, after which it is believed that nobody sends any more
const SPREAD_S = 0.3; // the sessions of one machine do not all come back at the same moment
const BITS_PER_LINE = { 360: 1_000_000, 720: 2_500_000, 1080: 4_500_000 };

/** The server ended the session at its own limit: not to be opened again without being asked. */
class TimeIsUp extends Error {}

/**
 * on: {phase(name, detail), over({title, text, status}), info(info), opened(session), picture(stream or null),
 * looked(state, measured)}. Phases: connecting, running, waiting {title, text, untilMs}, parked (no camera).
 * settings: gives what the session shall begin with.
 */
export class Connection {
  peer = null;
  session = null;
  #on;
  #settings;
  #track;
  #height;
  #sender = null;
  #watch;
  #backoff = new Backoff();
  #ended = new AbortController();
  #wake = () => {};

  constructor({ track, height, settings, on }) {
    this.#track = track;
    this.#height = height;
    this.#settings = settings;
    this.#on = on;
  }

  /** Keep a session up until stop(), or until something needs the user. */
  async run() {
    const { signal } = this.#ended;
    while (!signal.aborted) {
      try {
        await this.#oneSession(signal);
      } catch (problem) {
        if (signal.aborted) return;
        const wait = this.#judge(problem);
        if (wait === null) return;
        await Promise.race([pause(wait, signal).catch(() => {}), this.#woken()]);
      }
    }
  }

  /** End it; also right while the page goes away. */
  stop() {
    this.#ended.abort();
    this.#wake();
    this.#close();
  }

  /** Do not wait any longer for the next try. */
  retryNow() {
    this.#wake();
  }

  /** Send another camera's track, or none; the connection stays. */
  async send(track, height) {
    this.#track = track;
    this.#height = height;
    if (track) this.#wake();
    if (!this.#sender) return;
    await this.#sender.replaceTrack(track);
    await this.#tune();
  }

  async #oneSession(signal) {
    if (!this.#track) {
      this.#on.phase("parked");
      await this.#woken();
      return;
    }
    this.#on.phase("connecting");
    const info = await api.info(signal);
    this.#on.info(info);
    this.#build(info);
    try {
      this.session = await this.#open(await fullOffer(this.peer, signal), signal);
      await this.peer.setRemoteDescription({ type: "answer", sdp: this.session.sdp });
      await this.#tune();
      await connected(this.peer, signal);
      this.#backoff.reset();
      this.#on.opened(this.session);
      this.#on.phase("running");
      await this.#lookAfter(signal);
    } finally {
      this.#close();
    }
  }

  #build(info) {
    const peer = makePeer(info.ice_servers);
    const stream = new MediaStream();
    const limits = { maxBitrate: this.#bitrate(), maxFramerate: info.limits.fps };
    peer.addEventListener("track", ({ track, receiver }) => {
      lowDelay(receiver);
      stream.addTrack(track);
      this.#on.picture(stream);
    });
    const way = peer.addTransceiver(this.#track, { direction: "sendrecv", sendEncodings: [limits] });
    this.peer = peer;
    this.#sender = way.sender;
  }

  /** Under the name of the session before, so that links to it still lead here; if it is taken, under a new one. */
  async #open(sdp, signal) {
    let session;
    try {
      session = await api.open(sdp, this.#settings(), this.#watch, signal);
    } catch (problem) {
      if (!(problem instanceof ApiError && problem.status === 409 && this.#watch)) throw problem;
      session = await api.open(sdp, this.#settings(), undefined, signal);
    }
    this.#watch = session.watch;
    return session;
  }

  #bitrate() {
    return BITS_PER_LINE[this.#height] ?? BITS_PER_LINE[720];
  }

  /** Prefer an even motion to a sharp picture, and bound what is sent. */
  async #tune() {
    const wanted = this.#sender.getParameters();
    if (!wanted.encodings?.length) return;
    wanted.encodings[0].maxBitrate = this.#bitrate();
    wanted.degradationPreference = "maintain-framerate";
    await this.#sender.setParameters(wanted);
  }

  /** Ask for the state each second, and at once when pictures stop; throws when the session is over. */
  async #lookAfter(signal) {
    const { peer } = this;
    const lost = untilLost(peer);
    let [leftS, silent, frames] = [null, 0, -1];
    for (;;) {
      const measured = await measure(peer);
      const state = await Promise.race([this.#look(leftS, measured.frames, signal), lost]);
      const moved = measured.frames > frames;
      silent = state || moved ? 0 : silent + 1;
      if (silent >= SILENT_LOOKS) throw new Lost("The server does not answer any more.");
      frames = measured.frames;
      leftS = state?.left_s ?? leftS;
      this.#on.looked(state, measured);
      await Promise.race([rest(peer, frames, moved, silent ? DOUBT_MS : LOOK_MS, signal), lost]);
    }
  }

  /** The session's state; null where nobody answered. frames: that were shown before. */
  async #look(leftS, frames, signal) {
    const { peer, session } = this; // by the time of the answer there may be others
    const askedMs = performance.now();
    try {
      return await api.look(session.id, signal);
    } catch (problem) {
      if (!(problem instanceof ApiError)) throw problem;
      if (problem.status === 0 || problem.status >= 500) return null;
      if (![404, 410].includes(problem.status)) throw problem;
      if (problem.status === 410 && (await comes(peer, frames, askedMs, signal))) return null; // then that is wrong
      if (this.session === session) this.session = null;
      if (problem.status === 410) throw new Lost("The machine that did it is gone; another one takes over.", SPREAD_S * Math.random());
      if (leftS !== null && leftS <= 2 * (LOOK_MS / 1000)) throw new TimeIsUp();
      throw new Lost("The server ended the session.");
    }
  }

  /** Milliseconds until the next try, or null where that makes no sense. */
  #judge(problem) {
    if (problem instanceof TimeIsUp) {
      this.#on.over({
        title: "The time limit was reached",
        text: "This server ends each session after a while. Start again for another one.",
      });
      return null;
    }
    const { again, ...words } = refusal(problem);
    if (!again) {
      this.#on.over(words);
      return null;
    }
    const waitMs = 1000 * (problem.retryAfterS ?? this.#backoff.next());
    this.#on.phase("waiting", { ...words, untilMs: performance.now() + waitMs });
    return waitMs;
  }

  #woken() {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  #close() {
    const { peer, session } = this;
    this.peer = this.session = this.#sender = null;
    if (peer) this.#on.picture(null);
    const hangUp = () => peer?.close();
    // the server ends a session whose connection closes, and would then not know the one to be deleted
    if (session) api.close(session.id).catch(forgive).finally(hangUp);
    else hangUp();
  }
}

/** Resolves after a time; sooner once no picture came for a while after some did. frames: shown before; came: lately. */
async function rest(peer, frames, came, waitMs, signal) {
  const endMs = performance.now() + waitMs;
  for (let leftMs = waitMs; leftMs > 0; leftMs = endMs - performance.now()) {
    await pause(Math.min(STILL_MS, leftMs), signal);
    const now = (await measure(peer)).frames;
    if (came && now === frames) return;
    [frames, came] = [now, now > frames];
  }
}

/** Whether pictures come at this moment; frames: that were shown at a moment before. */
async function comes(peer, frames, beforeMs, signal) {
  const now = await measure(peer);
  if (now.frames === frames && performance.now() - beforeMs >= SURE_MS) return false;
  await pause(SURE_MS, signal);
  return (await measure(peer)).frames > now.frames;
}

/** A session that cannot be ended now ends by itself when its frames stop. */
function forgive(problem) {
  if (!(problem instanceof ApiError)) throw problem;
}
