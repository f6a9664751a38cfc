/** Carrying a trimap forward, frame by frame, while one watches. */

import { api } from "./api.js";
import { choose, label } from "./choices.js";

export class Propagation {
  /** editor: shows frames and says what is going on. running: until all that was begun has ended. */
  constructor(editor) {
    this.editor = editor;
    this.running = false;
    this.going = false; // on to the next frame
  }

  stop() {
    this.going = false;
  }

  /** Begin at the shown frame, up to the next mark or the end of the shot; or stop. */
  async toggle() {
    const { editor } = this;
    if (this.running) {
      this.stop();
      return;
    }
    if (editor.state.origin === "none" || editor.shown !== editor.wanted) return;
    if (this.end() === editor.shown + 1) {
      editor.toast("The next frame is marked, of another shot, or there is none: nothing to propagate to.");
      return;
    }
    this.running = this.going = true;
    label("propagate", "Stop propagating");
    choose("view", "trimap", () => editor.looks.preview());
    try {
      if (editor.state.marked || (await editor.change("mark"))) await this.run(editor.shown, this.end());
    } catch (error) {
      editor.failed(error);
    } finally {
      this.running = this.going = false;
      label("propagate", "Propagate from here");
      editor.busy("");
      editor.take(editor.state);
    }
  }

  async run(first, end) {
    const began = performance.now();
    for (let frame = first + 1; frame < end && this.going; frame++) {
      await api.act(frame, "propagate");
      if (this.going) await this.editor.show(frame);
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
