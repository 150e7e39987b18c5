// JSON read strictly and written in its one form, so that two readers never see two documents.
// Source: RFC 8259, RFC 7493 (I-JSON), RFC 8785 (JCS).

import { bytesOf, textOf } from './bytes.js';
import { refuse } from './errors.js';

const DEPTH_MAX = 64;
const FORM = 'json-form';
const SPACE = /[ \t\n\r]*/y;
const STRING = /"[^"\\]*(?:\\.[^"\\]*)*"/;
const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/;
const TOKEN = new RegExp(`${STRING.source}|${NUMBER.source}|true|false|null|[[\\]{},:]`, 'sy');

/** Returns the value of one JSON text; refuses a member twice, an inexact number, a lone surrogate. */
export function parseJson(input, max) {
  const text = textOf(bytesOf(input, max, FORM), FORM);
  let at = 0;
  const next = () => {
    SPACE.lastIndex = at;
    SPACE.exec(text);
    TOKEN.lastIndex = SPACE.lastIndex;
    const found = TOKEN.exec(text);
    at = found ? TOKEN.lastIndex : SPACE.lastIndex;
    return found ? found[0] : at < text.length ? refuse(FORM, 'this is not JSON') : '';
  };
  const value = readValue(next(), next, 1);
  return next() === '' ? value : refuse(FORM, 'something follows the JSON value');
}

function readValue(token, next, depth) {
  if (depth > DEPTH_MAX) refuse(FORM, 'nested too deeply');
  if (token === '{') return readObject(next, depth);
  if (token === '[') return readArray(next, depth);
  if (token === '' || '[]{},:'.includes(token)) refuse(FORM, 'a value is missing');
  return readScalar(token);
}

function readScalar(token) {
  let value;
  try {
    value = JSON.parse(token);
  } catch {
    return refuse(FORM, 'a string is not one');
  }
  if (typeof value === 'string' && !value.isWellFormed()) refuse(FORM, 'a string holds half a character');
  if (typeof value === 'number') {
    const whole = /^-?[0-9]+$/.test(token);
    const exact = whole ? Number.isSafeInteger(value) : Number.isFinite(value);
    if (!exact) refuse(FORM, 'a number cannot be held exactly');
  }
  return value;
}

function readObject(next, depth) {
  const members = Object.create(null); // no inherited member can be taken for one of the document
  let token = next();
  while (token !== '}') {
    const name = token.startsWith('"') ? readScalar(token) : refuse(FORM, 'a member has a name');
    if (name in members) refuse(FORM, 'an object names a member twice');
    if (next() !== ':') refuse(FORM, 'a member has a value');
    members[name] = readValue(next(), next, depth + 1);
    token = afterItem(next, '}');
  }
  return members;
}

function readArray(next, depth) {
  const items = [];
  let token = next();
  while (token !== ']') {
    items.push(readValue(token, next, depth + 1));
    token = afterItem(next, ']');
  }
  return items;
}

/** Returns what follows a comma, which is no end, or the end. */
function afterItem(next, end) {
  const token = next();
  if (token === end) return token;
  const following = token === ',' ? next() : end;
  return following === end ? refuse(FORM, 'a list is not closed, or ends in a comma') : following;
}

/** Returns the JCS text of a value that `parseJson` read. */
export function canonical(value) {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  // Sorted by UTF-16 unit, which is how JavaScript compares strings.
  const names = Object.keys(value).sort();
  return `{${names.map((name) => `${JSON.stringify(name)}:${canonical(value[name])}`).join(',')}}`;
}
