/** Strokes and other changes on their way to the disk: one after the other, none forgotten while the editor is away. */

import { ApiError } from "./api.js";

const AGAIN_MS = 2000;
const PASSING = { 0: "the editor does not answer.", 401: "another editor answers at this address.", 507: "" };

export class Saving {
  /** said(text, error): what to tell; error is true where something is wrong. */
  constructor(said) {
    this.said = said;
    this.waiting = 0;
    this.failing = false;
    this.last = Promise.resolve();
  }

  get idle() {
    return this.waiting === 0;
  }

  /** Do it after all before; tried again where that may help. Gives what it gave, null where refused. */
  add(change) {
    this.waiting += 1;
    if (!this.failing) this.said("Saving…", false);
    const done = this.last.then(() => this.persist(change));
    this.last = done.catch(() => undefined);
    return done;
  }

  async persist(change) {
    try {
      const result = await this.attempt(change);
      if (this.waiting === 1) this.said("Saved", false);
      return result;
    } catch (error) {
      this.said(error.message, true);
      if (!(error instanceof ApiError)) throw error;
      return null;
    } finally {
      this.waiting -= 1;
      this.failing = false;
    }
  }

  async attempt(change) {
    for (;;) {
      try {
        return await change();
      } catch (error) {
        if (!(error instanceof ApiError) || !(error.status in PASSING)) throw error;
        this.failing = true;
        this.said(`Not saved: ${PASSING[error.status] || error.message} This page keeps trying.`, true);
        await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
      }
    }
  }
}
