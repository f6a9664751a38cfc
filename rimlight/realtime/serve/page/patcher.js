/** Changes of the settings on their way to the server: bundled, one request at a time, the last one wins. */

const BUNDLE_MS = 150;

/**
 * send(changes) and upload tasks give {settings}, all as the server has them now; confirmed(settings) hears of each.
 * failed(error, changes) hears of what the server refused; the page then shows the last confirmed settings again.
 */
export class Patcher {
  #waiting = {};
  #timer = 0;
  #line = Promise.resolve();
  #running = 0;
  #lastMs = 0;
  #session = 0; // counts them, to tell what was for an earlier one
  #send;
  #confirmed;
  #failed;

  constructor({ send, confirmed, failed }) {
    this.#send = send;
    this.#confirmed = confirmed;
    this.#failed = failed;
  }

  /** For how long nothing has been on its way. */
  get quietMs() {
    const busy = this.#running > 0 || Object.keys(this.#waiting).length > 0;
    return busy ? 0 : performance.now() - this.#lastMs;
  }

  /** Send these with what else comes within the bundle's time. */
  change(settings) {
    Object.assign(this.#waiting, settings);
    if (Object.keys(settings).length) this.#timer ||= setTimeout(() => this.flush(), BUNDLE_MS);
  }

  /** Send now what waits. */
  flush() {
    this.#stopTimer();
    const settings = this.#waiting;
    this.#waiting = {};
    if (Object.keys(settings).length) this.run(() => this.#send(settings), settings);
  }

  /** Run a task after those before it. */
  run(task, changes = {}) {
    const session = this.#session;
    this.#running += 1;
    this.#line = this.#line.then(() => this.#one(task, changes, session));
  }

  /** Forget what waits and what comes back: the session that it was for is gone. */
  clear() {
    this.#stopTimer();
    this.#waiting = {};
    this.#session += 1;
  }

  async #one(task, changes, session) {
    let answer = null;
    let problem = null;
    try {
      if (session === this.#session) answer = await task();
    } catch (error) {
      problem = error;
    }
    this.#running -= 1;
    this.#lastMs = performance.now();
    if (session !== this.#session) return;
    if (problem) this.#failed(problem, changes);
    else if (answer) this.#confirmed(answer.settings);
  }

  #stopTimer() {
    clearTimeout(this.#timer);
    this.#timer = 0;
  }
}
