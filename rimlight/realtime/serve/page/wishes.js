/** What the user wants of the picture, and what the server has of it: the controls, the cover, the own picture. */

import { api, ApiError } from "./api.js";
import { Backdrops } from "./backdrops.js";
import { Patcher } from "./patcher.js";
import { PictureError, prepared } from "./pictures.js";
import { recall, remember } from "./remembered.js";
import * as settings from "./settings.js";
import { byId, pressed, toast, toggleButton } from "./stage.js";

const QUIET_MS = 1500; // for so long after a change, an answer may not know of it yet
const NEUTRAL = "#202226"; // behind the user until his own picture has arrived: nothing of the room

/** session: gives the id of the session there is, or null. covers(on) hears of the cover. */
export class Wishes {
  covered = false;
  #session;
  #covers;
  #info = null;
  #confirmed = null; // as the server last said
  #own = { picture: null, session: null }; // the user's picture, and the session that has it
  #backdrops;
  #patcher;

  constructor({ session, covers }) {
    this.#session = session;
    this.#covers = covers;
    settings.listen((part) => this.#changed(part));
    this.#backdrops = new Backdrops({ chosen: (one) => this.#chosen(one), offered: (file) => this.#offered(file) });
    this.#patcher = new Patcher({
      send: (part) => api.change(session(), part),
      confirmed: (given) => this.#adopt(given),
      failed: (problem, part) => this.#failed(problem, part),
    });
    toggleButton(byId("cover"), (on) => this.#cover(on));
  }

  /** Learn what the server has: its gallery and its limits; the first time also where the controls stand. */
  learn(info) {
    const first = this.#info === null;
    this.#info = info;
    this.#backdrops.fill(info.gallery);
    if (!first) return;
    const kept = recall("settings", {});
    if (!this.#backdrops.has(kept.backdrop ?? "")) delete kept.backdrop;
    this.#adopt({ ...info.defaults, ...kept, paused: this.covered });
  }

  /** Settings that a new session begins with. */
  wanted() {
    const { value } = this.#backdrops;
    return { ...settings.values(), backdrop: value === "upload" ? NEUTRAL : value, paused: this.covered };
  }

  /** A session was opened: send what was moved meanwhile. */
  opened(session) {
    this.ended(); // the one before, if there was one
    this.#own.session = null;
    this.#confirmed = session.settings;
    const moved = Object.entries(this.wanted()).filter(([name, value]) => session.settings[name] !== value);
    this.#patcher.change(Object.fromEntries(moved));
    if (this.#backdrops.value === "upload") this.#sendOwn();
  }

  /** What the server has now. The user's cover stays until he lifts it, whoever else changes the session. */
  seen(given) {
    if (this.#patcher.quietMs < QUIET_MS) return;
    const lifted = this.covered && !given.paused;
    this.#adopt(lifted ? { ...given, paused: true } : given);
    if (lifted) this.#patcher.change({ paused: true });
  }

  /** The session is over: what waits was for it. */
  ended() {
    this.#patcher.clear();
  }

  #adopt(given) {
    this.#confirmed = given;
    settings.show(given);
    this.#backdrops.show(given.backdrop);
    if (given.paused !== this.covered) this.#setCover(given.paused);
  }

  #changed(part) {
    remember("settings", { ...recall("settings", {}), ...part });
    if (this.#session()) this.#patcher.change(part);
  }

  #chosen(backdrop) {
    if (backdrop !== "upload") this.#changed({ backdrop });
    else if (this.#session()) this.#sendOwn();
  }

  async #offered(file) {
    try {
      this.#info ??= await api.info();
      this.#own = { picture: await prepared(file, this.#info.limits), session: null };
    } catch (problem) {
      if (!(problem instanceof PictureError || problem instanceof ApiError)) throw problem;
      toast(problem.message);
      return;
    }
    this.#backdrops.showUpload(this.#own.picture);
    toast("");
    if (this.#session()) this.#sendOwn();
  }

  /** Put the user's picture behind him; the picture itself is sent once a session. */
  #sendOwn() {
    const id = this.#session();
    const own = this.#own;
    if (own.session === id) {
      this.#patcher.change({ backdrop: "upload" });
      return;
    }
    this.#patcher.flush(); // in the order of the clicks
    this.#patcher.run(async () => {
      const answer = await api.upload(id, own.picture);
      own.session = id;
      return answer;
    });
  }

  #cover(on) {
    this.#setCover(on);
    if (!this.#session()) return;
    this.#patcher.change({ paused: on });
    this.#patcher.flush();
  }

  #setCover(on) {
    this.covered = on;
    pressed(byId("cover"), on);
    this.#covers(on);
  }

  /** Go back to what the server has; a cover stays, because the camera sends black under it. */
  #failed(problem, part) {
    if (!(problem instanceof ApiError)) throw problem;
    if ([404, 410].includes(problem.status)) return; // the session is over; the next one begins with what is wanted now
    const safe = part.paused ? " Until you lift the cover, your camera sends black." : "";
    const unheard = problem.status === 0; // then the wish stands, and the next look tells whether it came through
    if (!unheard) this.#adopt({ ...this.#confirmed, paused: this.covered });
    toast(problem.message + safe);
  }
}
