/** Drawing and moving with pointer and keys on the canvas. */

const WHEEL = 0.0016;
const LEAST_STEP = 0.35; // of a pixel on the screen, below which a point adds nothing

/**
 * tool() gives {class, radius} of the brush, or null where nothing can be drawn; drawn(stroke) takes a finished stroke.
 */
export class Brush {
  constructor(view, tool, drawn) {
    this.view = view;
    this.tool = tool;
    this.drawn = drawn;
    this.stroke = null;
    this.hand = null; // last point while the frame is moved
    this.space = false;
    const canvas = view.canvas;
    canvas.addEventListener("pointerdown", (event) => this.down(event));
    canvas.addEventListener("pointermove", (event) => this.move(event));
    canvas.addEventListener("pointerup", () => this.up());
    canvas.addEventListener("pointercancel", () => this.up());
    canvas.addEventListener("pointerleave", () => this.leave());
    canvas.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    canvas.addEventListener("contextmenu", (event) => event.preventDefault());
  }

  /** Whether the frame is moved instead of drawn on. */
  holdSpace(held) {
    this.space = held;
    this.view.canvas.classList.toggle("moving", held);
  }

  /** Move the brush by parts of its radius, for keys. */
  nudge(y, x) {
    const tool = this.tool();
    if (!tool) return;
    const { height, width } = this.view.size;
    const at = this.view.brush ?? { y: height / 2, x: width / 2 };
    const step = Math.max(1, tool.radius / 2);
    this.at([Math.min(height, Math.max(0, at.y + y * step)), Math.min(width, Math.max(0, at.x + x * step))]);
  }

  /** Draw a dot where the brush is. */
  dab() {
    const tool = this.tool();
    if (!tool || !this.view.brush) return;
    this.drawn({ ...tool, points: [[this.view.brush.y, this.view.brush.x]] });
  }

  down(event) {
    this.view.canvas.setPointerCapture(event.pointerId);
    this.view.canvas.focus({ preventScroll: true });
    const tool = this.tool();
    if (event.button === 1 || event.button === 2 || this.space) this.hand = [event.clientY, event.clientX];
    else if (event.button === 0 && tool) {
      this.stroke = { ...tool, points: [this.placeOf(event)] };
      this.view.layers.strokes.push(this.stroke);
      this.at(this.placeOf(event));
    }
  }

  move(event) {
    if (this.hand) {
      this.view.moveBy(event.clientY - this.hand[0], event.clientX - this.hand[1]);
      this.hand = [event.clientY, event.clientX];
      return;
    }
    if (this.stroke) {
      const events = event.getCoalescedEvents?.() ?? [];
      for (const one of events.length ? events : [event]) this.extend(this.placeOf(one));
    }
    this.at(this.placeOf(event));
  }

  up() {
    this.hand = null;
    const stroke = this.stroke;
    this.stroke = null;
    if (!stroke) return;
    this.view.layers.strokes.splice(this.view.layers.strokes.indexOf(stroke), 1);
    this.drawn(stroke);
  }

  leave() {
    if (this.stroke) return;
    this.view.brush = null;
    this.view.draw();
  }

  wheel(event) {
    event.preventDefault();
    const box = this.view.canvas.getBoundingClientRect();
    this.view.zoomBy(Math.exp(-event.deltaY * WHEEL), event.clientY - box.top, event.clientX - box.left);
  }

  extend([y, x]) {
    const [lastY, lastX] = this.stroke.points[this.stroke.points.length - 1];
    if (Math.hypot(y - lastY, x - lastX) * this.view.zoom >= LEAST_STEP) this.stroke.points.push([y, x]);
  }

  at([y, x]) {
    const tool = this.tool();
    this.view.brush = tool && { y, x, ...tool };
    this.view.draw();
  }

  placeOf(event) {
    const box = this.view.canvas.getBoundingClientRect();
    return this.view.placeOf(event.clientY - box.top, event.clientX - box.left);
  }
}
