// The Merkle tree of RFC 6962: does a leaf belong to a root, does an older root belong to a newer one.
// Source: RFC 9162 sections 2.1.3.2 and 2.1.4.2; docs/formats/log.md.

import { concat, equal, sha256 } from './bytes.js';
import { refuse } from './errors.js';

export const HASH_BYTES = 32;
const LEAF = Uint8Array.of(0);
const NODE = Uint8Array.of(1);

export const leafHash = (entry) => sha256(LEAF, entry);

const nodeHash = (left, right) => sha256(NODE, left, right);

/** Returns the root that an inclusion path leads to; sizes and indexes are BigInt, hashes 32 bytes. */
export async function inclusionRoot(leaf, index, size, path) {
  if (index < 0n || index >= size) refuse('inclusion-index', 'the leaf lies outside the tree');
  onlyHashes([leaf, ...path]);
  let place = index;
  let last = size - 1n;
  let root = leaf;
  for (const sibling of path) {
    if (last === 0n) refuse('inclusion-long', 'the inclusion path is too long');
    if (place & 1n || place === last) {
      root = await nodeHash(sibling, root);
      [place, last] = skipLeft(place, last);
    } else {
      root = await nodeHash(root, sibling);
    }
    place >>= 1n;
    last >>= 1n;
  }
  return last === 0n ? root : refuse('inclusion-short', 'the inclusion path is too short');
}

export async function verifyInclusion(leaf, index, size, path, root) {
  const found = await inclusionRoot(leaf, index, size, path);
  if (!equal(found, root)) refuse('inclusion-root', 'the inclusion path leads to another root');
}

/** Checks that the tree of `oldSize` leaves is the beginning of the tree of `newSize`; 0 < old <= new. */
export async function verifyConsistency(oldSize, newSize, oldRoot, newRoot, path) {
  if (oldSize <= 0n || oldSize > newSize) refuse('consistency-sizes', 'no consistency proof joins these sizes');
  onlyHashes([oldRoot, newRoot, ...path]);
  if (oldSize === newSize) {
    const same = !path.length && equal(oldRoot, newRoot);
    if (!same) refuse('consistency-equal', 'equal sizes have one root and no path');
    return;
  }
  if (!path.length) refuse('consistency-empty', 'the consistency path is empty');
  // A whole older tree is a node of the newer one, and left out of the path.
  const whole = (oldSize & (oldSize - 1n)) === 0n;
  const [older, newer] = await bothRoots(oldSize, newSize, whole ? [oldRoot, ...path] : path);
  const joined = equal(older, oldRoot) && equal(newer, newRoot);
  if (!joined) refuse('consistency-root', 'the consistency path does not join these roots');
}

async function bothRoots(oldSize, newSize, [first, ...nodes]) {
  let place = oldSize - 1n;
  let last = newSize - 1n;
  while (place & 1n) {
    place >>= 1n;
    last >>= 1n;
  }
  let older = first;
  let newer = first;
  for (const node of nodes) {
    if (last === 0n) refuse('consistency-long', 'the consistency path is too long');
    if (place & 1n || place === last) {
      older = await nodeHash(node, older);
      newer = await nodeHash(node, newer);
      [place, last] = skipLeft(place, last);
    } else {
      newer = await nodeHash(newer, node);
    }
    place >>= 1n;
    last >>= 1n;
  }
  return last === 0n ? [older, newer] : refuse('consistency-short', 'the consistency path is too short');
}

/** Climbs while the node is a left child without a right neighbour. */
function skipLeft(place, last) {
  while (place && !(place & 1n)) {
    place >>= 1n;
    last >>= 1n;
  }
  return [place, last];
}

function onlyHashes(hashes) {
  if (hashes.some((one) => one.length !== HASH_BYTES)) refuse('hash-size', 'a hash has 32 bytes');
}
