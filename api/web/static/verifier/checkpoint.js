// The three lines of a checkpoint: origin, size, root. No extension lines.
// Source: C2SP tlog-checkpoint; docs/formats/log.md.

import { bytesOf, fromBase64, fromDecimal, textOf } from './bytes.js';
import { refuse } from './errors.js';
import { HASH_BYTES } from './merkle.js';

const BODY_MAX_BYTES = 2048;

/** Returns {origin, size: BigInt, root: 32 bytes} of the text of a checkpoint's note. */
export function parseCheckpoint(input) {
  const lines = textOf(bytesOf(input, BODY_MAX_BYTES, 'checkpoint-too-long'), 'checkpoint-lines').split('\n');
  if (lines.length !== 4 || lines[3] !== '') refuse('checkpoint-lines', 'a checkpoint has exactly three lines');
  const [origin, digits, coded] = lines;
  if (!origin || /[\x00-\x1f]/.test(origin)) refuse('checkpoint-origin', 'a checkpoint names its log');
  const size = fromDecimal(digits, 'checkpoint-size');
  const root = fromBase64(coded, 'checkpoint-root');
  if (root.length !== HASH_BYTES) refuse('checkpoint-root', 'a root has 32 bytes');
  return { origin, size, root };
}
