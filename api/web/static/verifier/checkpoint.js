// The three lines of a checkpoint: origin, size, root. No extension lines.
// Source: C2SP tlog-checkpoint; docs/formats/log.md.

import { fromBase64, fromDecimal, textOf } from './bytes.js';
import { refuse } from './errors.js';
import { HASH_BYTES } from './merkle.js';

const BODY_MAX_BYTES = 2048;

/** Returns {origin, size: BigInt, root: 32 bytes} of the text of a checkpoint's note. */
export function parseCheckpoint(input) {
  const form = 'checkpoint-form';
  const lines = textOf(input, BODY_MAX_BYTES, form).split('\n');
  if (lines.length !== 4 || lines[3] !== '') refuse(form, 'a checkpoint has exactly three lines');
  const [origin, size, coded] = lines;
  if (!origin || /[\x00-\x1f]/.test(origin)) refuse(form, 'a checkpoint names its log');
  const root = fromBase64(coded, form);
  if (root.length !== HASH_BYTES) refuse(form, 'a root has 32 bytes');
  return { origin, size: fromDecimal(size, form), root };
}
