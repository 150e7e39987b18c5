// Runs vectors through the JavaScript verifier.
//
//   node run_vectors.mjs FOLDER …       the files of tests/vectors/formats: compares, and says what differs
//   node run_vectors.mjs --stdin        {"kind", "given"} a line; answers {"gives"} or {"code"} a line
//
// Ends with 0 when every answer is as expected, with 1 when one is wrong, with 2 when the question could
// not be put: no vectors there, or a runtime that lacks an algorithm.
//
// With --without-mldsa, WebCrypto behaves as in a runtime that does not know ML-DSA-44.

import { readFileSync, readdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { argv, exit, stdin } from 'node:process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

import * as verifier from '../../api/web/static/verifier/index.js';

const VECTORS = join(dirname(fileURLToPath(import.meta.url)), '../vectors/formats');

const KINDS = {
  async signed({ note, vkey }) {
    const key = await verifier.parseVkey(vkey);
    return { time: plain(await verifier.verifySigned(verifier.parseNote(note), key)) };
  },
  async checkpoint({ text }) {
    const { origin, size, root } = verifier.parseCheckpoint(text);
    return { origin, size: plain(size), root: Buffer.from(root).toString('base64') };
  },
  async policy({ policy, note }) {
    const witnesses = await verifier.checkPolicy(await verifier.parsePolicy(policy), verifier.parseNote(note));
    return { witnesses: Object.fromEntries([...witnesses].map(([name, time]) => [name, plain(time)])) };
  },
  async 'policy-text'({ policy }) {
    await verifier.parsePolicy(policy);
    return {};
  },
  async proof({ proof, entry, trust }) {
    const found = await verifier.verifyEntry(verifier.parseProof(proof), Buffer.from(entry), trust);
    return { index: plain(found.index), size: plain(found.checkpoint.size) };
  },
  async 'award-receipt'({ receipt, facts, trust }) {
    return proven(await verifier.verifyAwardReceipt(receipt, facts, trust));
  },
  async 'issued-receipt'({ receipt, document, issuer, kid, trust }) {
    return proven(await verifier.verifyIssuedReceipt(receipt, { document, issuer, kid }, trust));
  },
  async inclusion({ leaf, index, size, path, root }) {
    await verifier.verifyInclusion(bytes(leaf), BigInt(index), BigInt(size), path.map(bytes), bytes(root));
    return {};
  },
  async consistency({ old_size, new_size, old_root, new_root, path }) {
    const [older, newer, ...nodes] = [old_root, new_root, ...path].map(bytes);
    await verifier.verifyConsistency(BigInt(old_size), BigInt(new_size), older, newer, nodes);
    return {};
  },
  async ed25519({ key, signature, message }) {
    await verifier.verifyEd25519(bytes(key), bytes(signature), bytes(message));
    return {};
  },
  async mldsa44({ key, signature, message }) {
    await verifier.verifyMldsa44(bytes(key), bytes(signature), bytes(message));
    return {};
  },
};

const bytes = (coded) => new Uint8Array(Buffer.from(coded, 'base64'));

// Positions and times of the vectors are small enough for JSON; what is not would be seen as text.
function plain(number) {
  if (number === null) return null;
  return number <= Number.MAX_SAFE_INTEGER ? Number(number) : `${number}`;
}

const proven = ({ position, recordedAt }) => ({ position: plain(position), recorded_at: recordedAt });

function resolved(given) {
  return Object.fromEntries(Object.entries(given).map(([name, value]) => [name, content(value)]));
}

function content(value) {
  if (value?.base64 !== undefined) return bytes(value.base64);
  if (value?.text_of !== undefined) return readFileSync(join(VECTORS, value.text_of));
  if (value?.json_of !== undefined) return JSON.parse(readFileSync(join(VECTORS, value.json_of), 'utf8'));
  return value;
}

async function answer({ kind, given }) {
  try {
    return { gives: await KINDS[kind](resolved(given)) };
  } catch (error) {
    // Whatever else goes wrong is a fault of the verifier, and stops the run.
    if (!(error instanceof verifier.VerificationError)) throw error;
    return { code: error.code };
  }
}

function withoutMldsa() {
  const { subtle } = globalThis.crypto;
  const importKey = subtle.importKey.bind(subtle);
  subtle.importKey = (format, key, algorithm, ...rest) => {
    const unknown = algorithm.name === 'ML-DSA-44';
    if (unknown) throw new DOMException('Unrecognized algorithm name', 'NotSupportedError');
    return importKey(format, key, algorithm, ...rest);
  };
}

/** What somebody has to set right before vectors can be run: a sentence. */
class WrongUse extends Error {}

function* files(place) {
  const found = statSync(place, { throwIfNoEntry: false });
  if (!found) throw new WrongUse(`There is no file or folder ${place}.`);
  if (!found.isDirectory()) yield place;
  else for (const name of readdirSync(place).sort()) if (name !== 'examples') yield* files(join(place, name));
}

function* vectorsIn(places) {
  for (const place of places) {
    for (const file of files(place)) {
      if (file.endsWith('.json')) yield [file, vectorOf(file)];
    }
  }
}

function vectorOf(file) {
  try {
    const vector = JSON.parse(readFileSync(file, 'utf8'));
    if (Object.hasOwn(KINDS, vector.kind) && vector.given && vector.expected) return vector;
  } catch (error) {
    if (!(error instanceof SyntaxError || error instanceof TypeError)) throw error;
  }
  throw new WrongUse(`${file} is no vector: give tests/vectors/formats, or a folder or file in it.`);
}

// Well-formed keys and signatures that do not hold: who knows the algorithm refuses the signature.
const PROBES = {
  Ed25519: () => verifier.verifyEd25519(bytes(BASE_POINT), new Uint8Array(64).fill(1), new Uint8Array(1)),
  'ML-DSA-44': () =>
    verifier.verifyMldsa44(new Uint8Array(1312).fill(1), new Uint8Array(2420).fill(1), new Uint8Array(1)),
};
const BASE_POINT = 'WGZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmY='; // of Ed25519: a key like any other
const UNCHECKED = 'could-not-be-checked';

/** Returns the names of the algorithms that this runtime does not know. */
async function lacking() {
  const names = [];
  for (const [name, probe] of Object.entries(PROBES)) {
    try {
      await probe();
    } catch (error) {
      if (error.code === UNCHECKED) names.push(name);
      else if (!(error instanceof verifier.VerificationError)) throw error;
    }
  }
  return names;
}

async function runFiles(places) {
  const unknown = await lacking();
  let [number, different, unchecked] = [0, 0, 0];
  for (const [file, vector] of vectorsIn(places)) {
    const found = await answer(vector);
    number += 1;
    if (JSON.stringify(found) === JSON.stringify(vector.expected)) continue;
    if (unknown.length && found.code === UNCHECKED) {
      unchecked += 1;
      continue;
    }
    different += 1;
    console.log(`${file}: expected ${JSON.stringify(vector.expected)}, and the answer is ${JSON.stringify(found)}`);
  }
  if (!number) throw new WrongUse('There are no vectors: give tests/vectors/formats, or a folder or file in it.');
  console.log(`${number - different - unchecked} of ${number} vectors as expected`);
  if (unchecked) {
    const names = unknown.join(' and ');
    console.log(`The WebCrypto of this runtime does not know ${names}, so ${unchecked} could not be checked.`);
  }
  if (different) return 1;
  return unchecked ? 2 : 0;
}

async function runLines() {
  for await (const line of createInterface({ input: stdin })) {
    console.log(JSON.stringify(await answer(JSON.parse(line))));
  }
  return 0;
}

const [...args] = argv.slice(2);
if (args[0] === '--without-mldsa') {
  withoutMldsa();
  args.shift();
}
try {
  exit(args[0] === '--stdin' ? await runLines() : await runFiles(args));
} catch (error) {
  if (!(error instanceof WrongUse)) throw error;
  console.error(error.message);
  exit(2);
}
