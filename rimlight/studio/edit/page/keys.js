/** What keys do; none is taken away from fields, buttons and the browser. */

const MOVING = /^(Arrow|Home$|End$|Page)/;

/** actions: by name, as app.js has them. */
export function listen(actions) {
  addEventListener("keydown", (event) => {
    if (!usedBy(event.target, event) && act(actions, event)) event.preventDefault();
  });
  addEventListener("keyup", (event) => {
    if (event.key === " ") actions.space(false);
  });
}

function act(actions, event) {
  const { key, shiftKey: shift, altKey: alt, target } = event;
  if (event.ctrlKey || event.metaKey) {
    if (key.toLowerCase() === "z") return run(shift ? actions.redo : actions.undo);
    return key.toLowerCase() === "y" && run(actions.redo);
  }
  if (alt) return nudged(actions, key);
  const many = shift ? 10 : 1;
  const simple = {
    ArrowLeft: () => actions.step(-many), ArrowRight: () => actions.step(many),
    Home: () => actions.go(0), End: () => actions.go(Infinity),
    "[": () => actions.size(1 / 1.2), "]": () => actions.size(1.2),
    "+": () => actions.zoom(1.25), "=": () => actions.zoom(1.25), "-": () => actions.zoom(0.8), 0: actions.fit,
    1: () => actions.paint("backdrop"), 2: () => actions.paint("unknown"), 3: () => actions.paint("foreground"),
    v: actions.nextView, o: actions.nextOnion, p: actions.propagate, a: actions.auto, Escape: actions.stop,
  };
  if (key === "PageUp" && shift) return run(() => actions.mark(-1));
  if (key === "PageDown" && shift) return run(() => actions.mark(1));
  if (key === " " && !pressable(target)) return run(() => actions.space(true));
  if (key === "Enter" && target.id === "canvas") return run(actions.dab);
  const found = simple[key] ?? simple[key.toLowerCase()];
  return found !== undefined && run(found);
}

function nudged(actions, key) {
  const ways = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
  return key in ways && run(() => actions.nudge(...ways[key]));
}

function run(action) {
  action();
  return true;
}

/** Fields need all keys; sliders and radio buttons those that move. */
function usedBy(target, { key, altKey }) {
  if (target.matches?.("input[type=text], input[type=number], select")) return key !== "Escape";
  return MOVING.test(key) && !altKey && target.matches?.("input[type=range], input[type=radio]") === true;
}

function pressable(target) {
  return target.matches?.("button, input, summary, select") === true;
}
