/** Radio buttons read and set, and what buttons say. */

export function chosen(name) {
  return document.querySelector(`input[name="${name}"]:checked`).value;
}

export function choose(name, value, changed) {
  document.querySelector(`input[name="${name}"][value="${value}"]`).checked = true;
  changed();
}

export function chooseNext(name, changed) {
  const values = [...document.getElementsByName(name)].map((one) => one.value);
  choose(name, values[(values.indexOf(chosen(name)) + 1) % values.length], changed);
}

export function label(id, text) {
  document.getElementById(id).querySelector("span").textContent = text;
}
