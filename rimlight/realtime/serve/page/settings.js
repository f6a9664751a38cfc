/** The controls of the panel, as the server's settings and back. */

import { byId } from "./stage.js";

const SHIFT_STEPS = 100;

/** changed(part) hears of each setting that the user moves: feather, shift, decontaminate, quality. */
export function listen(changed) {
  byId("feather").addEventListener("input", () => told({ feather: Number(byId("feather").value) }));
  byId("shift").addEventListener("input", () => told({ shift: Number(byId("shift").value) }));
  byId("decontaminate").addEventListener("change", () => told({ decontaminate: byId("decontaminate").checked }));
  byId("qualities").addEventListener("change", (event) => told({ quality: event.target.value }));
  describe();

  function told(part) {
    describe();
    changed(part);
  }
}

export function values() {
  return {
    quality: document.querySelector("input[name=quality]:checked").value,
    feather: Number(byId("feather").value),
    shift: Number(byId("shift").value),
    decontaminate: byId("decontaminate").checked,
  };
}

/** Move the controls to what is given; what is missing stays. */
export function show({ quality, feather, shift, decontaminate }) {
  const radio = [...document.querySelectorAll("input[name=quality]")].find(({ value }) => value === quality);
  if (radio) radio.checked = true;
  if (feather !== undefined) byId("feather").value = feather;
  if (shift !== undefined) byId("shift").value = shift;
  if (decontaminate !== undefined) byId("decontaminate").checked = decontaminate;
  describe();
}

function describe() {
  const shift = Math.round(Number(byId("shift").value) * SHIFT_STEPS);
  const side = shift < 0 ? "tighter" : "wider";
  byId("feather-value").value = `${byId("feather").value} px`;
  byId("shift-value").value = shift === 0 ? "as found" : `${Math.abs(shift)} % ${side}`;
  byId("feather").setAttribute("aria-valuetext", `${byId("feather").value} pixels`);
  byId("shift").setAttribute("aria-valuetext", byId("shift-value").value);
}
