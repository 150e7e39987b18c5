// Signed notes: a text, and the signatures under it by named keys.
// Source: C2SP signed-note; docs/formats/log.md.

import { bytesOf, equal, fromBase64, hex, sha256, textOf } from './bytes.js';
import { refuse } from './errors.js';

const NOTE_MAX_BYTES = 1_000_000;
const SIGNATURES_MAX = 100;
const KEY_ID_BYTES = 4;
const CONTROL = /[\x00-\x09\x0b-\x1f]/;
const SIGNATURE = /^— ([^\p{White_Space}+]+) (\P{White_Space}+)$/u;
const VKEY = /^([^\p{White_Space}\x1c-\x1f+]+)\+([0-9a-f]{8})(?:\+(.*))?$/su;

/** Returns {text, signatures: [{name, keyId, blob}]}; whether a signature holds is not looked at. */
export function parseNote(input) {
  const whole = textOf(bytesOf(input, NOTE_MAX_BYTES, 'note-too-long'), 'note-utf8');
  if (CONTROL.test(whole)) refuse('note-control', 'a note has no control characters but newlines');
  const blank = whole.lastIndexOf('\n\n');
  if (blank < 1 || !whole.endsWith('\n') || blank + 2 >= whole.length) {
    refuse('note-shape', 'a note is a text, a blank line and signature lines');
  }
  const lines = whole.slice(blank + 2, -1).split('\n');
  if (lines.length > SIGNATURES_MAX) refuse('note-signatures', 'a note does not have that many signatures');
  return { text: whole.slice(0, blank + 1), signatures: lines.map(parseSignature) };
}

function parseSignature(line) {
  const found = SIGNATURE.exec(line);
  if (!found) refuse('signature-line', 'a signature line is a dash, a name and base64');
  const data = fromBase64(found[2], 'signature-base64');
  if (data.length <= KEY_ID_BYTES) refuse('signature-empty', 'a signature has a key id and some bytes');
  return { name: found[1], keyId: data.subarray(0, KEY_ID_BYTES), blob: data.subarray(KEY_ID_BYTES) };
}

/** Returns {name, type, key, keyId} of a verifier key `name+hash+base64(type || key)`. */
export async function parseVkey(text) {
  const [, name, id, coded] = VKEY.exec(text) ?? refuse('vkey-shape', 'a verifier key is name+hash+base64');
  const data = fromBase64(coded ?? '', 'vkey-base64');
  if (data.length < 2) refuse('vkey-empty', 'a verifier key has a type and a key');
  const keyId = (await sha256(`${name}\n`, data)).subarray(0, KEY_ID_BYTES);
  if (hex(keyId) !== id) refuse('vkey-hash', 'the hash of a verifier key is that of its name and key');
  return { name, type: data[0], key: data.subarray(1), keyId };
}

/** Returns the signatures that say they are by this key: all of them must hold. */
export function signaturesBy(note, key) {
  return note.signatures.filter((one) => one.name === key.name && equal(one.keyId, key.keyId));
}
