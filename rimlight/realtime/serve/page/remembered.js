/** Choices that outlive the page, in this browser only. */

const KEY = "rimlight.choices";

/** What was remembered under a name, or the fallback. */
export function recall(name, fallback) {
  return all()[name] ?? fallback;
}

export function remember(name, value) {
  try {
    localStorage.setItem(KEY, JSON.stringify({ ...all(), [name]: value }));
  } catch (error) {
    if (!(error instanceof DOMException)) throw error; // storage is full or forbidden: then nothing is remembered
  }
}

function all() {
  try {
    return JSON.parse(localStorage.getItem(KEY)) ?? {};
  } catch (error) {
    if (!(error instanceof DOMException || error instanceof SyntaxError)) throw error;
    return {};
  }
}
