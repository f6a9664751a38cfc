/** The canvas: the frame with what lies over it, zoomed and moved. Coordinates of the video are (y, x) in its pixels. */

const CLASSES = ["backdrop", "unknown", "foreground"];
const COLOURS = { backdrop: [91, 130, 232], unknown: [255, 184, 77], foreground: [63, 201, 141] };
const UNKNOWN_SHARE = 0.55; // unknown is often most of a frame: it tints less
const SHADE = 170; // of 255, beside an outline, which is seen before bright pictures by it
const MOST_ZOOM = 32;
const MARGIN = 12;

export function colourOf(name) {
  return `rgb(${COLOURS[name].join(" ")})`;
}

/** A trimap's bitmap in the colours of its classes, as a canvas of the video's size. */
export function tinted(bitmap) {
  return recoloured(bitmap, (levels, out) => {
    for (let at = 0; at < levels.length; at += 4) {
      const number = levels[at] > 191 ? 2 : levels[at] > 63 ? 1 : 0;
      const colour = COLOURS[CLASSES[number]];
      out[at] = colour[0];
      out[at + 1] = colour[1];
      out[at + 2] = colour[2];
      out[at + 3] = number === 1 ? 255 * UNKNOWN_SHARE : 255;
    }
  });
}

/** Only the lines between a trimap's classes, a few pixels wide and shaded, for laying over another frame. */
export function outlined(bitmap) {
  const { width, height } = bitmap;
  const reach = Math.max(1, Math.round(Math.max(width, height) / 900));
  return recoloured(bitmap, (levels, out) => {
    for (let y = 0; y < height; y++)
      for (let x = 0; x < width; x++) {
        const at = 4 * (y * width + x);
        const right = x + reach < width ? at + 4 * reach : at;
        const below = y + reach < height ? at + 4 * reach * width : at;
        if (levels[at] === levels[right] && levels[at] === levels[below]) continue;
        for (const place of [at, right, below]) out[place + 3] = Math.max(out[place + 3], SHADE);
        out[at] = out[at + 1] = out[at + 2] = out[at + 3] = 255;
      }
  });
}

/** A new canvas; the bitmap is given back. */
function recoloured(bitmap, fill) {
  const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
  const drawing = canvas.getContext("2d", { willReadFrequently: true });
  drawing.drawImage(bitmap, 0, 0);
  bitmap.close();
  const image = drawing.getImageData(0, 0, canvas.width, canvas.height);
  const out = drawing.createImageData(canvas.width, canvas.height);
  fill(image.data, out.data);
  drawing.putImageData(out, 0, 0);
  return canvas;
}

function inside(at, length) {
  return Math.min(Math.max(at, MARGIN), Math.max(MARGIN, length - MARGIN));
}

export class View {
  /**
   * frame: which one is shown. layers: what is shown; picture, preview: bitmaps or null, tint, onion: canvases or null,
   * strokes: of any frame, not yet in its tint.
   */
  constructor(canvas, height, width) {
    this.canvas = canvas;
    this.size = { height, width };
    this.frame = -1;
    this.layers = { picture: null, tint: null, onion: null, preview: null, strokes: [] };
    this.overlay = 0.45;
    this.brush = null; // {y, x, radius, class}, null while the pointer is away
    this.zoom = 1;
    this.offset = { y: 0, x: 0 };
    this.fitted = true;
    this.changed = () => {};
    new ResizeObserver(() => this.resize()).observe(canvas);
    this.resize();
  }

  resize() {
    const ratio = devicePixelRatio || 1;
    this.canvas.width = Math.max(1, Math.round(this.canvas.clientWidth * ratio));
    this.canvas.height = Math.max(1, Math.round(this.canvas.clientHeight * ratio));
    if (this.fitted) this.fit();
    else this.draw();
  }

  /** Show the whole frame. */
  fit() {
    const { clientWidth, clientHeight } = this.canvas;
    const { height, width } = this.size;
    this.zoom = Math.max(0.01, Math.min((clientWidth - 2 * MARGIN) / width, (clientHeight - 2 * MARGIN) / height));
    this.offset = { y: (clientHeight - height * this.zoom) / 2, x: (clientWidth - width * this.zoom) / 2 };
    this.fitted = true;
    this.draw();
  }

  /** Zoom by a factor about a point of the canvas, its middle if none is given. */
  zoomBy(factor, y = this.canvas.clientHeight / 2, x = this.canvas.clientWidth / 2) {
    const zoom = Math.min(MOST_ZOOM, Math.max(0.05, this.zoom * factor));
    const scale = zoom / this.zoom;
    this.offset = { y: y - (y - this.offset.y) * scale, x: x - (x - this.offset.x) * scale };
    this.zoom = zoom;
    this.fitted = false;
    this.draw();
  }

