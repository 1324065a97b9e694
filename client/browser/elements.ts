/**
 * The parts of the page, by id, and new ones.
 * @module
 */

export function part(id: string): HTMLElement;
export function part<T extends HTMLElement>(id: string, type: new () => T): T;
/** @throws {Error} if the page has no such part */
export function part(id: string, type: new () => HTMLElement = HTMLElement): HTMLElement {
  const element = document.getElementById(id);
  if (!(element instanceof type)) throw new Error(`no ${id} in the page`);
  return element;
}

/** A new element with this text. */
export function made(tag: string, text: string, className = ''): HTMLElement {
  const element = document.createElement(tag);
  element.textContent = text;
  if (className !== '') element.className = className;
  return element;
}

/** Says what is wrong at a part of the form; nothing: that all is well. */
export function showError(id: string, message: string | undefined): void {
  const error = part(`${id}-error`);
  error.textContent = message ?? '';
  error.hidden = message === undefined;
  const input = part(id);
  if (message === undefined) input.removeAttribute('aria-invalid');
  else input.setAttribute('aria-invalid', 'true');
}
