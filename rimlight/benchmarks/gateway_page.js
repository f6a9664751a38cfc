/** What one page sees while its worker goes away: looked at before every picture of the screen, times in Unix ms. */
(() => {
  const ROWS = 18, COLUMNS = 32, FAR = 60; // levels of a channel
  const video = document.getElementById("result-video");
  const drawing = new OffscreenCanvas(COLUMNS, ROWS).getContext("2d", { willReadFrequently: true });
  const now = () => performance.timeOrigin + performance.now();
  let [backdrop, shown, state] = [[0, 0, 0], -1, null];

  const off = (pixels, row, column) => {
    const at = 4 * (row * COLUMNS + column);
    return Math.max(...backdrop.map((level, channel) => Math.abs(level - pixels[at + channel]))) > FAR;
  };

  const fresh = () => ({ before: rimlight.session, phases: [], lastOfOld: null, first: null, live: null, frames: 0, strays: 0 });

  const phase = () => {
    const name = rimlight.state;
    if (state.phases.at(-1)?.name !== name) state.phases.push({ name, ms: now() });
  };

  /** A stray: a picture whose corner is not the backdrop. */
  const picture = () => {
    drawing.drawImage(video, 0, 0, COLUMNS, ROWS);
    const pixels = drawing.getImageData(0, 0, COLUMNS, ROWS).data;
    const corners = [[0, 0], [0, COLUMNS - 1]]; // the lower ones may hold a shoulder
    state.frames += 1;
    state.strays += corners.some(([row, column]) => off(pixels, row, column)) ? 1 : 0;
    if (rimlight.session === state.before) state.lastOfOld = now();
    if (rimlight.session === null || rimlight.session === state.before) return;
    state.first ??= now();
    if (off(pixels, ROWS * 0.65 | 0, COLUMNS / 2)) state.live ??= now();
  };

  const look = () => {
    if (state) phase();
    const count = video.getVideoPlaybackQuality().totalVideoFrames;
    if (state && video.readyState >= 2 && count !== shown) {
      shown = count;
      picture();
    }
    requestAnimationFrame(look);
  };
  look();

  window.rimlightGateway = {
    /** Begin anew; colour: of the backdrop, [red, green, blue]. */
    begin(colour) {
      backdrop = colour;
      state = fresh();
    },
    /** Whether the middle shows the person; also for before anything happens. */
    live: () => {
      drawing.drawImage(video, 0, 0, COLUMNS, ROWS);
      return video.readyState >= 2 && off(drawing.getImageData(0, 0, COLUMNS, ROWS).data, ROWS * 0.65 | 0, COLUMNS / 2);
    },
    figures: () => state,
  };
})();
