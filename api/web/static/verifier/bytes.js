// Bytes, text and numbers, each read in its one form only. Sizes and indexes are BigInt: a log may
// have more entries than a Number counts.

import { refuse } from './errors.js';

const encoder = new TextEncoder();
// Without ignoreBOM a byte order mark would vanish, and other bytes than were signed be compared.
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const U64_MAX = 2n ** 64n - 1n;

export const utf8 = (text) => encoder.encode(text);

/** Returns the bytes of a string or of bytes, no more than `max`. */
export function bytesOf(input, max, code) {
  const data = typeof input === 'string' ? utf8(input) : input;
  if (!(data instanceof Uint8Array)) throw new TypeError('a string or a Uint8Array is asked for');
  return data.length <= max ? data : refuse(code, `this has more than ${max} bytes`);
}

/** Returns the text of UTF-8 bytes. */
export function textOf(data, code) {
  try {
    return decoder.decode(data);
  } catch {
    return refuse(code, 'this is not UTF-8');
  }
}

/** Returns bytes and texts, one after the other. */
export function concat(...pieces) {
  const parts = pieces.map((piece) => (typeof piece === 'string' ? utf8(piece) : piece));
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

export const equal = (one, other) => one.length === other.length && one.every((byte, at) => byte === other[at]);

export const hex = (data) => Array.from(data, (byte) => byte.toString(16).padStart(2, '0')).join('');

export const u16 = (number) => Uint8Array.of(number >> 8, number & 0xff);

/** Returns the 8 bytes of a BigInt, big-endian. */
export function u64(number) {
  const data = new Uint8Array(8);
  new DataView(data.buffer).setBigUint64(0, number);
  return data;
}

export const readU64 = (data) => new DataView(data.buffer, data.byteOffset, 8).getBigUint64(0);

export async function sha256(...parts) {
  return new Uint8Array(await globalThis.crypto.subtle.digest('SHA-256', concat(...parts)));
}

/** Returns the bytes of standard base64 with padding; another spelling of the same bytes is refused. */
export function fromBase64(text, code) {
  try {
    const data = Uint8Array.from(atob(text), (sign) => sign.charCodeAt(0));
    if (toBase64(data) === text) return data;
  } catch {
    // Falls through: a sign that is none, or a length that is none.
  }
  return refuse(code, 'this is not base64 in its one form');
}

/** Returns the bytes of base64url without padding; another spelling of the same bytes is refused. */
export function fromBase64url(text, code) {
  if (typeof text !== 'string' || !/^[A-Za-z0-9_-]*$/.test(text)) refuse(code, 'this is not base64url');
  const padding = '='.repeat((4 - (text.length % 4)) % 4);
  return fromBase64(text.replaceAll('-', '+').replaceAll('_', '/') + padding, code);
}

export function toBase64(data) {
  let signs = '';
  for (const byte of data) signs += String.fromCharCode(byte);
  return btoa(signs);
}

/** Returns a decimal number of at most 64 bits, without sign and leading zeros, as BigInt. */
export function fromDecimal(text, code) {
  const found = /^(?:0|[1-9][0-9]{0,18})$/.test(text) ? BigInt(text) : U64_MAX + 1n;
  return found <= U64_MAX ? found : refuse(code, 'this is not a number in its one form');
}
