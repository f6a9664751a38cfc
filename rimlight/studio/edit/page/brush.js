/** Drawing and moving with pointer, fingers and keys on the canvas. */

const WHEEL = 0.0016;
const LEAST_STEP = 0.35; // of a pixel on the screen, below which a point adds nothing
const MOST_POINTS = 10000; // of a stroke; what is longer goes on as another one
const PARTS = 16; // of a pixel, that points are placed to

/**
 * tool() gives {class, radius, frame} of the brush, or null where nothing can be drawn; drawn(stroke) takes a finished
 * stroke, which is in the view's layers until it is taken out. One pointer draws; two fingers move and zoom.
 */
export class Brush {
  constructor(view, tool, drawn) {
    this.view = view;
    this.tool = tool;
    this.drawn = drawn;
    this.stroke = null;
    this.hand = null; // last point while the frame is moved
    this.pointer = null; // which one draws or moves
    this.fingers = new Map(); // last point of each that touches
    this.space = false;
    const canvas = view.canvas;
    canvas.addEventListener("pointerdown", (event) => this.down(event));
    canvas.addEventListener("pointermove", (event) => this.move(event));
    canvas.addEventListener("pointerup", (event) => this.up(event));
    canvas.addEventListener("pointercancel", (event) => this.up(event));
    canvas.addEventListener("pointerleave", () => this.leave());
    canvas.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    canvas.addEventListener("contextmenu", (event) => event.preventDefault());
    addEventListener("blur", () => this.holdSpace(false));
  }

  /** Whether the frame is moved instead of drawn on. */
  holdSpace(held) {
    this.space = held;
    this.view.canvas.classList.toggle("moving", held);
  }

  /** Move the brush by parts of its radius, for keys; the view follows. */
  nudge(y, x) {
    const tool = this.tool();
    if (!tool) return;
    const { height, width } = this.view.size;
    const at = this.view.brush ?? { y: height / 2, x: width / 2 };
    const step = Math.max(1, tool.radius / 2);
    this.at([Math.min(height, Math.max(0, at.y + y * step)), Math.min(width, Math.max(0, at.x + x * step))]);
    this.view.reveal(this.view.brush.y, this.view.brush.x);
  }

  /** Draw a dot where the brush is. */
  dab() {
    const tool = this.tool();
    if (!tool || !this.view.brush) return;
    this.begin(tool, [this.view.brush.y, this.view.brush.x]);
    this.end();
  }

  down(event) {
    this.view.canvas.setPointerCapture(event.pointerId);
    if (event.pointerId === this.pointer) this.up(event); // its end was missed
    if (event.pointerType === "touch") this.fingers.set(event.pointerId, this.pointOf(event));
    if (this.fingers.size === 2 && this.fingers.has(this.pointer)) this.drop();
    if (this.pointer !== null || this.fingers.size > 1) return;
    const tool = this.tool();
    if (event.button === 1 || event.button === 2 || this.space) this.hand = this.pointOf(event);
    else if (event.button === 0 && tool) this.begin(tool, this.placeOf(event));
    else return;
    this.pointer = event.pointerId;
    this.at(this.placeOf(event));
  }

  move(event) {
    if (this.fingers.has(event.pointerId)) this.pinch(event);
    if (this.pointer !== null && event.pointerId !== this.pointer) return;
    if (this.hand) {
      const [y, x] = this.pointOf(event);
      this.view.moveBy(y - this.hand[0], x - this.hand[1]);
      this.hand = [y, x];
      return;
    }
    if (this.stroke) {
      const events = event.getCoalescedEvents?.() ?? [];
      for (const one of events.length ? events : [event]) this.extend(this.placeOf(one));
    }
    this.at(this.placeOf(event));
  }

  up(event) {
    this.fingers.delete(event.pointerId);
    if (event.pointerId !== this.pointer) return;
    this.hand = this.pointer = null;
    this.end();
  }

  /** A second finger came: the first did not mean to draw. */
  drop() {
    if (this.stroke) this.view.forget(this.stroke);
    this.stroke = this.hand = this.pointer = this.view.brush = null;
  }

  /** Two fingers: what lies between them stays between them. */
  pinch(event) {
    const before = [...this.fingers.values()];
    this.fingers.set(event.pointerId, this.pointOf(event));
    const after = [...this.fingers.values()];
    if (after.length !== 2 || this.pointer !== null) return;
    const middle = ([[y, x], [otherY, otherX]]) => [(y + otherY) / 2, (x + otherX) / 2];
    const apart = ([[y, x], [otherY, otherX]]) => Math.max(1, Math.hypot(y - otherY, x - otherX));
    const [[fromY, fromX], [toY, toX]] = [middle(before), middle(after)];
    this.view.moveBy(toY - fromY, toX - fromX);
    this.view.zoomBy(apart(after) / apart(before), toY, toX);
  }

  leave() {
    if (this.stroke) return;
    this.view.brush = null;
    this.view.draw();
  }

  wheel(event) {
    event.preventDefault();
    this.view.zoomBy(Math.exp(-event.deltaY * WHEEL), ...this.pointOf(event));
  }

  begin(tool, place) {
    this.stroke = { ...tool, points: [rounded(place)] };
    this.view.layers.strokes.push(this.stroke);
    this.view.draw();
  }

  extend([y, x]) {
    const { points } = this.stroke;
    const [lastY, lastX] = points[points.length - 1];
    if (Math.hypot(y - lastY, x - lastX) * this.view.zoom < LEAST_STEP) return;
    points.push(rounded([y, x]));
    if (points.length < MOST_POINTS) return;
    const stroke = this.stroke;
    this.end();
    this.begin(stroke, [y, x]);
  }

  end() {
    const stroke = this.stroke;
    this.stroke = null;
    if (stroke) this.drawn(stroke);
  }

  at([y, x]) {
    const tool = this.tool();
    this.view.brush = tool && { y, x, ...tool };
    this.view.draw();
  }

  pointOf(event) {
    const box = this.view.canvas.getBoundingClientRect();
    return [event.clientY - box.top, event.clientX - box.left];
  }

  placeOf(event) {
    return this.view.placeOf(...this.pointOf(event));
  }
}

function rounded(place) {
  return place.map((value) => Math.round(value * PARTS) / PARTS);
}
