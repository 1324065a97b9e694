/**
 * `@planbok/client`: runs in browsers, workers and Node, on web APIs alone.
 * @module
 */
export type { AddressType, Blockchain, Curve } from '../shared/chains/chains.ts';
export type { Effect, Intent, SignKind } from '../shared/chains/payload.ts';
export type { SignedApproval } from '../shared/policy/approval.ts';
export type { Policy, Rule } from '../shared/policy/rules.ts';
export { checkAddressProofs, type Identities, type ProvenAddress } from './address-proof.ts';
export type { NewApproval } from './approvals.ts';
export { type AuditEvent, checkPromise, type EventFilter, type Proven } from './audit.ts';
export type { TrustedCheckpoint, TrustedCheckpoints } from './audit-logs.ts';
export {
  type AuditEvidence,
  type CheckpointStore,
  type KeptCheckpoint,
  memoryCheckpoints,
  storedCheckpoints,
  type TextStorage,
} from './checkpoint-store.ts';
export {
  type CredentialKey,
  credentialOf,
  ed25519Key,
  generateWebCryptoKeys,
  type WebCryptoKeys,
  webCryptoKey,
} from './credential.ts';
export { mergeDrafts, type Proposal, readDraft, type StatementDraft } from './drafts.ts';
export { type ClientCode, type PendingApproval, PlanbokError } from './errors.ts';
export type { EventLoop, EventPage, EventQuery, PlanbokEvent } from './events.ts';
export type { ApprovalFilter, HeldApproval, ReadApproval } from './held-approvals.ts';
export {
  type Invitation,
  type Invited,
  type Joined,
  type NewInvitation,
  readInvitation,
} from './invitations.ts';
export { type Admission, type JoinRequest, joinRequest } from './join-request.ts';
export type { MailAdmission, MailInvitation, NewMailInvitation } from './mail-invitations.ts';
export {
  type ListedApiKey,
  type ListedMember,
  type NewApiKey,
  type NewMember,
  recoveryOf,
} from './members.ts';
export type { Founded, Founding } from './organizations.ts';
export { type Owner, type OwnerFile, ownerFile, readOwner } from './owner.ts';
export {
  createPasskey,
  type NewPasskey,
  type Passkey,
  type PasskeyOptions,
  passkeyCredential,
} from './passkey.ts';
export {
  askToJoin,
  type Connection,
  found,
  join,
  Planbok,
  type PlanbokOptions,
  readPublic,
  type TokenCredential,
} from './planbok.ts';
export { type Evaluation, type ListedPolicy, type PolicyOutcome, policyStatement } from './policies.ts';
export type { Payload } from './prepare.ts';
export type { Cosigner, RegistryClient, Stated } from './registry.ts';
export type { Progress } from './session.ts';
export type { Preview, Signature, SignRequest } from './signatures.ts';
export type { MadeToken, NewToken, Token } from './tokens.ts';
export { type VerifiedWebhook, verifyWebhook, WebhookError } from './verify-webhook.ts';
export type { NewWalletSet, WalletSet } from './wallet-sets.ts';
export type { AddressProofs, NewWallets, Wallet } from './wallets.ts';
export type { NewWebhook, Webhook, WebhookChanges, WebhookDelivery } from './webhooks.ts';
