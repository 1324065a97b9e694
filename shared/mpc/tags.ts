/**
 * Every domain-separation tag of the two-party protocols, each used by exactly one formula
 * (`docs/protocol.md`). Versioned: a changed formula gets a new tag.
 * @module
 */
export const tags = {
  context: 'planbok/v1/ctx',
  // Key generation (docs/protocol.md).
  dkgCommit: 'planbok/v1/dkg/com',
  dkgOtSid: 'planbok/v1/dkg/ot-sid',
  dkgSid: 'planbok/v1/dkg/sid',
  dkgChainCode: 'planbok/v1/dkg/cc',
  dkgZeroSeed: 'planbok/v1/dkg/zero',
  dkgTranscript: 'planbok/v1/dkg/tr',
  dkgConfirm: 'planbok/v1/dkg/confirm',
  // Refresh (docs/protocol.md).
  refreshCommit: 'planbok/v1/refresh/com',
  refreshOtSid: 'planbok/v1/refresh/ot-sid',
  refreshSid: 'planbok/v1/refresh/sid',
  refreshSeal: 'planbok/v1/refresh/seal',
  refreshShift: 'planbok/v1/refresh/rho',
  refreshZeroSeed: 'planbok/v1/refresh/zero',
  refreshTranscript: 'planbok/v1/refresh/tr',
  refreshConfirm: 'planbok/v1/refresh/confirm',
  // Base oblivious transfer.
  otHashToGroup: 'planbok/v1/ot/h2g',
  otKey: 'planbok/v1/ot/key',
  // Proof of knowledge of a discrete logarithm.
  dlogChallenge: 'planbok/v1/pok',
  // ECDSA signing (docs/protocol.md).
  signRequest: 'planbok/v1/sign/s1',
  signBind: 'planbok/v1/sign/bind',
  signCommit: 'planbok/v1/sign/com',
  signSid: 'planbok/v1/sign/sid',
  signTranscript: 'planbok/v1/sign/tr',
  signZero: 'planbok/v1/sign/zero',
  otePrg: 'planbok/v1/ote/prg',
  oteChi: 'planbok/v1/ote/chi',
  otePad: 'planbok/v1/ote/pad',
  voleGadget: 'planbok/v1/rvole/gadget',
  voleTheta: 'planbok/v1/rvole/theta',
  voleMu: 'planbok/v1/rvole/mu',
  hedge: 'planbok/v1/hedge',
  stateKey: 'planbok/v1/state/key',
  stateAad: 'planbok/v1/state/aad',
  // The signature that every new key makes before it is shown to anyone.
  selfTestDigest: 'planbok/v1/self-test/digest',
  selfTestSession: 'planbok/v1/self-test/session',
} as const;

export type Tag = (typeof tags)[keyof typeof tags];
