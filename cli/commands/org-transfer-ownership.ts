import { type Command, required, UsageError } from '../command.ts';
import { statedText } from '../text.ts';

export const orgTransferOwnership: Command = {
  name: 'org transfer-ownership',
  summary: 'Make an Admin or a Member an Owner in your place',
  positionals: ['MEMBER'],
  options: { role: { value: 'ROLE', help: 'What you become: admin or member', required: true } },
  details:
    'The new Owner needs a credential that can sign, since an organization keeps at least one Owner who can act.',
  async run(context) {
    const [member = ''] = context.positionals;
    const role = required(context, 'role');
    if (role !== 'admin' && role !== 'member') throw new UsageError('--role is admin or member');
    const stated = await (await context.planbok()).members.transferOwnership(member, role);
    return {
      json: { ...stated, owner: member, role },
      text: statedText(stated, { owner: member, you: role }),
    };
  },
};
