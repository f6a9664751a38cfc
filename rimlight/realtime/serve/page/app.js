/** The page of who sends: camera, connection and controls brought together; one phase at a time. */

import { api, ApiError, saveToken, takeFragment } from "./api.js";
import { Camera, CameraError } from "./camera.js";
import { Connection } from "./connection.js";
import { readings } from "./meter.js";
import { recall, remember } from "./remembered.js";
import { byId, copyFrom, pressed, say, shapeStage, showBadge, toast, toggleButton, viewButtons } from "./stage.js";
import { Wishes } from "./wishes.js";
import { explain, messageFor, noCameraHere, noticeFor, refusal, stateWords } from "./words.js";

const result = byId("result-video");
const page = { phase: "idle", detail: null, lost: null, pictured: false, notice: "" };
let connection = null;

const sessionId = () => connection?.session?.id ?? null;
const height = () => Number(byId("resolution").value);
const camera = new Camera({ lost: cameraLost, back: useCamera, listed: listCameras });
const wishes = new Wishes({ session: sessionId, covers: () => dress(camera.track) });

/** What tests and the curious may look at. */
const debug = {
  get state() {
    return page.phase;
  },
  get peer() {
    return connection?.peer ?? null;
  },
  get session() {
    return sessionId();
  },
};
Object.defineProperty(window, "rimlight", { value: Object.freeze(debug) });

takeFragment();
bind();
await begin();

function bind() {
  byId("start").addEventListener("click", start);
  byId("stop").addEventListener("click", stop);
  byId("camera").addEventListener("change", () => useCamera(byId("camera").value));
  byId("resolution").addEventListener("change", () => useCamera(byId("camera").value));
  byId("copy").addEventListener("click", () => copyFrom(byId("watch-link"), byId("copy")));
  byId("toast-close").addEventListener("click", () => toast(""));
  byId("token-form").addEventListener("submit", tokenGiven);
  byId("resolution").value = recall("resolution", "720");
  toggleButton(byId("compare"), compare);
  toggleButton(byId("mirror"), mirror);
  mirror(recall("mirror", false));
  shapeStage(byId("stage"), result);
  viewButtons(byId("stage"), result);
  result.addEventListener("loadeddata", () => enter(page.phase, page.detail, { pictured: true }));
  window.addEventListener("pagehide", stop);
  window.addEventListener("online", () => connection?.retryNow());
  window.addEventListener("unhandledrejection", ({ reason }) => toast(explain(reason).text));
}

/** What can be done before the camera is asked for. */
async function begin() {
  enter(noCameraHere() ? "blocked" : "idle", noCameraHere());
  listCameras(await camera.list());
  try {
    wishes.learn(await api.info());
  } catch (problem) {
    if (!(problem instanceof ApiError)) throw problem;
    if (page.phase === "idle" && !refusal(problem).again) end(refusal(problem));
  }
}

async function start() {
  stop();
  if (noCameraHere()) return;
  enter("opening");
  try {
    await camera.open(byId("camera").value, height());
  } catch (error) {
    if (!(error instanceof CameraError)) throw error;
    if (page.phase === "opening") end(error.words);
    return;
  }
  if (page.phase !== "opening") {
    camera.close(); // stopped while the browser asked
    return;
  }
  dress(camera.track);
  const on = { phase: enter, over: end, info: (info) => wishes.learn(info), opened, picture: show, looked };
  connection = new Connection({ track: camera.track, height: height(), settings: () => wishes.wanted(), on });
  connection.run().catch((error) => end(explain(error)));
}

function stop() {
  connection?.stop();
  connection = null;
  wishes.ended();
  camera.close();
  dress(null);
  enter(noCameraHere() ? "blocked" : "idle", noCameraHere(), { lost: null });
}

/** Stop for a reason that the user has to know. */
function end(detail) {
  stop();
  enter("blocked", detail);
}

