/** The editor's page: joins canvas, timeline, brush and server. */

import { ApiError, api, takeToken } from "./api.js";
import { Brush } from "./brush.js";
import { Exporting } from "./exporting.js";
import { choose, chooseNext, chosen } from "./choices.js";
import { listen } from "./keys.js";
import { Looks } from "./looks.js";
import { Propagation } from "./propagation.js";
import { Saving } from "./saving.js";
import { Timeline } from "./timeline.js";
import { View, tinted } from "./view.js";

const byId = (id) => document.getElementById(id);
const ORIGINS = {
  none: () => "no trimap yet", drawn: () => "drawn", automatic: () => "automatic",
  propagated: ({ reference, marked }) => (marked ? "propagated and kept" : `from frame ${reference}`),
};

class Editor {
  constructor(film) {
    this.film = film;
    this.wanted = 0; // the frame one wants to see
    this.shown = -1; // the frame that is seen
    this.state = { marks: film.marks, marked: false, undo: 0, redo: 0, origin: "none" };
    this.loading = false;
    this.propagation = new Propagation(this);
    this.looks = new Looks(this);
    this.tints = 0; // how many trimaps were asked for; only the newest is shown
    this.view = new View(byId("canvas"), film.height, film.width);
    this.view.changed = () => { byId("zoom").textContent = `${Math.round(this.view.zoom * 100)} %`; };
    this.brush = new Brush(this.view, () => this.tool(), (stroke) => this.draw(stroke));
    this.timeline = new Timeline(byId("timeline"), film, (frame) => this.go(frame), (frame) => api.thumb(frame));
    this.saving = new Saving((text, error) => this.said(text, error));
    this.exporting = new Exporting(film, (text) => this.toast(text));
    this.words();
    this.listen();
  }

  words() {
    const { film } = this;
    document.title = `${film.video} – rimlight studio`;
    byId("film").textContent = film.video;
    byId("film-facts").textContent = `${film.width} × ${film.height}, ${film.frames} frames, ${Number(film.fps.toFixed(3))} fps`;
    byId("place").max = film.frames - 1;
    byId("place-of").textContent = `of ${film.frames - 1}`;
    byId("size").max = Math.round(Math.max(film.width, film.height) / 6);
    byId("size").value = Math.max(4, Math.round(Math.max(film.width, film.height) / 45));
    byId("saved").textContent = "Saved";
    this.showTools();
  }

  listen() {
    const clicks = {
      back: () => this.step(-1), on: () => this.step(1), "mark-back": () => this.toMark(-1), "mark-on": () => this.toMark(1),
      undo: () => this.act("undo"), redo: () => this.act("redo"), unmark: () => this.act("unmark"), auto: () => this.auto(),
      propagate: () => this.propagation.toggle(), "zoom-in": () => this.view.zoomBy(1.25), "zoom-out": () => this.view.zoomBy(0.8),
      fit: () => this.view.fit(), "toast-close": () => this.toast(""),
    };
    for (const [id, run] of Object.entries(clicks)) byId(id).addEventListener("click", run);
    byId("place").addEventListener("change", () => this.goToPlace());
    byId("place").addEventListener("keydown", ({ key }) => key === "Enter" && byId("canvas").focus());
    byId("canvas").addEventListener("pointerdown", () => this.propagation.stop());
    addEventListener("beforeunload", (event) => (this.saving.idle && !this.brush.stroke) || event.preventDefault());
    for (const id of ["size", "overlay"]) byId(id).addEventListener("input", () => this.showTools());
    for (const name of ["view", "onion", "class"]) {
      const changed = { view: () => this.looks.preview(), onion: () => this.looks.onion(), class: () => this.showTools() }[name];
      for (const one of document.getElementsByName(name)) {
        one.addEventListener("change", changed);
        // By pointer (a number of clicks): keys are for the frame again.
        one.addEventListener("click", ({ detail }) => detail && byId("canvas").focus({ preventScroll: true }));
      }
    }
    for (const id of ["backdrop", "colour"]) byId(id).addEventListener("change", () => chosen("view") === "composite" && this.looks.preview());
    listen({
      step: (many) => this.step(many), go: (frame) => this.go(frame), mark: (way) => this.toMark(way),
      undo: () => this.act("undo"), redo: () => this.act("redo"), propagate: () => this.propagation.toggle(), auto: () => this.auto(),
      zoom: (factor) => this.view.zoomBy(factor), fit: () => this.view.fit(), stop: () => this.propagation.stop(),
      size: (factor) => this.resizeBrush(factor), paint: (name) => choose("class", name, () => this.showTools()),
      nextView: () => chooseNext("view", () => this.looks.preview()), nextOnion: () => chooseNext("onion", () => this.looks.onion()),
      space: (held) => this.brush.holdSpace(held), nudge: (y, x) => this.brush.nudge(y, x), dab: () => this.brush.dab(),
    });
  }

  get propagating() {
    return this.propagation.running;
  }

  tool() {
    return chosen("view") === "trimap" && this.shown === this.wanted && !this.propagating
      ? { class: chosen("class"), radius: Number(byId("size").value) / 2, frame: this.shown }
      : null;
  }

  step(many) {
    this.go(this.wanted + many);
  }

  toMark(way) {
    const { marks } = this.state;
    const found = way < 0 ? marks.filter((mark) => mark < this.wanted).pop() : marks.find((mark) => mark > this.wanted);
    if (found !== undefined) this.go(found);
  }

