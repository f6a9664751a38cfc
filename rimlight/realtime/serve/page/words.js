/** What the page says to people: problems of the camera and of the server, and the state of the picture. */

import { ApiError, hasToken } from "./api.js";
import { Lost } from "./peer.js";

const CAMERA = {
  NotAllowedError: [
    "The camera is not allowed",
    "Allow the camera for this page, in the settings beside the address, then try again.",
  ],
  NotFoundError: ["No camera was found", "Plug one in, or switch it on, then try again."],
  NotReadableError: [
    "The camera is in use",
    "Another program holds it, or it does not answer. Close that program or choose another camera, then try again.",
  ],
  OverconstrainedError: ["That camera is not there any more", "Choose another one, then try again."],
  AbortError: ["The camera could not be started", "Unplug it and plug it in again, then try again."],
};

/** {title, text} for an error of getUserMedia. */
export function cameraProblem(error) {
  if (error.name === "NotAllowedError" && /system/i.test(error.message)) {
    return {
      title: "The computer does not let this browser use the camera",
      text: "Allow the browser in the privacy settings of the system, then try again.",
    };
  }
  const [title, text] = CAMERA[error.name] ?? ["The camera could not be started", `${error.message || error.name}.`];
  return { title, text };
}

/** {title, text} where the browser gives no camera to this page at all, else null. */
export function noCameraHere() {
  if (!window.isSecureContext) {
    return {
      title: "This address is not secure",
      text: `Browsers give the camera to https:// pages and to localhost only. Open this page over https, or on the server's own machine as http://localhost${location.port ? `:${location.port}` : ""}.`,
    };
  }
  if (!navigator.mediaDevices?.getUserMedia || !window.RTCPeerConnection) {
    return {
      title: "This browser cannot do it",
      text: "It has no access to cameras or no WebRTC. Use a current Chrome, Edge, Firefox or Safari.",
    };
  }
  return null;
}

const NO_TOKEN = "Whoever runs it can give you one.";
const WRONG_TOKEN = "The one that was given is not the right one here.";

/** {title, text, again: whether a new try may help} for what ended or prevented a session. */
export function refusal(problem) {
  if (problem instanceof Lost) return { title: "The connection was lost", text: problem.message, again: true };
  if (!(problem instanceof ApiError)) throw problem;
  const text = problem.message;
  switch (problem.status) {
    case 0:
      return { title: "The server is gone", text: "Your camera stays open, and this page keeps trying.", again: true };
    case 401:
      return { title: "This server asks for a token", text: hasToken() ? WRONG_TOKEN : NO_TOKEN, again: false, status: 401 };
    case 422:
      return { title: "No video format in common", text, again: false };
    case 429:
      return { title: "Too many calls from here", text, again: true };
    case 503:
      return { title: "The server takes no more calls at the moment", text, again: true };
    default:
      return { title: "The server refused", text, again: problem.status >= 500 };
  }
}

const WARN_S = 60;
const STATES = { live: "Live", degraded: "Late", cover: "Covered" };
const REASONS = [
  [/^paused$/, "you covered the camera"],
  [/^starting$|waiting for the first/, "getting ready"],
  [/newest matte is/, "the server is slow just now, the last picture stands still"],
  [/no fresh matte|after its capture/, "no picture came in time"],
];

/** {name, reason} of what the server sends, for the badge. */
export function stateWords(state, covered) {
  const reason = state.reason ?? "";
  const known = REASONS.find(([pattern]) => pattern.test(reason));
  const name = STATES[state.state] ?? state.state;
  if (state.state === "live") return { name, reason: "" };
  if (covered) return { name, reason: "others see the backdrop alone" };
  return { name, reason: known ? known[1] : reason };
}

const PHASES = {
  idle: {
    link: "Not connected",
    title: "Your camera, another place",
    text: "This server cuts you out of your room, live, and puts the backdrop that you choose behind you.",
  },
  opening: { link: "Not connected", title: "Waiting for the camera", text: "Allow it when the browser asks.", busy: true },
  connecting: { link: "Connecting", title: "Connecting", text: "The camera is open; the server is being called.", busy: true },
  running: { link: "Connected", title: "Almost there", text: "Waiting for the first picture to come back.", busy: true },
  waiting: { link: "Reconnecting", busy: true },
  parked: { link: "Waiting for a camera", title: "No camera", text: "Choose one and the call goes on." },
  blocked: { link: "Not connected" },
};

/** {link, title, text, busy, untilMs, token} for a phase; without a title where the video shall be seen. */
export function messageFor({ phase, detail, lost, pictured }) {
  const message = { ...PHASES[phase], ...detail, token: detail?.status === 401 };
  if (lost && phase !== "blocked") return { ...message, ...lostWords(lost), busy: false, untilMs: null };
  return phase === "running" && pictured ? { link: message.link } : message;
}

function lostWords({ label, others }) {
  const choice = others.length ? ", or take another one" : "";
  return {
    title: "The camera is gone",
    text: `Plug "${label}" in again and the call goes on by itself${choice}. Until then others see the cover.`,
  };
}

/** A line for what the server has announced, "" for nothing. */
export function noticeFor(state) {
  if (state.draining) return "The server is about to stop, once its calls are over. If it stops before yours is, this page goes on by itself.";
  const ends = state.left_s !== null && state.left_s <= WARN_S;
  return ends ? "The server ends this session in less than a minute." : "";
}

/** {title, text} for an error that nobody expected. */
export function explain(error) {
  return { title: "Something went wrong in this page", text: `${error?.message ?? error}` };
}
