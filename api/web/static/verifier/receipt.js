// Receipts: from what a receipt opens, the 33 bytes of a private entry are computed again, and every
// opened claim is compared with what the document in hand says.
// Source: docs/formats/entries-and-records.md, award-receipt.md, issued-receipt.md.

import { concat, equal, fromBase64url, hex, sha256, u16, u64, utf8 } from './bytes.js';
import { VerificationError, refuse } from './errors.js';
import { canonical, parseJson } from './json.js';
import { HASH_BYTES, leafHash, verifyInclusion } from './merkle.js';
import { parseProof, verifyCheckpoint } from './proof.js';

const FORM = 'receipt-form';
const PRIVATE_ENTRY = Uint8Array.of(0x01);
const SALT_BYTES = 16;
const NAME_MAX_BYTES = 255;
const EXTRA_MAX_BYTES = 1_000_000;
const DOCUMENT_MAX_BYTES = 4_000_000;
const DIGESTS = ['statement_commit', 'open_commit', 'sealed_commit', 'ciphertext_hash'];
const MEMBERS = ['v', 'topic', 'recorded_at', 'claims', ...DIGESTS].sort();

export const AWARD_TOPIC = 'microcredential.awarded';
export const AWARD_CLAIMS = [
  'micro_credential',
  'version',
  'level',
  'credits',
  'completed_on',
  'conferred_on',
  'awarded_by',
  'language',
  'name',
];
export const ISSUED_TOPIC = 'credential.issued';
export const ISSUED_CLAIMS = ['document_sha256', 'issuer', 'kid'];

const tagged = (tag, ...parts) => sha256(`achievement-ledger/${tag}/v1\0`, ...parts);

/** Returns {topic, recordedAt, claims: Map, hidden, entry, proof}; who signed it is not checked yet. */
export async function readReceipt(input, topic) {
  const proof = parseProof(input);
  const opened = readExtra(proof.extra, topic);
  const { claims, digests } = await readClaims(opened.claims);
  const entry = await entryOf(opened, digests);
  return { topic, recordedAt: opened.recorded_at, claims, hidden: digests.length - claims.size, entry, proof };
}

function readExtra(extra, topic) {
  let opened;
  try {
    opened = parseJson(extra ?? new Uint8Array(), EXTRA_MAX_BYTES);
  } catch (error) {
    if (!(error instanceof VerificationError)) throw error;
    refuse(FORM, 'a receipt says in JSON what it opens');
  }
  const exact = opened !== null && typeof opened === 'object' && equal(utf8(canonical(opened)), extra);
  const whole = exact && Object.keys(opened).sort().join() === MEMBERS.join();
  if (!whole) refuse(FORM, 'a receipt has exactly its members, in canonical form');
  if (opened.v !== 1 || opened.topic !== topic) refuse(FORM, `this is not a receipt of ${topic}`);
  if (!Number.isSafeInteger(opened.recorded_at) || opened.recorded_at < 0) {
    refuse(FORM, 'a receipt says when it was recorded');
  }
  return opened;
}

async function readClaims(listed) {
  if (!Array.isArray(listed)) refuse(FORM, 'a receipt lists claims');
  const claims = new Map();
  const digests = [];
  for (const claim of listed) {
    const texts = Array.isArray(claim) && claim.every((part) => typeof part === 'string');
    if (texts && claim.length === 1) {
      digests.push(sized(claim[0], HASH_BYTES));
    } else if (texts && claim.length === 3 && !claims.has(claim[0])) {
      const [name, value, salt] = claim;
      claims.set(name, value);
      digests.push(await claimDigest(name, value, sized(salt, SALT_BYTES)));
    } else {
      refuse(FORM, 'a claim is [name, value, salt] or [digest]');
    }
  }
  return { claims, digests };
}

function claimDigest(name, value, salt) {
  const key = utf8(name);
  if (key.length > NAME_MAX_BYTES) refuse(FORM, 'the name of a claim has at most 255 bytes');
  return tagged('claim', salt, Uint8Array.of(key.length), key, utf8(value));
}

async function entryOf(opened, digests) {
  const topic = utf8(opened.topic);
  const claims = await tagged('claims', u16(topic.length), topic, u16(digests.length), ...digests);
  const [statement, open, sealed, ciphertext] = DIGESTS.map((name) => sized(opened[name], HASH_BYTES));
  const recordedAt = u64(BigInt(opened.recorded_at));
  return concat(PRIVATE_ENTRY, await tagged('entry', recordedAt, statement, open, claims, sealed, ciphertext));
}

function sized(text, size) {
  const data = fromBase64url(text, FORM);
  return data.length === size ? data : refuse(FORM, `a digest has ${HASH_BYTES} bytes, a salt ${SALT_BYTES}`);
}

/**
 * Checks an award's receipt against what the credential says, and returns what it proves.
 *
 * facts: text for each of AWARD_CLAIMS, taken from the credential. trust: see `verifyCheckpoint`.
 * Returns {position: BigInt, recordedAt: microseconds since 1970, checkpoint, witnesses}.
 */
export async function verifyAwardReceipt(input, facts, trust) {
  const receipt = await readReceipt(input, AWARD_TOPIC);
  compare(receipt, AWARD_CLAIMS, facts);
  return proven(receipt, trust);
}

/**
 * Checks that the ledger recorded the signing of exactly this document, and returns the same.
 *
 * document: the signed credential, text or bytes. issuer: DID. kid: RFC 7638 thumbprint of its key.
 */
export async function verifyIssuedReceipt(input, { document, issuer, kid }, trust) {
  const receipt = await readReceipt(input, ISSUED_TOPIC);
  const written = utf8(canonical(parseJson(document, DOCUMENT_MAX_BYTES)));
  compare(receipt, ISSUED_CLAIMS, { document_sha256: hex(await sha256(written)), issuer, kid });
  return proven(receipt, trust);
}

function compare({ claims, hidden }, names, facts) {
  if (hidden || claims.size !== names.length || !names.every((name) => claims.has(name))) {
    refuse('receipt-incomplete', 'the receipt does not open all that it should');
  }
  for (const name of names) {
    // The value is somebody's own: it is never repeated in a message.
    const same = claims.get(name) === facts[name];
    if (!same) refuse(`receipt-${name.replaceAll('_', '-')}`, `the ledger says another ${name}`);
  }
}

async function proven({ entry, proof, recordedAt }, trust) {
  const { index, path, checkpoint } = proof;
  await verifyInclusion(await leafHash(entry), index, checkpoint.size, path, checkpoint.root);
  return { position: index + 1n, recordedAt, ...(await verifyCheckpoint(proof.note, trust)) };
}
