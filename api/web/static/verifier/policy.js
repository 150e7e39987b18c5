// Which logs and witnesses make a checkpoint believable, and how many of them it takes.
// Source: C2SP tlog-policy; docs/formats/log.md.

import { bytesOf, equal, textOf } from './bytes.js';
import { CouldNotBeChecked, refuse } from './errors.js';
import { parseVkey } from './note.js';
import { ED25519, ED25519_COSIGNATURE, MLDSA44, trySigned } from './signatures.js';

const POLICY_MAX_BYTES = 1_000_000;
const NONE = 'none';

/** Returns {logs: [key], witnesses: [{name, key, url}], groups: [{name, threshold, members}], quorum}. */
export async function parsePolicy(input) {
  const data = bytesOf(input, POLICY_MAX_BYTES, 'policy-text');
  if (data.some((byte) => (byte < 0x20 && byte !== 0x09 && byte !== 0x0a) || byte === 0x7f)) {
    refuse('policy-text', 'a policy has no control characters but tab and newline');
  }
  // Bytes beyond ASCII are opaque: one character for each, so that equal names are equal bytes.
  const lines = Array.from(data, (byte) => String.fromCharCode(byte)).join('').split('\n');
  const policy = { logs: [], witnesses: [], groups: [], quorum: null };
  const seen = { names: new Set([NONE]), grouped: new Set() };
  for (const line of lines) {
    const [kind, ...words] = line.split(/[ \t]+/).filter((word) => word);
    if (kind === undefined || kind.startsWith('#')) continue;
    if (!Object.hasOwn(READERS, kind)) refuse('policy-line', 'a line is log, witness, group or quorum');
    await READERS[kind](policy, seen, words);
  }
  if (policy.quorum === null) refuse('policy-quorum-count', 'a policy has exactly one quorum line');
  return policy;
}

const READERS = {
  async log(policy, _seen, words) {
    const { key } = await keyAndUrl(words, [ED25519, MLDSA44], policy.logs);
    policy.logs.push(key);
  },
  async witness(policy, seen, [name, ...words]) {
    define(seen, name);
    const known = policy.witnesses.map((one) => one.key);
    policy.witnesses.push({ name, ...(await keyAndUrl(words, [ED25519_COSIGNATURE, MLDSA44], known)) });
  },
  async group(policy, seen, [name, asked, ...members]) {
    define(seen, name);
    if (!members.length) refuse('policy-group', 'a group has a name, how many of it are enough, and members');
    for (const member of members) {
      const known = seen.names.has(member) && member !== NONE && member !== name;
      if (!known) refuse('policy-member', 'a member is defined above its group');
      if (seen.grouped.has(member)) refuse('policy-member-twice', 'a member counts in one group only');
      seen.grouped.add(member);
    }
    const threshold = thresholdOf(asked, members.length);
    const possible = threshold >= 1 && threshold <= members.length;
    if (!possible) refuse('policy-threshold', 'a group asks for all, any, or a number of its members');
    policy.groups.push({ name, threshold, members });
  },
  async quorum(policy, seen, words) {
    if (words.length !== 1 || !seen.names.has(words[0])) refuse('policy-quorum', 'the quorum is defined above');
    if (policy.quorum !== null) refuse('policy-quorum-count', 'a policy has exactly one quorum line');
    [policy.quorum] = words;
  },
};

function thresholdOf(asked, count) {
  if (asked === 'all') return count;
  if (asked === 'any') return 1;
  return /^[1-9][0-9]{0,8}$/.test(asked) ? Number(asked) : 0;
}

function define(seen, name) {
  const fresh = name !== undefined && !seen.names.has(name);
  if (!fresh) refuse('policy-name', 'a name is missing, or defined already');
  seen.names.add(name);
}

async function keyAndUrl(words, types, known) {
  const [coded, url = null, ...rest] = words;
  if (!coded || rest.length) refuse('policy-words', 'a key, and perhaps an address after it');
  const text = textOf(Uint8Array.from(coded, (sign) => sign.charCodeAt(0)), 'policy-key-utf8');
  const key = await parseVkey(text);
  if (!types.includes(key.type)) refuse('policy-key-type', 'a key is of a type that does not sign this');
  if (known.some((one) => equal(one.key, key.key))) refuse('policy-key-twice', 'the same key stands twice');
  return { key, url };
}

/** Returns whether the witnesses of these names are enough. */
export function isMet(policy, cosigned) {
  if (policy.quorum === NONE) return true;
  const met = new Set(cosigned);
  // Groups name only what stands above them, so one pass in their order is enough.
  for (const { name, threshold, members } of policy.groups) {
    if (members.filter((member) => met.has(member)).length >= threshold) met.add(name);
  }
  return met.has(policy.quorum);
}

/** Checks the note of a checkpoint against a policy; returns a Map from witness name to time in seconds. */
export async function checkPolicy(policy, note) {
  const logs = [];
  for (const key of policy.logs) logs.push(await trySigned(note, key));
  const missing = logs.length > 0 && logs.every((answer) => answer === 'no');
  if (missing) refuse('policy-log', 'none of the known logs has signed this checkpoint');
  const cosigned = new Map();
  const unchecked = [];
  for (const { name, key } of policy.witnesses) {
    const answer = await trySigned(note, key);
    if (answer === 'unchecked') unchecked.push(name);
    else if (answer !== 'no') cosigned.set(name, answer);
  }
  if (!isMet(policy, [...cosigned.keys(), ...unchecked])) refuse('quorum', 'too few witnesses have cosigned');
  const logUnknown = logs.length > 0 && logs.every((answer) => answer === 'no' || answer === 'unchecked');
  if (logUnknown || !isMet(policy, cosigned.keys())) {
    throw new CouldNotBeChecked('whether the policy is met rests on signatures that this runtime cannot check');
  }
  return cosigned;
}
