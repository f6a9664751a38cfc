/**
 * Runs in a page of the service's own origin: draws the portrait with a counter on the person's chest, sends it, and
 * reads the counter back from the video that returns. Gives globalThis.rimlightBench = {open, begin, figures, close}.
 *
 * The counter is a barcode of 5 x 4 cells: white, black, 16 bits, their parity, and its opposite. The cells stand where
 * the matte is surely the person, so that they come back whatever the backdrop is.
 */
(() => {
  const COLUMNS = 5;
  const ROWS = 4;
  const BITS = 16;
  const CELL = 16; // pixels of a cell in the small picture that is read
  const AREA = { left: 0.34, top: 0.54, width: 0.28, height: 0.26 }; // of the picture
  const FPS = 30;
  const SWAY = 4; // pixels the portrait moves, so that there is video to encode
  const MAX_BITRATE = 2_500_000;
  const GATHER_MS = 3000;
  const STEP_MS = 15_000;
  const OLDEST_MS = 30_000; // a counter that was drawn longer ago was misread
  const LEAST_CONTRAST = 60;

  const parityOf = (value) => {
    let odd = 0;
    for (let rest = value; rest; rest >>= 1) odd ^= rest & 1;
    return odd;
  };

  const cellsOf = (counter) => {
    const bits = Array.from({ length: BITS }, (_, bit) => (counter >> bit) & 1);
    const odd = parityOf(counter);
    return [1, 0, ...bits, odd, 1 - odd];
  };

  /** The counter of luminances of all cells, or null where they are no barcode. */
  const counterOf = (levels) => {
    const [white, black] = levels;
    if (white - black < LEAST_CONTRAST) return null;
    const bits = [];
    for (const level of levels) {
      const share = (level - black) / (white - black);
      if (share > 0.35 && share < 0.65) return null;
      bits.push(share >= 0.5 ? 1 : 0);
    }
    const counter = bits.slice(2, 2 + BITS).reduce((sum, bit, place) => sum | (bit << place), 0);
    const odd = parityOf(counter);
    return bits[2 + BITS] === odd && bits[3 + BITS] === 1 - odd ? counter : null;
  };

  /** Rejects when a step takes too long. */
  const within = (promise, what) =>
    Promise.race([
      promise,
      new Promise((_, reject) => setTimeout(() => reject(new Error(`${what} took over ${STEP_MS / 1000} s`)), STEP_MS)),
    ]);

  const canvasOf = (width, height, options) => {
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [width, height];
    return [canvas, canvas.getContext("2d", options)];
  };

  /** The portrait with a margin on all sides, so that a frame is one copy of a part of it. */
  const stageOf = async (portrait, width, height) => {
    const bytes = Uint8Array.from(atob(portrait), (letter) => letter.charCodeAt(0));
    const picture = await createImageBitmap(new Blob([bytes], { type: "image/jpeg" }));
    const [stage, context] = canvasOf(width + 2 * SWAY, height + 2 * SWAY);
    const ratio = Math.max(stage.width / picture.width, stage.height / picture.height);
    const [w, h] = [picture.width * ratio, picture.height * ratio];
    context.drawImage(picture, (stage.width - w) / 2, (stage.height - h) / 2, w, h);
    return stage;
  };

  class Camera {
    constructor(stage, width, height) {
      [this.canvas, this.context] = canvasOf(width, height, { alpha: false });
      this.stage = stage;
      this.counter = 0;
      this.drawnMs = new Float64Array(1 << BITS).fill(-Infinity);
      // With the rate, not frame by frame: requestFrame() sends every other picture twice.
      this.track = this.canvas.captureStream(FPS).getVideoTracks()[0];
      this.track.contentHint = "motion";
    }

    /** Draw at an even pace until stopped; a tick that comes too late is left out, as a camera does. */
    start(delayMs) {
      const beginMs = performance.now() + delayMs;
      const tick = () => {
        this.draw();
        const passed = Math.floor(((performance.now() - beginMs) * FPS) / 1000) + 1;
        this.timer = setTimeout(tick, beginMs + (passed * 1000) / FPS - performance.now());
      };
      this.timer = setTimeout(tick, delayMs);
    }

    stop() {
      clearTimeout(this.timer);
      this.track.stop();
    }

    draw() {
      const { canvas, context, counter } = this;
      this.drawnMs[counter] = performance.now();
      const [x, y] = [Math.sin(counter / 11), Math.cos(counter / 17)].map((part) => SWAY + Math.round(part * SWAY));
      context.drawImage(this.stage, x, y, canvas.width, canvas.height, 0, 0, canvas.width, canvas.height);
      const [w, h] = [(AREA.width * canvas.width) / COLUMNS, (AREA.height * canvas.height) / ROWS];
      cellsOf(counter).forEach((on, place) => {
        context.fillStyle = on ? "#f0f0f0" : "#101010";
        const left = AREA.left * canvas.width + (place % COLUMNS) * w;
        context.fillRect(left, AREA.top * canvas.height + Math.floor(place / COLUMNS) * h, w, h);
      });
      this.counter = (counter + 1) % (1 << BITS);
    }
  }

  class Screen {
    constructor(camera) {
      this.camera = camera;
      this.video = document.createElement("video");
      Object.assign(this.video, { muted: true, autoplay: true, playsInline: true });
      document.body.append(this.video);
      [, this.context] = canvasOf(COLUMNS * CELL, ROWS * CELL, { willReadFrequently: true });
      this.begin();
    }

    show(stream) {
      this.video.srcObject = stream;
      const seen = () => {
        this.look(performance.now());
        this.video.requestVideoFrameCallback(seen);
      };
      this.video.requestVideoFrameCallback(seen);
    }

    begin() {
      Object.assign(this, { latenciesMs: [], seen: 0, unreadable: 0, repeated: 0, last: null });
    }

    look(nowMs) {
      this.seen += 1;
      const counter = counterOf(this.levels());
      const ageMs = counter === null ? Infinity : nowMs - this.camera.drawnMs[counter];
      if (ageMs > OLDEST_MS) this.unreadable += 1;
      else if (counter === this.last) this.repeated += 1;
      else {
        this.latenciesMs.push(Math.round(ageMs * 10) / 10);
        this.last = counter;
      }
    }

    /** Mean green of the middle of each cell. */
    levels() {
      const { videoWidth: w, videoHeight: h } = this.video;
      const [wide, high] = [COLUMNS * CELL, ROWS * CELL];
      const { left, top, width, height } = AREA;
      this.context.drawImage(this.video, left * w, top * h, width * w, height * h, 0, 0, wide, high);
      const { data } = this.context.getImageData(0, 0, wide, high);
      return Array.from({ length: COLUMNS * ROWS }, (_, place) => {
        const [x, y] = [(place % COLUMNS) * CELL, Math.floor(place / COLUMNS) * CELL];
        let sum = 0;
        for (let row = CELL / 4; row < (3 * CELL) / 4; row += 1) {
          for (let column = CELL / 4; column < (3 * CELL) / 4; column += 1) {
            sum += data[((y + row) * wide + x + column) * 4 + 1];
          }
        }
        return sum / (CELL / 2) ** 2;
      });
    }
  }

  /** One person: a camera, a connection as the page makes it, and a screen. */
  class Person {
    constructor(stage, { width, height, codec, quality }) {
      this.camera = new Camera(stage, width, height);
      this.screen = new Screen(this.camera);
      this.wanted = { codec, quality };
      this.peer = new RTCPeerConnection({ bundlePolicy: "max-bundle" });
    }

    async connect(delayMs) {
      const { peer } = this;
      peer.addEventListener("track", ({ track, receiver }) => {
        if ("jitterBufferTarget" in receiver) receiver.jitterBufferTarget = 0;
        this.screen.show(new MediaStream([track]));
      });
      const sendEncodings = [{ maxBitrate: MAX_BITRATE }];
      const way = peer.addTransceiver(this.camera.track, { direction: "sendrecv", sendEncodings });
      this.prefer(way);
      this.camera.start(delayMs);
      await peer.setLocalDescription(await peer.createOffer());
      await this.gathered();
      const body = { sdp: peer.localDescription.sdp, settings: { quality: this.wanted.quality } };
      const answered = await this.call("POST", "/api/sessions", body);
      this.id = answered.id;
      await peer.setRemoteDescription({ type: "answer", sdp: answered.sdp });
      const parameters = way.sender.getParameters();
      parameters.degradationPreference = "maintain-framerate";
      await way.sender.setParameters(parameters);
      await this.connected();
    }

    prefer(way) {
      if (this.wanted.codec === "auto") return;
      const name = `video/${this.wanted.codec}`.toLowerCase();
      const all = RTCRtpReceiver.getCapabilities("video").codecs;
      const first = all.filter((one) => one.mimeType.toLowerCase() === name);
      if (!first.length) throw new Error(`this browser has no ${name}`);
      way.setCodecPreferences([...first, ...all.filter((one) => one.mimeType.toLowerCase() === "video/rtx")]);
    }

    gathered() {
      const complete = new Promise((resolve) => {
        const look = () => this.peer.iceGatheringState === "complete" && resolve();
        this.peer.addEventListener("icegatheringstatechange", look);
        look();
      });
      return Promise.race([complete, new Promise((resolve) => setTimeout(resolve, GATHER_MS))]);
    }

    connected() {
      return new Promise((resolve, reject) => {
        const look = () => {
          if (this.peer.connectionState === "connected") resolve();
          if (this.peer.connectionState === "failed") reject(new Error("the connection failed"));
        };
        this.peer.addEventListener("connectionstatechange", look);
        look();
      });
    }

    async call(method, path, body) {
      const told = body && { headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
      const answer = await fetch(path, { method, signal: AbortSignal.timeout(STEP_MS), ...told });
      if (!answer.ok) throw new Error(`${method} ${path} was answered with ${answer.status}: ${await answer.text()}`);
      return answer.status === 204 ? null : answer.json();
    }

    /** Counts of the connection so far: frames out and in, codec, size sent. */
    async counts() {
      const found = { outFrames: 0, inFrames: 0, codec: "", outSize: "", limited: "" };
      const stats = await this.peer.getStats();
      for (const one of stats.values()) {
        if (one.type === "inbound-rtp" && one.kind === "video") {
          found.inFrames = one.framesDecoded ?? 0;
          found.codec = (stats.get(one.codecId)?.mimeType ?? "").replace("video/", "");
        }
        if (one.type === "outbound-rtp" && one.kind === "video") {
          found.outFrames = one.framesEncoded ?? 0;
          found.outSize = `${one.frameWidth}x${one.frameHeight}`;
          found.limited = one.qualityLimitationReason ?? "";
        }
      }
      return found;
    }

    async begin() {
      this.screen.begin();
      this.beganMs = performance.now();
      this.before = await this.counts();
    }

    async figures() {
      const seconds = (performance.now() - this.beganMs) / 1000;
      const { latenciesMs, seen, unreadable, repeated, video } = this.screen;
      const after = await this.counts();
      return {
        latenciesMs, seen, unreadable, repeated,
        sentFps: (after.outFrames - this.before.outFrames) / seconds,
        receivedFps: (after.inFrames - this.before.inFrames) / seconds,
        seenFps: seen / seconds,
        size: `${video.videoWidth}x${video.videoHeight}`,
        sentSize: after.outSize, limited: after.limited, codec: after.codec,
        server: await this.call("GET", `/api/sessions/${this.id}`),
      };
    }

    async close() {
      this.camera.stop();
      if (this.id) await this.call("DELETE", `/api/sessions/${this.id}`);
      this.peer.close();
    }
  }

  const people = [];

  globalThis.rimlightBench = {
    /** options: portrait (base64 JPEG), width, height, sessions, codec, quality. */
    async open(options) {
      const stage = await within(stageOf(options.portrait, options.width, options.height), "decoding the portrait");
      for (let place = 0; place < options.sessions; place += 1) {
        const person = new Person(stage, options);
        people.push(person);
        await within(person.connect((place * 1000) / FPS / options.sessions), "connecting");
      }
    },
    begin: () => within(Promise.all(people.map((person) => person.begin())), "beginning"),
    figures: () => within(Promise.all(people.map((person) => person.figures())), "asking for figures"),
    close: () => within(Promise.all(people.map((person) => person.close())), "closing"),
  };
})();