  /** Put a bitmap in a layer's place and give the one before back. */
  put(layer, bitmap) {
    this.layers[layer]?.close();
    this.layers[layer] = bitmap;
    this.draw();
  }

  /** A stroke is in the tint now, or was not meant. */
  forget(stroke) {
    this.layers.strokes = this.layers.strokes.filter((one) => one !== stroke);
    this.draw();
  }

  /** Move a place of the video into the canvas. */
  reveal(y, x) {
    const { clientHeight, clientWidth } = this.canvas;
    const [top, left] = [this.offset.y + y * this.zoom, this.offset.x + x * this.zoom];
    const [down, across] = [inside(top, clientHeight) - top, inside(left, clientWidth) - left];
    if (down || across) this.moveBy(down, across);
  }

  moveBy(y, x) {
    this.offset = { y: this.offset.y + y, x: this.offset.x + x };
    this.fitted = false;
    this.draw();
  }

  /** Where in the video a point of the canvas lies (y, x). */
  placeOf(y, x) {
    return [(y - this.offset.y) / this.zoom, (x - this.offset.x) / this.zoom];
  }

  /** Draw at the next chance, once however often it is asked. */
  draw() {
    if (this.waiting) return;
    this.waiting = true;
    requestAnimationFrame(() => {
      this.waiting = false;
      this.paint();
      this.changed();
    });
  }

  paint() {
    const drawing = this.canvas.getContext("2d");
    const ratio = devicePixelRatio || 1;
    drawing.setTransform(1, 0, 0, 1, 0, 0);
    drawing.clearRect(0, 0, this.canvas.width, this.canvas.height);
    const scale = this.zoom * ratio;
    drawing.setTransform(scale, 0, 0, scale, this.offset.x * ratio, this.offset.y * ratio);
    drawing.imageSmoothingEnabled = this.zoom < 3;
    drawing.imageSmoothingQuality = "high";
    const { height, width } = this.size;
    const { picture, preview, tint, onion } = this.layers;
    const strokes = this.layers.strokes.filter((stroke) => stroke.frame === this.frame);
    const base = preview ?? picture;
    if (base) drawing.drawImage(base, 0, 0, width, height);
    if (!preview) {
      drawing.globalAlpha = this.overlay;
      if (tint || strokes.length) this.paintOverlay(drawing, tint, strokes);
      drawing.globalAlpha = 1;
    }
    if (onion && !preview) drawing.drawImage(onion, 0, 0, width, height);
    if (this.brush && !preview) this.paintBrush(drawing);
  }

  /** The trimap with the newest strokes in it as one layer, so that strokes cover instead of adding up. */
  paintOverlay(drawing, tint, strokes) {
    if (!strokes.length) {
      drawing.drawImage(tint, 0, 0);
      return;
    }
    this.mixed ??= new OffscreenCanvas(this.size.width, this.size.height);
    const mixing = this.mixed.getContext("2d");
    mixing.clearRect(0, 0, this.size.width, this.size.height);
    if (tint) mixing.drawImage(tint, 0, 0);
    mixing.lineCap = mixing.lineJoin = "round";
    for (const stroke of strokes) {
      mixing.strokeStyle = colourOf(stroke.class);
      mixing.lineWidth = 2 * stroke.radius;
      mixing.beginPath();
      const [[y, x]] = stroke.points;
      mixing.moveTo(x, y);
      mixing.lineTo(x + 0.01, y);
      for (const [nextY, nextX] of stroke.points.slice(1)) mixing.lineTo(nextX, nextY);
      mixing.globalCompositeOperation = "destination-out";
      mixing.stroke();
      mixing.globalCompositeOperation = "source-over";
      mixing.globalAlpha = stroke.class === "unknown" ? UNKNOWN_SHARE : 1;
      mixing.stroke();
      mixing.globalAlpha = 1;
    }
    drawing.drawImage(this.mixed, 0, 0);
  }

  paintBrush(drawing) {
    const { y, x, radius } = this.brush;
    for (const [colour, width] of [["rgb(0 0 0 / 60%)", 3.5], [colourOf(this.brush.class), 1.75]]) {
      drawing.strokeStyle = colour;
      drawing.lineWidth = width / this.zoom;
      drawing.beginPath();
      drawing.arc(x, y, Math.max(radius, 1 / this.zoom), 0, 2 * Math.PI);
      drawing.stroke();
    }
  }
}
