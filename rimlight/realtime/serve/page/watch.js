/** The page of who watches: plays the stream named in the fragment (WHEP), and comes back to it when it is lost. */

import { api, ApiError, saveToken, takeFragment } from "./api.js";
import { measure } from "./meter.js";
import { Backoff, Lost, connected, fullOffer, lowDelay, makePeer, pause, untilLost } from "./peer.js";
import { byId, say, viewButtons } from "./stage.js";
import { explain, refusal } from "./words.js";

const LOOK_MS = 1000;
const STILL_LOOKS = 8; // looks in a row without a new picture, after which the stream is asked for again
const CONNECTING = { title: "Connecting", text: "The stream is being asked for.", busy: true };
const FIRST = { title: "Almost there", text: "Waiting for the first picture.", busy: true };
const ABSENT = { title: "Nobody is live here", text: "The stream begins when its sender does; you can leave this page open." };
const NAME = /^[A-Za-z0-9_-]{1,64}$/;

const video = byId("result-video");
const backoff = new Backoff();
const page = { phase: "connecting", peer: null, place: null, name: "" };
let call = null; // AbortController of the attempt that runs, with its skip() of the wait

/** What tests and the curious may look at. */
const debug = {
  get state() {
    return page.phase;
  },
  get peer() {
    return page.peer;
  },
  get session() {
    return page.place;
  },
};
Object.defineProperty(window, "rimlight", { value: Object.freeze(debug) });

viewButtons(byId("stage"), video);
byId("token-form").addEventListener("submit", tokenGiven);
byId("unmute").addEventListener("click", soundOn);
window.addEventListener("hashchange", begin);
window.addEventListener("pagehide", leave);
window.addEventListener("pageshow", (event) => event.persisted && begin());
window.addEventListener("online", () => call?.skip());
video.addEventListener("loadeddata", () => page.phase === "running" && say(null));
begin();

/** Play what the fragment names, from the start. */
function begin() {
  leave();
  page.name = takeFragment() || page.name;
  if (!NAME.test(page.name)) {
    enter("blocked", { title: "This link is not complete", text: "It has to end in # and the name of a stream. Ask for it again." });
    return;
  }
  call = new AbortController();
  call.skip = () => {};
  keepUp(call).catch((error) => enter("blocked", explain(error)));
}

async function keepUp(mine) {
  while (!mine.signal.aborted) {
    try {
      enter("connecting", CONNECTING);
      await watchOnce(mine.signal);
    } catch (problem) {
      if (mine.signal.aborted) return;
      if (!(await waited(problem, mine))) return;
    }
  }
}

async function watchOnce(signal) {
  try {
    const info = await api.info(signal);
    page.peer = offering(info);
    const { sdp, location } = await api.watch(page.name, await fullOffer(page.peer, signal), signal);
    page.place = location;
    await page.peer.setRemoteDescription({ type: "answer", sdp });
    await connected(page.peer, signal);
    backoff.reset();
    enter("running", video.readyState < HTMLMediaElement.HAVE_CURRENT_DATA ? FIRST : null);
    await untilStill(page.peer, signal);
  } finally {
    hangUp();
  }
}

function offering(info) {
  const peer = makePeer(info.ice_servers);
  const stream = new MediaStream();
  peer.addTransceiver("video", { direction: "recvonly" });
  peer.addTransceiver("audio", { direction: "recvonly" });
  peer.addEventListener("track", ({ track, receiver }) => {
    lowDelay(receiver);
    stream.addTrack(track);
    if (track.kind === "audio") byId("unmute").hidden = !video.muted;
    video.srcObject = stream;
  });
  return peer;
}

/** Throws when the connection is lost or no picture has come for long: the server may be gone without a word. */
async function untilStill(peer, signal) {
  const lost = untilLost(peer);
  let [still, frames] = [0, -1];
  while (still < STILL_LOOKS) {
    await Promise.race([pause(LOOK_MS, signal), lost]);
    const measured = await measure(peer);
    still = measured.frames > frames ? 0 : still + 1;
    frames = measured.frames;
  }
  throw new Lost("No picture has come for a while.");
}

/** Say what is wrong and wait before the next try; false where only the user can help. */
async function waited(problem, mine) {
  const absent = problem instanceof ApiError && problem.status === 404;
  const { again, ...words } = absent ? { again: true, ...ABSENT } : refusal(problem);
  if (!again) {
    enter("blocked", words);
    return false;
  }
  const waitMs = 1000 * (problem.retryAfterS ?? backoff.next());
  const skipped = new Promise((resolve) => {
    mine.skip = resolve;
  });
  enter("waiting", { ...words, busy: true, untilMs: performance.now() + waitMs, actions: [{ label: "Try now", run: () => mine.skip() }] });
  await Promise.race([pause(waitMs, mine.signal).catch(() => {}), skipped]);
  return true;
}

function enter(phase, message) {
  page.phase = phase;
  byId("stage").dataset.phase = phase;
  byId("pip").disabled = byId("fullscreen").disabled = phase !== "running";
  byId("link-state").textContent = { running: "Connected", waiting: "Waiting", connecting: "Connecting" }[phase] ?? "Not connected";
  const again = phase === "blocked" && message.status !== 401 ? [{ label: "Try again", run: begin, primary: true }] : [];
  say(message && { actions: again, ...message, token: message.status === 401 });
}

function tokenGiven(event) {
  event.preventDefault();
  saveToken(byId("token").value.trim());
  byId("token").value = "";
  begin();
}

function soundOn() {
  video.muted = false;
  byId("unmute").hidden = true;
}

function leave() {
  call?.abort();
  call = null;
  hangUp();
}

function hangUp() {
  const { peer, place } = page;
  page.peer = page.place = null;
  peer?.close();
  if (peer) video.srcObject = null;
  if (place) api.unwatch(place).catch(forgive);
}

/** A stream that cannot be left now is left by the server when nobody takes its frames. */
function forgive(problem) {
  if (!(problem instanceof ApiError)) throw problem;
}
