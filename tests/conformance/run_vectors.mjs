// Runs vectors through the JavaScript verifier.
//
//   node run_vectors.mjs FOLDER …       the files of tests/vectors/formats: compares, and says what differs
//   node run_vectors.mjs --stdin        {"kind", "given"} a line; answers {"gives"} or {"code"} a line
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

function* files(place) {
  if (!statSync(place).isDirectory()) yield place;
  else for (const name of readdirSync(place).sort()) if (name !== 'examples') yield* files(join(place, name));
}

async function runFiles(places) {
  let number = 0;
  let different = 0;
  for (const place of places) {
    for (const file of files(place)) {
      if (!file.endsWith('.json')) continue;
      const vector = JSON.parse(readFileSync(file, 'utf8'));
      const said = JSON.stringify(await answer(vector));
      number += 1;
      if (said === JSON.stringify(vector.expected)) continue;
      different += 1;
      console.log(`${file}: expected ${JSON.stringify(vector.expected)}, and the answer is ${said}`);
    }
  }
  console.log(`${number - different} of ${number} vectors as expected`);
  return number > 0 && different === 0 ? 0 : 1;
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
exit(args[0] === '--stdin' ? await runLines() : await runFiles(args));
