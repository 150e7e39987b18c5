// A second verifier of the Achievement Ledger: it keeps to docs/formats and shares no code with the
// ledger. It needs WebCrypto and nothing else, asks no network, and runs in a browser as in Node.

export { CouldNotBeChecked, VerificationError } from './errors.js';
export { canonical, parseJson } from './json.js';
export { inclusionRoot, leafHash, verifyConsistency, verifyInclusion } from './merkle.js';
export { parseNote, parseVkey } from './note.js';
export { parseCheckpoint } from './checkpoint.js';
export { verifyAllSigned, verifyEd25519, verifyMldsa44, verifySigned } from './signatures.js';
export { checkPolicy, isMet, parsePolicy } from './policy.js';
export { parseProof, verifyCheckpoint, verifyEntry } from './proof.js';
export { readReceipt, verifyAwardReceipt, verifyIssuedReceipt } from './receipt.js';
