// A proof that travels by itself: index, inclusion path, and the checkpoint that it leads to.
// Source: C2SP tlog-proof; docs/formats/log.md.

import { fromBase64, fromDecimal, textOf } from './bytes.js';
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
  const form = 'proof-form';
  const text = textOf(input, PROOF_MAX_BYTES, form);
  const blank = text.indexOf('\n\n');
  const lines = blank < 0 ? [] : text.slice(0, blank).split('\n');
  if (lines.shift() !== HEADER) refuse(form, 'this is not a tlog-proof');
  const extra = lines[0]?.startsWith('extra ') ? fromBase64(lines.shift().slice('extra '.length), form) : null;
  const line = lines.shift() ?? '';
  if (!line.startsWith('index ') || lines.length > PATH_MAX) refuse(form, 'a tlog-proof has an index and a short path');
  const index = fromDecimal(line.slice('index '.length), form);
  const path = lines.map((one) => fromBase64(one, form));
  if (path.some((one) => one.length !== HASH_BYTES)) refuse(form, 'a hash of the path has 32 bytes');
  const note = parseNote(text.slice(blank + 2));
  return { extra, index, path, note, checkpoint: parseCheckpoint(note.text) };
}

/**
 * Checks the note of a checkpoint against whom the caller trusts, and returns {checkpoint, witnesses}.
 *
 * trust: {origin, logKeys: verifier keys that must all have signed, policy: text of a tlog-policy, or none}.
 */
export async function verifyCheckpoint(note, trust) {
  const checkpoint = parseCheckpoint(note.text);
  if (checkpoint.origin !== trust.origin) refuse('other-log', 'the checkpoint is of another log');
  if (!trust.logKeys?.length) refuse('no-keys', 'without a key of the log nothing can be checked');
  await verifyAllSigned(note, await Promise.all(trust.logKeys.map(parseVkey)));
  const policy = trust.policy === undefined ? null : await parsePolicy(trust.policy);
  return { checkpoint, witnesses: policy ? await checkPolicy(policy, note) : new Map() };
}

/** Checks that the log holds these bytes as an entry, and returns {index, checkpoint, witnesses}. */
export async function verifyEntry(proof, entry, trust) {
  const { index, path, checkpoint } = proof;
  await verifyInclusion(await leafHash(entry), index, checkpoint.size, path, checkpoint.root);
  return { index, ...(await verifyCheckpoint(proof.note, trust)) };
}
