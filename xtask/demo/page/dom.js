// Elements, with as little code as will do.

/** An element with attributes (`onclick` and its kin are listeners) and children. */
export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (value !== undefined) made.setAttribute(key, value);
  }
  made.append(...children);
  return made;
}

export const byId = (id) => document.getElementById(id);

/** Only what changed is written, so that nothing flickers and no reader is told twice. */
export function setText(target, text) {
  if (target.textContent !== text) target.textContent = text;
}

/** `undefined` and `false` take the attribute away. */
export function setAttribute(target, name, value) {
  if (value === undefined || value === false) return target.removeAttribute(name);
  const text = value === true ? "" : String(value);
  if (target.getAttribute(name) !== text) target.setAttribute(name, text);
}
