// What a verifier says when it does not accept something: one code for each reason, for ever.

/** Something was refused; `code` says why and never changes, the message is for people. */
export class VerificationError extends Error {
  constructor(code, message) {
    super(message);
    this.name = 'VerificationError';
    this.code = code;
  }
}

/** Nothing was refused, and nothing was accepted: this runtime lacks the algorithm. */
export class CouldNotBeChecked extends VerificationError {
  constructor(message) {
    super('could-not-be-checked', message);
    this.name = 'CouldNotBeChecked';
  }
}

export function refuse(code, message) {
  throw new VerificationError(code, message);
}
