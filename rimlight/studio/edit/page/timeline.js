/** The strip below the frame: thumbnails, shots, marks, what is propagated, and where one is. */

const EDGE = 8;
const MARKS_HEIGHT = 22;
const THUMBS_TOP = 4;
const THUMBS_HEIGHT = 54;
const SETTLED_MS = 250; // after a change of size
const AGAIN_MS = 2000;

export class Timeline {
  /** film: what the server said of the project. go(frame): somebody wants to be there. thumb(frame): its bitmap. */
  constructor(canvas, film, go, thumb) {
    this.canvas = canvas;
    this.film = film;
    this.go = go;
    this.thumb = thumb;
    this.frame = 0;
    this.marks = [];
    this.carried = []; // runs of frames: the first, and the one after the last
    this.thumbs = new Map();
    canvas.setAttribute("aria-valuemax", String(film.frames - 1));
    canvas.addEventListener("pointerdown", (event) => this.drag(event));
    canvas.addEventListener("pointermove", (event) => event.buttons & 1 && this.drag(event));
    new ResizeObserver(() => this.resize()).observe(canvas);
    this.resize();
  }

  resize() {
    const ratio = devicePixelRatio || 1;
    this.canvas.width = Math.max(1, Math.round(this.canvas.clientWidth * ratio));
    this.canvas.height = Math.max(1, Math.round(this.canvas.clientHeight * ratio));
    this.draw();
    clearTimeout(this.filling);
    this.filling = setTimeout(() => this.fill(), SETTLED_MS);
  }

  show(frame, marks = this.marks, carried = this.carried) {
    Object.assign(this, { frame, marks, carried });
    this.canvas.setAttribute("aria-valuenow", String(frame));
    this.canvas.setAttribute("aria-valuetext", `frame ${frame} of ${this.film.frames}`);
    this.draw();
  }

  /** Load thumbnails one after the other, coarse ones first, until others are wanted; later where one cannot be had. */
  async fill() {
    const round = this.filling;
    const wanted = this.places().map((place) => place.frame);
    const order = [0, 4, 2, 6, 1, 3, 5, 7].flatMap((rest) => wanted.filter((_, index) => index % 8 === rest));
    for (const frame of order) {
      if (this.thumbs.has(frame)) continue;
      const thumb = await this.thumb(frame).catch(() => null); // who asks for more is told
      if (!thumb) {
        this.filling = setTimeout(() => this.fill(), AGAIN_MS);
        return;
      }
      this.thumbs.set(frame, thumb);
      this.draw();
      if (round !== this.filling) return;
    }
  }

  places() {
    const width = (THUMBS_HEIGHT * this.film.width) / this.film.height;
    const count = Math.max(1, Math.ceil((this.canvas.clientWidth - 2 * EDGE) / width));
    return Array.from({ length: count }, (_, index) => {
      const x = EDGE + index * width;
      return { x, width, frame: Math.round(Math.min(1, Math.max(0, this.shareAt(x + width / 2))) * (this.film.frames - 1)) };
    });
  }

  shareAt(x) {
    return (x - EDGE) / Math.max(1, this.canvas.clientWidth - 2 * EDGE);
  }

  xOf(frame) {
    return EDGE + (frame / Math.max(1, this.film.frames - 1)) * (this.canvas.clientWidth - 2 * EDGE);
  }

  drag(event) {
    this.canvas.setPointerCapture(event.pointerId);
    const share = this.shareAt(event.clientX - this.canvas.getBoundingClientRect().left);
    this.go(Math.round(Math.min(1, Math.max(0, share)) * (this.film.frames - 1)));
  }

  draw() {
    if (this.waiting) return;
    this.waiting = true;
    requestAnimationFrame(() => {
      this.waiting = false;
      this.paint();
    });
  }

  paint() {
    const ratio = devicePixelRatio || 1;
    const drawing = this.canvas.getContext("2d");
    const { clientWidth: width, clientHeight: height } = this.canvas;
    const style = getComputedStyle(this.canvas);
    const colour = (name) => style.getPropertyValue(name).trim();
    drawing.setTransform(ratio, 0, 0, ratio, 0, 0);
    drawing.clearRect(0, 0, width, height);
    this.paintThumbs(drawing, width);
    const middle = height - MARKS_HEIGHT / 2;
    drawing.fillStyle = colour("--line");
    drawing.fillRect(EDGE, middle - 1.5, width - 2 * EDGE, 3);
    drawing.fillStyle = colour("--line-of-carried");
    const step = Math.max(2, (width - 2 * EDGE) / this.film.frames + 0.5);
    drawing.save();
    drawing.beginPath();
    drawing.rect(EDGE, 0, width - 2 * EDGE, height);
    drawing.clip();
    for (const [first, stop] of this.carried)
      drawing.fillRect(this.xOf(first) - step / 2, middle - 2, this.xOf(stop - 1) - this.xOf(first) + step, 4);
    drawing.restore();
    drawing.fillStyle = colour("--edge");
    for (const shot of this.film.shots.slice(1)) drawing.fillRect(this.xOf(shot) - 0.75, THUMBS_TOP, 1.5, height - 2 * THUMBS_TOP);
    for (const mark of this.marks) diamond(drawing, this.xOf(mark), middle, colour("--of-unknown"), colour("--sunken"));
    drawing.fillStyle = colour("--ink");
    drawing.fillRect(this.xOf(this.frame) - 1, 2, 2, height - 4);
    drawing.beginPath();
    drawing.arc(this.xOf(this.frame), 5, 4.5, 0, 2 * Math.PI);
    drawing.fill();
  }

  paintThumbs(drawing, width) {
    drawing.save();
    drawing.beginPath();
    drawing.roundRect(EDGE, THUMBS_TOP, width - 2 * EDGE, THUMBS_HEIGHT, 6);
    drawing.clip();
    for (const place of this.places()) {
      const thumb = this.thumbs.get(place.frame);
      if (thumb) drawing.drawImage(thumb, place.x, THUMBS_TOP, place.width, THUMBS_HEIGHT);
    }
    drawing.restore();
  }
}

function diamond(drawing, x, y, fill, edge) {
  const reach = 6.5;
  drawing.beginPath();
  drawing.moveTo(x, y - reach);
  drawing.lineTo(x + reach, y);
  drawing.lineTo(x, y + reach);
  drawing.lineTo(x - reach, y);
  drawing.closePath();
  drawing.fillStyle = fill;
  drawing.strokeStyle = edge;
  drawing.lineWidth = 2;
  drawing.stroke();
  drawing.fill();
}
