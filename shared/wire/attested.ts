/**
 * Documents that a node put its word to.
 * @module
 */
import * as z from 'zod';
import { base64url } from './fields.ts';

/** A document with a node's word for it: shared/crypto/attestation.ts. */
export const attested = <T extends z.ZodObject>(document: T) =>
  z.object({
    // The signature covers members that this version does not know, too.
    document: document.loose() as unknown as T,
    delegation: z.object({ signed: base64url(), signature: base64url() }),
    signature: base64url(64),
  });
