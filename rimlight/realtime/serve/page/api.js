/** The server's HTTP API: one function a call, every failure an ApiError with one sentence for people. */

const TOKEN = "rimlight.token";
const PATIENCE_MS = 10_000;

/** A call that failed. status: of HTTP, 0 where no answer came. retryAfterS: when to ask again, null if not said. */
export class ApiError extends Error {
  constructor(status, message, retryAfterS = null) {
    super(message);
    this.status = status;
    this.retryAfterS = retryAfterS;
  }
}

/** Take `token=` out of the address, so that it is neither seen nor copied; gives the fragment that is left. */
export function takeFragment() {
  const parts = location.hash.slice(1).split("&").filter(Boolean);
  const token = parts.find((part) => part.startsWith("token="));
  const rest = parts.filter((part) => part !== token).join("&");
  if (token) {
    saveToken(decodeURIComponent(token.slice(6)));
    history.replaceState(null, "", location.pathname + location.search + (rest ? `#${rest}` : ""));
  }
  return rest;
}

export function hasToken() {
  return sessionStorage.getItem(TOKEN) !== null;
}

export function saveToken(token) {
  sessionStorage.setItem(TOKEN, token);
}

export const api = {
  info: (signal) => json("GET", "/api/info", { signal }),
  // watch: the name of the session before, undefined for a new one
  open: (sdp, settings, watch, signal) => json("POST", "/api/sessions", { signal, ...asJson({ sdp, settings, watch }) }),
  look: (id, signal) => json("GET", `/api/sessions/${id}`, { signal }),
  change: (id, settings) => json("PATCH", `/api/sessions/${id}`, asJson(settings)),
  upload: (id, picture) => json("PUT", `/api/sessions/${id}/backdrop`, { body: picture, type: picture.type }),
  // keepalive: it is also sent while the page goes away
  close: (id) => call("DELETE", `/api/sessions/${id}`, { keepalive: true }),
  thumbnail: async (name) => (await call("GET", `/api/gallery/${encodeURIComponent(name)}.jpg`)).blob(),
  watch: async (name, sdp, signal) => {
    const answer = await call("POST", `/whep/${encodeURIComponent(name)}`, { signal, body: sdp, type: "application/sdp" });
    return { sdp: await answer.text(), location: answer.headers.get("Location") };
  },
  unwatch: (place) => call("DELETE", place, { keepalive: true }),
};

function asJson(value) {
  return { body: JSON.stringify(value), type: "application/json" };
}

async function json(method, path, options) {
  return (await call(method, path, options)).json();
}

async function call(method, path, { body, type, signal, keepalive = false } = {}) {
  const headers = new Headers();
  const token = sessionStorage.getItem(TOKEN);
  if (token) headers.set("Authorization", `Bearer ${token}`);
  if (type) headers.set("Content-Type", type);
  const patience = timeLimit(signal);
  let answer;
  try {
    answer = await fetch(path, { method, headers, body, keepalive, signal: patience.signal });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new ApiError(0, "The server does not answer.");
  } finally {
    patience.end();
  }
  if (!answer.ok) throw new ApiError(answer.status, await said(answer), seconds(answer.headers.get("Retry-After")));
  return answer;
}

/** Ends after PATIENCE_MS or with the caller's own signal; AbortSignal.any is too new to rely on. */
function timeLimit(signal) {
  const control = new AbortController();
  const stop = () => control.abort();
  const timer = setTimeout(stop, PATIENCE_MS);
  if (signal?.aborted) stop();
  signal?.addEventListener("abort", stop);
  const end = () => {
    clearTimeout(timer);
    signal?.removeEventListener("abort", stop);
  };
  return { signal: control.signal, end };
}

/** The server's own sentence, or one made from the status where a proxy answered in its place. */
async function said(answer) {
  const text = await answer.text();
  let sentence = "";
  try {
    sentence = JSON.parse(text).error ?? "";
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  sentence ||= `The server answered ${answer.status} ${answer.statusText}`.trim();
  return `${sentence[0].toUpperCase()}${sentence.slice(1)}${/[.!?]$/.test(sentence) ? "" : "."}`;
}

function seconds(retryAfter) {
  if (!retryAfter) return null;
  const number = Number(retryAfter);
  const wait = Number.isNaN(number) ? (Date.parse(retryAfter) - Date.now()) / 1000 : number;
  return Number.isFinite(wait) ? Math.max(0, wait) : null;
}
