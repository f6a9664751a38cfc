/** The gallery: blur, a colour, the server's pictures, a picture of the user's own. */

import { api, ApiError } from "./api.js";
import { firstPicture } from "./pictures.js";
import { byId } from "./stage.js";

/**
 * chosen(backdrop) hears what the user takes, as the server names it: "blur:0.6", "#2f5d50", "gallery:dusk", "upload".
 * offered(file) hears of a file that was picked, dropped or pasted.
 */
export class Backdrops {
  #chosen;
  #offered;
  #pictures = new Map(); // name to title

  constructor({ chosen, offered }) {
    this.#chosen = chosen;
    this.#offered = offered;
    byId("cards").addEventListener("change", (event) => this.#taken(event));
    byId("blur").addEventListener("input", () => this.#told());
    byId("colour").addEventListener("input", () => this.#told());
    this.#listenForFiles();
    this.#describe();
  }

  /** As the server names it. */
  get value() {
    const card = document.querySelector("input[name=backdrop]:checked").value;
    if (card === "blur") return `blur:${byId("blur").value}`;
    return card === "colour" ? byId("colour").value : card;
  }

  /** Whether the server has it. */
  has(backdrop) {
    const name = /^gallery:(.*)$/.exec(backdrop)?.[1];
    return name === undefined ? /^(blur|#)/.test(backdrop) : this.#pictures.has(name);
  }

  /** Show what the server says is behind the user now. */
  show(backdrop) {
    const [kind, amount] = backdrop.split(":");
    const card = backdrop.startsWith("#") ? "colour" : kind === "blur" ? "blur" : backdrop;
    const radio = [...document.querySelectorAll("input[name=backdrop]")].find((one) => one.value === card);
    if (radio) radio.checked = true;
    if (card === "blur") byId("blur").value = amount ?? "0.6";
    if (card === "colour") byId("colour").value = backdrop;
    this.#describe();
  }

  /** Fill in the server's own pictures; those already shown stay. */
  fill(gallery) {
    const fresh = gallery.filter(({ name }) => !this.#pictures.has(name));
    for (const { name, title } of fresh) {
      this.#pictures.set(name, title);
      const card = pictureCard(name, title);
      byId("upload-card").before(card);
      thumbnail(card.querySelector("img"), name);
    }
  }

  /** Show a card for the user's own picture and take it. */
  showUpload(picture) {
    const image = byId("upload-thumb");
    URL.revokeObjectURL(image.src);
    image.src = URL.createObjectURL(picture);
    byId("upload-card").hidden = false;
    this.show("upload");
  }

  #taken(event) {
    if (event.target.type === "file") return;
    this.#told();
  }

  #told() {
    this.#describe();
    this.#chosen(this.value);
  }

  #describe() {
    const { value } = this;
    byId("blur-detail").hidden = !value.startsWith("blur");
    byId("colour-detail").hidden = !value.startsWith("#");
    byId("blur-value").value = `${Math.round(byId("blur").value * 100)} %`;
    byId("colour-thumb").style.setProperty("--chosen", byId("colour").value);
  }

  #listenForFiles() {
    const input = byId("upload");
    input.addEventListener("change", () => {
      if (input.files[0]) this.#offered(input.files[0]);
      input.value = ""; // so that the same file can be taken again
    });
    document.addEventListener("paste", (event) => this.#handed(event, event.clipboardData));
    document.addEventListener("dragover", (event) => {
      if (!event.dataTransfer.types.includes("Files")) return;
      event.preventDefault();
      byId("drop").hidden = false;
    });
    document.addEventListener("dragleave", (event) => {
      if (!event.relatedTarget) byId("drop").hidden = true;
    });
    document.addEventListener("drop", (event) => {
      byId("drop").hidden = true;
      this.#handed(event, event.dataTransfer);
    });
  }

  #handed(event, transfer) {
    const file = firstPicture(transfer);
    if (!file) return;
    event.preventDefault();
    this.#offered(file);
  }
}

function pictureCard(name, title) {
  const card = document.createElement("label");
  card.className = "card";
  const radio = Object.assign(document.createElement("input"), { type: "radio", name: "backdrop", value: `gallery:${name}` });
  radio.dataset.testid = `card-gallery-${name}`;
  const image = Object.assign(document.createElement("img"), { className: "thumb", alt: "" });
  const text = Object.assign(document.createElement("span"), { className: "name", textContent: title });
  card.append(radio, image, text);
  return card;
}

/** Fetched, not linked: the server may ask for the token, which a link cannot carry. */
async function thumbnail(image, name) {
  try {
    image.src = URL.createObjectURL(await api.thumbnail(name));
  } catch (problem) {
    if (!(problem instanceof ApiError)) throw problem; // without its thumbnail the card still has its name
  }
}