/** Go to a phase: idle, opening, connecting, running, waiting, parked, blocked; everything visible follows from it. */
function enter(phase, detail = null, more = {}) {
  Object.assign(page, { phase, detail }, more);
  const running = phase === "running";
  if (!running || page.lost) showBadge(null);
  const stoppable = !["idle", "blocked"].includes(phase);
  const focused = [byId("start"), byId("stop")].includes(document.activeElement);
  byId("start").hidden = stoppable;
  byId("stop").hidden = !stoppable;
  byId("start").disabled = Boolean(noCameraHere());
  if (focused) byId(stoppable ? "stop" : "start").focus();
  byId("meter").hidden = byId("share").hidden = !running;
  byId("pip").disabled = byId("fullscreen").disabled = !running;
  byId("stage").dataset.phase = phase;
  const message = messageFor(page);
  byId("link-state").textContent = message.link;
  say(message.title ? { ...message, actions: actions() } : null);
}

/** The ways out of what the message tells. */
function actions() {
  if (page.lost) return page.lost.others.map(({ id, label }) => ({ label: `Use ${label}`, run: () => useCamera(id) }));
  if (page.phase === "waiting") return [{ label: "Try now", run: () => connection.retryNow() }];
  const again = page.phase === "blocked" && !noCameraHere() && page.detail.status !== 401;
  return again ? [{ label: "Try again", run: start, primary: true }] : [];
}

async function tokenGiven(event) {
  event.preventDefault();
  saveToken(byId("token").value.trim());
  byId("token").value = "";
  await start();
}

function opened(session) {
  byId("watch-link").value = `${location.origin}/watch#${session.watch}`;
  toast("");
  wishes.opened(session);
}

function show(stream) {
  if (result.srcObject === stream) return;
  page.pictured = false;
  result.srcObject = stream;
}

function looked(state, measured) {
  const numbers = readings(state, measured);
  for (const [name, text] of Object.entries(numbers)) byId(`meter-${name}`).textContent = text;
  if (!state) return;
  if (page.pictured && !page.lost) showBadge(stateWords(state, wishes.covered), state.state);
  byId("viewers").textContent = state.viewers ? `${state.viewers} watching` : "";
  const notice = noticeFor(state);
  if (notice !== page.notice) toast(notice, "calm");
  page.notice = notice;
  wishes.seen(state.settings);
}

/** Under the cover the camera's picture does not even leave this computer: a disabled track sends black. */
function dress(track) {
  if (track) track.enabled = !wishes.covered;
  const compared = track && !byId("camera-view").hidden;
  byId("camera-video").srcObject = compared ? new MediaStream([track]) : null;
}

function mirror(on) {
  remember("mirror", on);
  pressed(byId("mirror"), on);
  byId("stage").classList.toggle("mirrored", on);
}

function compare(on) {
  byId("camera-view").hidden = byId("result-caption").hidden = !on;
  byId("stage").classList.toggle("comparing", on);
  dress(camera.track);
}

function listCameras(cameras) {
  const select = byId("camera");
  const wish = camera.track?.getSettings().deviceId ?? (select.value || recall("camera", ""));
  select.replaceChildren(...cameras.map(({ id, label }) => new Option(label, id)));
  if (!cameras.length) select.replaceChildren(new Option("No camera found", ""));
  if (cameras.some(({ id }) => id === wish)) select.value = wish;
  if (!page.lost) return;
  const others = cameras.filter(({ id }) => id !== page.lost.id);
  enter(page.phase, page.detail, { lost: { ...page.lost, others } });
}

async function cameraLost(gone) {
  dress(null);
  enter(page.phase, page.detail, { lost: { ...gone, others: [] } });
  listCameras(await camera.list());
  await connection?.send(null, height());
}

/** Take another camera or another resolution, in the middle of a call or before it. */
async function useCamera(id) {
  remember("camera", id);
  remember("resolution", byId("resolution").value);
  if (!connection) return;
  const before = camera.track?.getSettings().deviceId;
  try {
    await camera.change(id, before, height());
  } catch (error) {
    if (!(error instanceof CameraError)) throw error;
    if (!camera.track) {
      end(error.words);
      return;
    }
    toast(`${error.words.title}. ${error.words.text}`); // the one before runs on
  }
  dress(camera.track);
  await connection?.send(camera.track, height());
  enter(page.phase, page.detail, { lost: null });
}
