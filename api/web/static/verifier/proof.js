// A proof that travels by itself: index, inclusion path, and the checkpoint that it leads to.
// Source: C2SP tlog-proof; docs/formats/log.md.

import { bytesOf, fromBase64, fromDecimal, textOf } from './bytes.js';
import { parseCheckpoint } from './checkpoint.js';
import { refuse } from './errors.js';
import { HASH_BYTES, leafHash, verifyInclusion } from './merkle.js';
import { parseNote, parseVkey } from './note.js';
import { checkPolicy, parsePolicy } from './policy.js';
import { verifyAllSigned } from './signatures.js';

const HEADER = 'c2sp.org/tlog-proof@v1';
const PROOF_MAX_BYTES = 2_000_000;
const PATH_MAX = 63;

/** Returns {extra: bytes or null, index: BigInt, path, note, checkpoint}; nothing in it is checked yet. */
export function parseProof(input) {
  const text = textOf(bytesOf(input, PROOF_MAX_BYTES, 'proof-too-long'), 'proof-utf8');
  const blank = text.indexOf('\n\n');
  if (blank < 0 || blank + 2 === text.length) refuse('proof-parts', 'a tlog-proof ends in its checkpoint');
  const lines = text.slice(0, blank).split('\n');
  if (lines.shift() !== HEADER) refuse('proof-header', 'this is not a tlog-proof');
  const extra = lines[0]?.startsWith('extra ') ? fromBase64(lines.shift().slice(6), 'proof-extra') : null;
  const line = lines.shift() ?? '';
  const index = fromDecimal(line.startsWith('index ') ? line.slice(6) : '', 'proof-index');
  if (lines.length > PATH_MAX) refuse('proof-path', 'a tlog-proof does not have so many hashes');
  const path = lines.map((one) => fromBase64(one, 'proof-hash'));
  if (path.some((one) => one.length !== HASH_BYTES)) refuse('proof-hash', 'a hash of the path has 32 bytes');
  const note = parseNote(text.slice(blank + 2));
  return { extra, index, path, note, checkpoint: parseCheckpoint(note.text) };
}

/**
 * Checks the note of a checkpoint against whom the caller trusts, and returns {checkpoint, witnesses}.
 *
 * trust: members of a trust file (docs/formats/trust-file.md), of which `origin`, `log_keys` and
 * `witness_policy` are read. A log key may stand there as its text alone.
 */
export async function verifyCheckpoint(note, trust) {
  const checkpoint = parseCheckpoint(note.text);
  if (checkpoint.origin !== trust.origin) refuse('other-log', 'the checkpoint is of another log');
  const needed = (trust.log_keys ?? []).filter((one) => needs(one, checkpoint.size));
  if (!needed.length) refuse('no-keys', 'without a key of the log nothing can be checked');
  await verifyAllSigned(note, await Promise.all(needed.map((one) => parseVkey(one.vkey ?? one))));
  const policy = trust.witness_policy === undefined ? null : await parsePolicy(trust.witness_policy);
  return { checkpoint, witnesses: policy ? await checkPolicy(policy, note) : new Map() };
}

/** Returns whether a checkpoint of that size must carry a signature of this key. */
function needs(key, size) {
  if (typeof key === 'string') return true;
  return key.must_verify && BigInt(key.from) <= size && (key.to === null || size < BigInt(key.to));
}

/** Checks that the log holds these bytes as an entry, and returns {index, checkpoint, witnesses}. */
export async function verifyEntry(proof, entry, trust) {
  const { index, path, checkpoint } = proof;
  await verifyInclusion(await leafHash(entry), index, checkpoint.size, path, checkpoint.root);
  return { index, ...(await verifyCheckpoint(proof.note, trust)) };
}