  goToPlace() {
    const frame = byId("place").valueAsNumber;
    if (frame !== this.within(frame)) this.toast(`This video has the frames 0 to ${this.film.frames - 1}.`);
    this.go(frame);
  }

  /** The frame of the video that is nearest to a number; the wanted one for what is none. */
  within(frame) {
    return Math.round(Math.min(this.film.frames - 1, Math.max(0, Number.isNaN(frame) ? this.wanted : frame)));
  }

  /** Go to a frame that somebody asked for. */
  async go(frame) {
    this.propagation.stop();
    await this.show(this.within(frame));
  }

  /** Show a frame; of many asked for while one is loaded, only the last is. */
  async show(frame) {
    this.wanted = frame;
    byId("place").value = this.wanted;
    this.timeline.show(this.wanted);
    if (this.loading) return;
    this.loading = true;
    try {
      while (this.shown !== this.wanted) await this.load(this.wanted);
    } catch (error) {
      this.failed(error);
    } finally {
      this.loading = false;
    }
  }

  async load(frame) {
    await this.saving.last;
    const [picture, trimap, state] = await Promise.all([api.picture(frame), api.trimap(frame), api.state(frame)]);
    this.tints += 1;
    Object.assign(this.view.layers, { tint: trimap && tinted(trimap), onion: null });
    this.view.put("picture", picture);
    this.view.put("preview", null);
    this.shown = this.view.frame = frame;
    this.take(state);
    if (this.shown === this.wanted) await Promise.all([this.looks.onion(), this.looks.preview()]);
  }

  /** What the server says of the shown frame. */
  take(state) {
    this.timeline.show(this.wanted, state.marks, state.propagated);
    if (state.frame !== this.shown) return;
    this.state = state;
    byId("badge").hidden = false;
    byId("badge-frame").textContent = `Frame ${state.frame}`;
    byId("badge-origin").textContent = ORIGINS[state.origin](state);
    byId("badge").dataset.origin = state.marked && state.origin === "propagated" ? "kept" : state.origin;
    byId("undo").disabled = state.undo === 0;
    byId("redo").disabled = state.redo === 0;
    byId("unmark").disabled = !state.marked;
    byId("propagate").disabled = !this.propagating && state.origin === "none";
  }

  async draw(stroke) {
    const { frame, ...sent } = stroke;
    const state = await this.saving.add(() => api.draw(frame, sent));
    if (state) await this.refresh(state);
    this.view.forget(stroke);
  }

  async act(name) {
    if (!this.propagating && this.shown === this.wanted) await this.change(name);
  }

  /** Have something done to the shown frame; gives its new state, null where it is refused. */
  async change(name) {
    const frame = this.shown;
    const state = await this.saving.add(() => api.act(frame, name));
    if (state) await this.refresh(state);
    return state;
  }

  async auto() {
    this.busy("The live network is looking…");
    try {
      await this.act("auto");
    } finally {
      this.busy("");
    }
  }

  /** After a change: the new trimap, and what hangs on it. */
  async refresh(state) {
    this.take(state);
    const asked = (this.tints += 1);
    try {
      const trimap = await api.trimap(state.frame);
      if (asked !== this.tints || state.frame !== this.shown) return;
      this.view.layers.tint = trimap && tinted(trimap);
      this.view.draw();
      if (chosen("view") !== "trimap") await this.looks.preview();
    } catch (error) {
      this.failed(error);
    }
  }

  showTools() {
    const size = Number(byId("size").value);
    byId("size-value").textContent = `${size} px`;
    byId("overlay-value").textContent = `${byId("overlay").value} %`;
    this.view.overlay = Number(byId("overlay").value) / 100;
    if (this.view.brush) Object.assign(this.view.brush, { class: chosen("class"), radius: size / 2 });
    this.view.draw();
  }

  resizeBrush(factor) {
    const size = Number(byId("size").value);
    byId("size").value = factor > 1 ? Math.max(size + 1, size * factor) : Math.min(size - 1, size * factor);
    this.showTools();
  }

  said(text, error) {
    if (error) this.toast(text);
    byId("saved").textContent = error ? "Not saved" : text;
    byId("saved").classList.toggle("alarm", error);
    if (!error && this.alarmed) this.toast("");
    this.alarmed = error;
  }

  busy(text) {
    byId("busy").hidden = !text;
    byId("busy-text").textContent = text;
  }

  toast(text) {
    byId("toast").hidden = !text;
    byId("toast-text").textContent = text;
  }

  failed(error) {
    if (!(error instanceof ApiError)) throw error;
    this.toast(error.message);
    if (this.shown < 0) return;
    byId("place").value = this.wanted = this.shown;
    this.timeline.show(this.shown);
  }
}

async function begin() {
  takeToken();
  try {
    const editor = new Editor(await api.project());
    window.rimlight = editor;
    await editor.go(editor.film.marks[0] ?? 0);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    document.body.classList.add("closed");
    byId("message").hidden = false;
    byId("saved").textContent = "";
    byId("message-title").textContent = error.status === 401 ? "This address is not complete" : "The editor cannot be opened";
    byId("message-text").textContent =
      error.status === 401 ? "Open the whole address that rimlight studio edit printed; its end is the key." : error.message;
  }
}

begin();
