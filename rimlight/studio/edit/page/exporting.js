/** The export form and what it says while the server works. */

import { ApiError, api } from "./api.js";

const byId = (id) => document.getElementById(id);
const EVERY_MS = 500;

/** What stands behind the person, as the server names it. */
export function backdrop() {
  const kind = byId("backdrop").value;
  return kind === "colour" ? byId("colour").value : kind;
}

export class Exporting {
  /** toast(text): say what went wrong. */
  constructor(film, toast) {
    this.toast = toast;
    this.timer = 0;
    byId("name").value = film.export;
    byId("export").addEventListener("submit", (event) => {
      event.preventDefault();
      this.attempt(() => api.export({ name: byId("name").value.trim(), backdrop: backdrop(), replace: byId("replace").checked }));
    });
    byId("export-stop").addEventListener("click", () => {
      byId("progress-text").textContent = "Stopping after this frame…";
      this.attempt(api.stopExport);
    });
    byId("backdrop").addEventListener("change", () => { byId("colour").disabled = byId("backdrop").value !== "colour"; });
    this.attempt(api.exported);
  }

  async attempt(ask) {
    clearTimeout(this.timer);
    try {
      this.show(await ask());
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this.toast(error.message);
      if (error.status === 0) this.timer = setTimeout(() => this.attempt(api.exported), 2000);
    }
  }

  show(progress) {
    this.state = progress.state;
    const running = progress.state === "running";
    byId("export-begin").disabled = running;
    byId("export-stop").hidden = !running;
    byId("progress").hidden = progress.state === "none";
    byId("progress-bar").value = progress.total ? progress.done / progress.total : 0;
    byId("progress-text").textContent = words(progress);
    if (running) this.timer = setTimeout(() => this.attempt(api.exported), EVERY_MS);
  }
}

function words({ state, name, done, total, fps, error }) {
  if (state === "running") {
    const left = fps > 0 ? `, ${duration((total - done) / fps)} to go` : "";
    return `${done} of ${total} frames${left}`;
  }
  if (state === "done") return `${name} is written.`;
  if (state === "failed") return `${error}`;
  return `Stopped at frame ${done} of ${total}. Export again to go on from there.`;
}

function duration(seconds) {
  if (seconds < 90) return `${Math.ceil(seconds)} s`;
  return seconds < 5400 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`;
}
