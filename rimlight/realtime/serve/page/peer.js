/** What publishing and watching have in common: a peer connection, its offer, its end, and how long to wait. */

const GATHER_MS = 3000; // the server takes no trickled candidates
const CONNECT_MS = 15_000;
const LOST_MS = 3000; // "disconnected" often heals by itself

/** The connection was lost, or never came about; the message is for people. retryAfterS: null to back off. */
export class Lost extends Error {
  constructor(message, retryAfterS = null) {
    super(message);
    this.retryAfterS = retryAfterS;
  }
}

export function makePeer(iceServers) {
  return new RTCPeerConnection({ iceServers: iceServers.map(known), bundlePolicy: "max-bundle" });
}

/** Without the fields that are null: browsers refuse them. */
function known(server) {
  return Object.fromEntries(Object.entries(server).filter(([, value]) => value !== null));
}

/** The offer with all candidates in it. */
export async function fullOffer(peer, signal) {
  await peer.setLocalDescription(await peer.createOffer());
  const complete = new Promise((resolve) => {
    const look = () => peer.iceGatheringState === "complete" && resolve();
    peer.addEventListener("icegatheringstatechange", look);
    look();
  });
  await Promise.race([complete, pause(GATHER_MS, signal)]);
  return peer.localDescription.sdp;
}

/** Show frames when they come: the browser would hold them back to smooth what needs no smoothing. */
export function lowDelay(receiver) {
  if ("jitterBufferTarget" in receiver) receiver.jitterBufferTarget = 0;
  else if ("playoutDelayHint" in receiver) receiver.playoutDelayHint = 0;
}

export async function connected(peer, signal) {
  const up = new Promise((resolve, reject) => {
    const look = () => {
      if (peer.connectionState === "connected") resolve();
      if (["failed", "closed"].includes(peer.connectionState)) reject(new Lost(NO_PATH));
    };
    peer.addEventListener("connectionstatechange", look);
    look();
  });
  const late = pause(CONNECT_MS, signal).then(() => {
    throw new Lost(NO_PATH);
  });
  await Promise.race([up, late]);
}

const NO_PATH = "The server answered, yet no video gets through: a firewall may block UDP, or a relay (TURN) is needed.";

/** Rejects with Lost when the connection is gone; never resolves. */
export function untilLost(peer) {
  return new Promise((_, reject) => {
    let timer = 0;
    const gone = () => reject(new Lost("The connection was lost."));
    peer.addEventListener("connectionstatechange", () => {
      clearTimeout(timer);
      if (["failed", "closed"].includes(peer.connectionState)) gone();
      if (peer.connectionState === "disconnected") timer = setTimeout(gone, LOST_MS);
    });
  });
}

/** Resolves after a time; rejects with the signal's reason when that comes first. */
export function pause(waitMs, signal) {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(signal.reason);
      return;
    }
    const stop = () => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve();
    }, waitMs);
    signal?.addEventListener("abort", stop, { once: true });
  });
}

/** Seconds to wait before each new try: about 0.5, 1, 2, 4, 8, 8, ..., so that not all browsers come back at once. */
export class Backoff {
  #tries = 0;

  next() {
    return Math.min(8, 0.5 * 2 ** this.#tries++ * (0.8 + 0.4 * Math.random()));
  }

  reset() {
    this.#tries = 0;
  }
}
