/** The editor's HTTP API: one function a call, every failure an ApiError with one sentence for people. */

const TOKEN = "rimlight.studio.token";

/** A call that failed. status: of HTTP, 0 where no answer came. */
export class ApiError extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

/** Take `token=` out of the address, so that it is neither seen nor copied. */
export function takeToken() {
  const given = location.hash.match(/token=([^&]+)/);
  if (!given) return;
  sessionStorage.setItem(TOKEN, decodeURIComponent(given[1]));
  history.replaceState(null, "", location.pathname);
}

export const api = {
  project: () => json("GET", "/api/project"),
  state: (frame) => json("GET", `/api/frames/${frame}`),
  picture: (frame) => bitmap(`/api/frames/${frame}/picture.jpg`),
  thumb: (frame) => bitmap(`/api/frames/${frame}/thumb.jpg`),
  trimap: (frame) => bitmap(`/api/frames/${frame}/trimap.png`, { colorSpaceConversion: "none", premultiplyAlpha: "none" }),
  matte: (frame) => bitmap(`/api/frames/${frame}/matte.jpg`),
  composite: (frame, backdrop) => bitmap(`/api/frames/${frame}/composite.jpg?backdrop=${encodeURIComponent(backdrop)}`),
  draw: (frame, stroke) => json("POST", `/api/frames/${frame}/strokes`, stroke),
  act: (frame, name) => json("POST", `/api/frames/${frame}/${name}`),
  exported: () => json("GET", "/api/export"),
  export: (wish) => json("POST", "/api/export", wish),
  stopExport: () => json("DELETE", "/api/export"),
};

function json(method, path, value) {
  return call(method, path, value, (answer) => answer.json());
}

/** The picture, or null where there is none (204). */
async function bitmap(path, options) {
  const data = await call("GET", path, undefined, (answer) => (answer.status === 204 ? null : answer.blob()));
  return data && createImageBitmap(data, options);
}

/** read(answer) gives what is wanted of it; an answer that breaks off is none. */
async function call(method, path, value, read) {
  const headers = new Headers({ Authorization: `Bearer ${sessionStorage.getItem(TOKEN) ?? ""}` });
  if (value !== undefined) headers.set("Content-Type", "application/json");
  try {
    const answer = await fetch(path, { method, headers, body: value === undefined ? undefined : JSON.stringify(value) });
    if (answer.ok) return await read(answer);
    throw new ApiError(answer.status, await said(answer));
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw new ApiError(0, "The editor has ended or does not answer. Start it again with the same command.");
  }
}

async function said(answer) {
  const text = await answer.text();
  try {
    const sentence = JSON.parse(text).error ?? "";
    return sentence ? sentence[0].toUpperCase() + sentence.slice(1) : `The editor answered ${answer.status}.`;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return `The editor answered ${answer.status}.`;
  }
}
