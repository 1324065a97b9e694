/**
 * What Node 2 does for Node 1, by method name.
 * @module
 */
import { checkpoint } from '../audit/exchange.ts';
import type { Method } from '../channel/serve.ts';
import type { Node } from '../node.ts';
import { auditLog } from './audit.ts';
import { dkg1, dkg2, status } from './dkg.ts';
import { sign1, sign2, signSchnorr } from './sign.ts';
import { statement, statements } from './statement.ts';
import { wallets } from './wallets.ts';

export interface Node2Settings {
  /** Hex SHA-256 of the token that founding an organization needs; absent: founding is open. */
  readonly invitation?: string;
}

export const methodsOf = (
  node: Node,
  { invitation }: Node2Settings = {},
): Readonly<Record<string, Method>> => ({
  Statement: (request) => statement(node, invitation, request),
  Statements: (request) => statements(node, request),
  Dkg1: (request) => dkg1(node, request),
  Dkg2: (request) => dkg2(node, request),
  Status: (request) => status(node, request),
  Wallets: (request) => wallets(node, request),
  Sign1: (request) => sign1(node, request),
  Sign2: (request) => sign2(node, request),
  SignSchnorr: (request) => signSchnorr(node, request),
  AuditLog: (request) => auditLog(node, request),
  Checkpoint: (request) => checkpoint(node, request),
});
