/** Strokes and other changes on their way to the disk: one after the other, none forgotten while the editor is away. */

import { ApiError } from "./api.js";

const AGAIN_MS = 2000;

export class Saving {
  /** said(text, error): what to tell; error is true where something is wrong. */
  constructor(said) {
    this.said = said;
    this.waiting = 0;
    this.last = Promise.resolve();
  }

  get idle() {
    return this.waiting === 0;
  }

  /** Do it after all before; tried again while the editor does not answer. Gives what it gave, null where refused. */
  add(change) {
    this.waiting += 1;
    this.said("Saving…", false);
    const done = this.last.then(() => this.persist(change));
    this.last = done.then(() => undefined);
    return done;
  }

  async persist(change) {
    for (;;) {
      try {
        const result = await change();
        this.waiting -= 1;
        if (this.idle) this.said("Saved", false);
        return result;
      } catch (error) {
        if (!(error instanceof ApiError)) throw error;
        if (error.status !== 0) {
          this.waiting -= 1;
          this.said(error.message, true);
          return null;
        }
        this.said("Not saved: the editor does not answer. This page keeps trying.", true);
        await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
      }
    }
  }
}
