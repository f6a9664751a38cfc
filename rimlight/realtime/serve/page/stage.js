/** The place of the video: what is said over it, compare, mirror, picture in picture, full screen. */

export const byId = (id) => document.getElementById(id);

const SETTLED_MS = 700;

/** Say it to who cannot see the page, once it has stayed true for a moment. */
export function announce(text) {
  clearTimeout(announce.timer);
  announce.timer = setTimeout(() => {
    if (byId("announcer").textContent !== text) byId("announcer").textContent = text;
  }, SETTLED_MS);
}

/**
 * Say something in place of the video; null takes it away.
 * actions: [{label, run, primary}]. countdown: performance.now() of the moment that is waited for.
 */
export function say(message) {
  clearInterval(say.timer);
  const box = byId("message");
  box.hidden = message === null;
  byId("token-form").hidden = !message?.token;
  if (!message) return;
  const { title, text, actions = [], busy = false, untilMs = null } = message;
  announce(`${title}. ${text}`);
  byId("message-title").textContent = title;
  byId("message-spinner").hidden = !busy;
  const show = () => {
    const leftS = Math.ceil((untilMs - performance.now()) / 1000);
    const tail = leftS > 0 ? ` Next try in ${leftS} s.` : "";
    byId("message-text").textContent = untilMs === null ? text : text + tail;
  };
  show();
  if (untilMs !== null) say.timer = setInterval(show, 250);
  showActions(actions);
}

/** Buttons that stay as they are where nothing changed, so that the keyboard's focus stays too. */
function showActions(actions) {
  const place = byId("message-actions");
  const labels = actions.map(({ label }) => label);
  const there = [...place.children];
  if (there.length !== labels.length || there.some((button, index) => button.textContent !== labels[index])) {
    place.replaceChildren(
      ...actions.map(({ label, primary }) =>
        Object.assign(document.createElement("button"), {
          type: "button", textContent: label, className: primary ? "button primary" : "button",
        }),
      ),
    );
  }
  [...place.children].forEach((button, index) => {
    button.onclick = actions[index].run;
  });
}

/** A line below the video that stays until it is dismissed or something new comes. */
export function toast(text, tone = "alarm") {
  byId("toast").dataset.tone = tone;
  byId("toast-text").textContent = text;
  byId("toast").hidden = !text;
}

export function showBadge(words, state) {
  const badge = byId("badge");
  badge.hidden = words === null;
  if (!words) return;
  badge.dataset.state = state;
  byId("badge-state").textContent = words.name;
  byId("badge-reason").textContent = words.reason;
  announce(words.reason ? `${words.name}: ${words.reason}` : words.name);
}

/** Give the stage the shape of the picture, within reason. */
export function shapeStage(stage, video) {
  video.addEventListener("resize", () => {
    const ratio = video.videoWidth / video.videoHeight;
    if (Number.isFinite(ratio)) stage.style.setProperty("--ratio", String(Math.min(2, Math.max(0.75, ratio))));
  });
}

/** The buttons that change only how this screen shows it; those that the browser cannot do are left out. */
export function viewButtons(stage, video) {
  const pip = byId("pip");
  pip.hidden = !(document.pictureInPictureEnabled || video.webkitSupportsPresentationMode?.("picture-in-picture"));
  pip.addEventListener("click", () => allowed(togglePip(video)));
  const full = byId("fullscreen");
  full.hidden = !(stage.requestFullscreen || video.webkitEnterFullscreen);
  full.addEventListener("click", () => allowed(toggleFullscreen(stage, video)));
}

async function allowed(attempt) {
  try {
    await attempt;
  } catch (error) {
    if (!(error instanceof DOMException)) throw error;
    toast(`The browser did not do that: ${error.message}`);
  }
}

async function togglePip(video) {
  if (document.pictureInPictureElement) await document.exitPictureInPicture();
  else if (video.requestPictureInPicture) await video.requestPictureInPicture();
  else video.webkitSetPresentationMode(video.webkitPresentationMode === "inline" ? "picture-in-picture" : "inline");
}

async function toggleFullscreen(stage, video) {
  if (document.fullscreenElement) await document.exitFullscreen();
  else if (stage.requestFullscreen) await stage.requestFullscreen();
  else video.webkitEnterFullscreen(); // phones of Apple show a video alone in full, no other element
}

/** A button that stays pressed; turned(on) hears of it. */
export function toggleButton(button, turned) {
  button.addEventListener("click", () => {
    const on = button.getAttribute("aria-pressed") !== "true";
    pressed(button, on);
    turned(on);
  });
}

export function pressed(button, on) {
  button.setAttribute("aria-pressed", String(on));
}

/** Copy a field's text; where the browser forbids it, the text is selected for the user to copy. */
export async function copyFrom(field, button) {
  field.select();
  try {
    await navigator.clipboard.writeText(field.value);
  } catch (error) {
    if (!(error instanceof DOMException)) throw error;
    toast("The browser does not let this page copy. The link is selected: copy it with the keyboard.", "calm");
    return;
  }
  button.lastElementChild.textContent = "Copied";
  setTimeout(() => {
    button.lastElementChild.textContent = "Copy";
  }, 2000);
}
