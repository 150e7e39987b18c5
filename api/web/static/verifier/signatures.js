// Who signed a checkpoint: Ed25519 over the text, cosignatures with a time, ML-DSA-44.
// Source: C2SP signed-note and tlog-cosignature, FIPS 204; docs/formats/log.md.

import { concat, readU64, u64, utf8 } from './bytes.js';
import { parseCheckpoint } from './checkpoint.js';
import { CouldNotBeChecked, VerificationError, refuse } from './errors.js';
import { signaturesBy } from './note.js';

export const ED25519 = 0x01;
export const ED25519_COSIGNATURE = 0x04;
export const MLDSA44 = 0x06;

const TIME_BYTES = 8;
const TIME_MAX = 2n ** 63n - 1n;
const NAME_MAX_BYTES = 255;
const MLDSA44_KEY_BYTES = 1312;

// y of the points of small order: under such a key one signature holds for many texts.
const FIELD = 2n ** 255n - 19n;
const ORDER_8_Y = 0x05fc536d880238b13933c6d305acdfd5f098eff289f4c345b027b2c28f95e826n;
const SMALL_ORDER_Y = [0n, 1n, FIELD - 1n, ORDER_8_Y, FIELD - ORDER_8_Y];

/**
 * Checks that a key signed the note of a checkpoint, in the way that its type says.
 *
 * Returns the time of the signature in seconds (BigInt; the earliest of several), null for type 0x01.
 */
export async function verifySigned(note, key) {
  const mine = signaturesBy(note, key);
  if (!mine.length) refuse('unsigned', `${key.name} has not signed this`);
  const times = [];
  for (const one of mine) times.push(await checkOne(note.text, key, one.blob));
  return times.reduce((first, time) => (time < first ? time : first));
}

async function checkOne(text, key, blob) {
  if (key.type === ED25519) {
    await verifyEd25519(key.key, blob, utf8(text));
    return null;
  }
  if (blob.length <= TIME_BYTES) refuse('cosignature-time', 'a cosignature begins with a time');
  const time = readU64(blob);
  if (time > TIME_MAX) refuse('cosignature-time', 'a cosignature gives a time of 63 bits');
  const signature = blob.subarray(TIME_BYTES);
  if (key.type === ED25519_COSIGNATURE) {
    await verifyEd25519(key.key, signature, concat(`cosignature/v1\ntime ${time}\n`, text));
  } else if (key.type === MLDSA44) {
    await verifyMldsa44(key.key, signature, subtreeMessage(key.name, time, parseCheckpoint(text)));
  } else {
    refuse('vkey-type', 'signatures of this type are not checked here');
  }
  return time;
}

/** Returns what an ML-DSA-44 cosigner signs about a whole checkpoint: never the note's text. */
export function subtreeMessage(name, time, { origin, size, root }) {
  return concat('subtree/v1\n\0', counted(name), u64(time), counted(origin), u64(0n), u64(size), root);
}

function counted(text) {
  const data = utf8(text);
  if (data.length > NAME_MAX_BYTES) refuse('cosignature-name', 'names have at most 255 bytes here');
  return concat(Uint8Array.of(data.length), data);
}

/** Checks an Ed25519 signature over bytes. */
export async function verifyEd25519(key, signature, data) {
  if (key.length !== 32) refuse('vkey-key', 'an Ed25519 key has 32 bytes');
  const y = yOf(key);
  if (y >= FIELD || SMALL_ORDER_Y.includes(y)) refuse('vkey-key', 'this is no Ed25519 key to rely on');
  // Some runtimes refuse a first half of small order and some do not; here all of them do.
  const weak = signature.length === 64 && SMALL_ORDER_Y.includes(yOf(signature.subarray(0, 32)));
  if (weak) refuse('signature', 'no honest signature begins like this');
  await check('raw', { name: 'Ed25519' }, key, signature, data);
}

/** Returns the coordinate that 32 bytes of an Ed25519 point give: little-endian, without the sign bit. */
function yOf(point) {
  return point.reduceRight((number, byte) => (number << 8n) | BigInt(byte), 0n) & (2n ** 255n - 1n);
}

/** Checks an ML-DSA-44 signature over bytes, with an empty context. */
export async function verifyMldsa44(key, signature, data) {
  if (key.length !== MLDSA44_KEY_BYTES) refuse('vkey-key', 'an ML-DSA-44 key has 1312 bytes');
  await check('raw-public', { name: 'ML-DSA-44' }, key, signature, data);
}

async function check(format, algorithm, key, signature, data) {
  let holds;
  try {
    const { subtle } = globalThis.crypto;
    const imported = await subtle.importKey(format, key, algorithm, false, ['verify']);
    holds = await subtle.verify(algorithm, imported, signature, data);
  } catch {
    // Lengths were looked at before: what is left is a runtime without the algorithm.
    throw new CouldNotBeChecked(`this runtime cannot check ${algorithm.name}`);
  }
  if (holds !== true) refuse('signature', 'the signature does not hold');
}

/** Checks that every one of these keys signed; a refusal by one outweighs what could not be checked. */
export async function verifyAllSigned(note, keys) {
  let unchecked = null;
  for (const key of keys) {
    try {
      await verifySigned(note, key);
    } catch (error) {
      if (!(error instanceof CouldNotBeChecked)) throw error;
      unchecked = error;
    }
  }
  if (unchecked) throw unchecked;
}

/** Returns the time of a signature, 'no' where there is none that holds, 'unchecked' where nobody can say. */
export async function trySigned(note, key) {
  try {
    return await verifySigned(note, key);
  } catch (error) {
    if (error instanceof CouldNotBeChecked) return 'unchecked';
    if (error instanceof VerificationError) return 'no';
    throw error;
  }
}
