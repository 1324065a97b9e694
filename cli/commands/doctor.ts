import { PlanbokError } from '../../client/errors.ts';
import { readPublic } from '../../client/planbok.ts';
import { fromBase64url } from '../../shared/bytes.ts';
import { delegationAt, verifyDelegation } from '../../shared/crypto/attestation.ts';
import { clockToleranceSeconds } from '../../shared/intent/authorisation.ts';
import type { Command, Context } from '../command.ts';
import { credentialFile } from '../place.ts';

interface Check {
  readonly check: string;
  readonly ok: boolean;
  readonly detail: string;
}

/** What a check finds out, or throws. */
type Finding = (context: Context) => Promise<string>;

const why = (error: unknown): string => (error instanceof Error ? error.message : String(error));

const checks: Readonly<Record<string, Finding>> = {
  async 'the folder names an API and a credential'({ place, where }) {
    const { api, owner } = await place();
    return `${api}, ${owner.keyId}, from ${where.data}`;
  },
  async 'owner.json can be read by its owner only'({ io, where }) {
    const path = credentialFile(where);
    const mode = await io.modeOf(path);
    if (mode === undefined) throw new Error(`there is no ${path}`);
    if ((mode & 0o077) !== 0) throw new Error(`it has mode ${mode.toString(8)}: run chmod 600 ${path}`);
    return `mode ${mode.toString(8)}`;
  },
  async 'the API answers'({ running, io }) {
    const { api } = await running();
    const { version } = await readPublic({ url: api, fetch: io.fetch, retries: 0 }, 'getHealth');
    return `${api}, version ${version}`;
  },
  async 'the clocks agree'({ running, io }) {
    const { api } = await running();
    const before = Date.now();
    const { time } = await readPublic({ url: api, fetch: io.fetch, retries: 0 }, 'getHealth');
    // The answer was written at some point while we waited.
    const skew = Math.round(((before + Date.now()) / 2 - Date.parse(time)) / 1000);
    const said = `${Math.abs(skew)} s ${skew >= 0 ? 'ahead of' : 'behind'} the API`;
    if (Math.abs(skew) > clockToleranceSeconds) throw new Error(`this clock is ${said}: set it`);
    return said;
  },
  async 'the nodes are those that are pinned'({ place, io }) {
    const { api, owner } = await place();
    const { nodes } = await readPublic({ url: api, fetch: io.fetch, retries: 0 }, 'getAttestations');
    for (const node of ['node1', 'node2'] as const) {
      const found = nodes.find((one) => one.node === node);
      if (found?.identity !== owner.identities[node])
        throw new Error(`${node} is not the one in owner.json: do not sign before you know why`);
      if (!found.delegation) continue;
      const { signed, signature } = found.delegation;
      const delegation = { signed: fromBase64url(signed), signature: fromBase64url(signature) };
      if (
        !verifyDelegation(delegation, fromBase64url(found.identity)) ||
        delegationAt(delegation, Date.now()).node !== node
      )
        throw new Error(`${node} has no delegation from its identity`);
    }
    return 'node1 and node2 as in owner.json';
  },
  async 'the credential is accepted'({ planbok }) {
    const client = await planbok();
    const { id, head } = await client.organizations.get();
    if (id !== client.organization) throw new Error(`it is one of ${id}`);
    return `${id}, registry head ${head}`;
  },
};

export const doctor: Command = {
  name: 'doctor',
  summary: 'Check the set-up: files, API, clock, identities, credential',
  async run(context) {
    const found: Check[] = [];
    for (const [check, find] of Object.entries(checks)) {
      try {
        found.push({ check, ok: true, detail: await find(context) });
      } catch (error) {
        const code = error instanceof PlanbokError ? ` (${error.code})` : '';
        found.push({ check, ok: false, detail: `${why(error)}${code}` });
      }
    }
    const ok = found.every((one) => one.ok);
    const lines = found.map((one) => `${one.ok ? 'ok  ' : 'FAIL'}  ${one.check}: ${one.detail}\n`);
    return { json: { ok, checks: found }, text: lines.join(''), exit: ok ? 0 : 1 };
  },
};
