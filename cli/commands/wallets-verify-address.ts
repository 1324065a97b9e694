import * as z from 'zod';
import { checkAddressProofs, type ProvenAddress } from '../../client/address-proof.ts';
import { PlanbokError } from '../../client/errors.ts';
import { parseJson } from '../../shared/wire/json.ts';
import { routes } from '../../shared/wire/routes.ts';
import { type Command, type Context, UsageError } from '../command.ts';
import { readOwnerFile } from '../place.ts';
import { fields } from '../text.ts';

export const walletsVerifyAddress: Command = {
  name: 'wallets verify-address',
  summary: "Check the address of a wallet against both nodes' pinned identities",
  positionals: ['ID'],
  options: { file: { value: 'F', help: 'A proof that was kept: nothing is asked then' } },
  details: 'The identities are those in owner.json. Neither the API nor one node alone can forge a proof.',
  async run(context) {
    const { positionals, values } = context;
    const [id = ''] = positionals;
    const proven =
      values['file'] === undefined
        ? await (await context.planbok()).wallets.verifyAddress(id)
        : await verifyFile(context, id, values['file']);
    const { wallet, walletSet, blockchain, address, path, publicKey, checks, issuedMs } = proven;
    const issued = {
      node1: new Date(issuedMs.node1).toISOString(),
      node2: new Date(issuedMs.node2).toISOString(),
    };
    const json = { verified: true, wallet, walletSet, blockchain, address, path, publicKey, issued, checks };
    const shown = fields({ wallet, blockchain, address, path, 'public key': publicKey });
    const said = `Node 1 said so on ${issued.node1}, Node 2 on ${issued.node2}.\n`;
    return { json, text: `${shown}\nVerified:\n${checks.map((check) => `  - ${check}\n`).join('')}${said}` };
  },
};

async function verifyFile({ io, where }: Context, wallet: string, file: string): Promise<ProvenAddress> {
  // The pinned identities are all that it takes: nothing needs to run.
  const owner = await readOwnerFile(io, where);
  const bytes = await io.readFile(file).catch((cause: unknown) => {
    throw new UsageError(`${file} cannot be read`, { cause });
  });
  const proof = routes.getAddressProof.response.safeParse(parseJson(bytes, 100_000));
  if (!proof.success)
    throw new PlanbokError(
      'proof_invalid',
      `${file} is not an address proof: ${z.prettifyError(proof.error)}`,
    );
  return checkAddressProofs(proof.data, owner.identities, { organization: owner.organization, wallet });
}
