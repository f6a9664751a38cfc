/** What is shown of a frame beside its trimap: matte, composite, the onion skin of another mark. */

import { api } from "./api.js";
import { chosen } from "./choices.js";
import { backdrop } from "./exporting.js";
import { outlined } from "./view.js";

const byId = (id) => document.getElementById(id);

export class Looks {
  /** editor: knows the shown frame, and what of it. */
  constructor(editor) {
    this.editor = editor;
  }

  /** Matte or composite instead of the frame, if one of them is chosen. */
  async preview() {
    const { editor } = this;
    const kind = chosen("view");
    byId("overlay-detail").hidden = kind !== "trimap";
    byId("preview-hint").hidden = kind === "trimap";
    byId("preview-hint").textContent = editor.state.marks.length
      ? "At a reduced size; export has every pixel." : "No frame is marked yet, so there is no matte to show.";
    byId("brush").disabled = kind !== "trimap";
    byId("canvas").classList.toggle("plain", kind !== "trimap");
    const frame = editor.shown;
    editor.view.put("preview", null);
    if (kind !== "trimap" && editor.state.marks.length) {
      editor.busy("The matte is being made…");
      try {
        const behind = backdrop() === "transparent" ? "#3c3f48" : backdrop();
        const preview = kind === "matte" ? await api.matte(frame) : await api.composite(frame, behind);
        if (frame === editor.shown && kind === chosen("view")) editor.view.put("preview", preview);
      } catch (error) {
        editor.failed(error);
      } finally {
        editor.busy("");
      }
    }
  }

  /** The outlines of another mark over the frame, if they are chosen. */
  async onion() {
    const { editor } = this;
    const which = chosen("onion");
    const { marks } = editor.state;
    const over = editor.shown;
    const frame = which === "before" ? marks.filter((mark) => mark < over).pop() : marks.find((mark) => mark > over);
    const there = which !== "off" && frame !== undefined;
    const trimap = there ? await api.trimap(frame).catch((error) => editor.failed(error)) : null;
    if (which !== chosen("onion") || over !== editor.shown) return;
    const missing = which !== "off" && !there;
    byId("onion-hint").textContent = missing ? `There is no mark ${which} this frame.`
      : there ? `Outlines of frame ${frame}.` : "Outlines of the mark before or after, over this frame.";
    editor.view.layers.onion = trimap ? outlined(trimap) : null;
    editor.view.draw();
  }
}
