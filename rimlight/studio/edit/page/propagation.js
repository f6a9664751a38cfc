/** Carrying a trimap forward, frame by frame, while one watches. */

import { api } from "./api.js";
import { choose, label } from "./choices.js";

export class Propagation {
  /** editor: shows frames and says what is going on. running: until the last frame or until it is stopped. */
  constructor(editor) {
    this.editor = editor;
    this.running = false;
  }

  stop() {
    this.running = false;
  }

  /** Begin at the shown frame, up to the next mark or the end of the shot; or stop. */
  async toggle() {
    const { editor } = this;
    if (this.running) {
      this.stop();
      return;
    }
    if (editor.state.origin === "none" || editor.shown !== editor.wanted) return;
    choose("view", "trimap", () => editor.showPreview());
    if (!editor.state.marked) await editor.act("mark");
    this.running = true;
    label("propagate", "Stop propagating");
    try {
      await this.run(editor.shown, this.end());
    } catch (error) {
      editor.failed(error);
    } finally {
      this.running = false;
      label("propagate", "Propagate from here");
      editor.busy("");
      editor.take(editor.state);
    }
  }

  async run(first, end) {
    const began = performance.now();
    for (let frame = first + 1; frame < end && this.running; frame++) {
      await api.act(frame, "propagate");
      await this.editor.go(frame);
      const rate = (frame - first) / ((performance.now() - began) / 1000);
      this.editor.busy(`${end - frame - 1} frames to go, ${rate.toFixed(1)} a second`);
    }
  }

  end() {
    const { film, shown, state } = this.editor;
    const mark = state.marks.find((one) => one > shown) ?? Infinity;
    const shot = film.shots.find((one) => one > shown) ?? film.frames;
    return Math.min(mark, shot);
  }
}
