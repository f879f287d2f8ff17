/** @param {string} id */
export function byId(id) {
  return document.getElementById(id);
}

/**
 * @param {string} tag
 * @param {Record<string, unknown>} properties
 * @param {...(Node | string)} children
 */
export function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

/** Shows an error by its code and its message, which says what to do; nothing hides it. */
export function showError(element, error) {
  element.hidden = error === undefined;
  element.replaceChildren(
    ...(error === undefined ? [] : [make("code", {}, error.code), ` ${error.message}`]),
  );
}
