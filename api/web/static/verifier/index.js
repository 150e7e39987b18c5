// A second verifier of the Achievement Ledger: it keeps to docs/formats and shares no code with the
// ledger. It needs WebCrypto and nothing else, asks no network, and runs in a browser as in Node.
// WebCrypto has to know Ed25519 and ML-DSA-44: that of Node 24.7 does. Where it does not, the answer is
// `could-not-be-checked`.

export { CouldNotBeChecked, VerificationError } from './errors.js';
export { canonical, parseJson } from './json.js';
export { inclusionRoot, leafHash, verifyConsistency, verifyInclusion } from './merkle.js';
export { parseNote, parseVkey } from './note.js';
export { parseCheckpoint } from './checkpoint.js';
export { verifyAllSigned, verifyEd25519, verifyMldsa44, verifySigned } from './signatures.js';
export { checkPolicy, isMet, parsePolicy } from './policy.js';
export { parseProof, verifyCheckpoint, verifyEntry } from './proof.js';
export { readReceipt, verifyAwardReceipt, verifyIssuedReceipt } from './receipt.js';
