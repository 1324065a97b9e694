import { type Command, listOf } from '../command.ts';
import { scopeOf } from '../registry-options.ts';
import { statedText } from '../text.ts';

export const scopesSet: Command = {
  name: 'scopes set',
  summary: 'Replace what a member or an API key may do with a wallet set',
  positionals: ['HOLDER', 'WSET'],
  options: {
    scopes: {
      value: 'SCOPES',
      help: 'view,create_wallet,sign,sign_raw,approve; none: nothing',
      required: true,
    },
  },
  details: "HOLDER is mem_… or apk_…; WSET may be '*', for all wallet sets that are not named.",
  async run(context) {
    const [holder = '', walletSet = ''] = context.positionals;
    const scopes = context.values['scopes'] === 'none' ? [] : listOf(context, 'scopes').map(scopeOf);
    const stated = await (await context.planbok()).scopes.set(holder, walletSet, scopes);
    const given = scopes.join(',') || 'nothing';
    return {
      json: { ...stated, holder, walletSet, scopes },
      text: statedText(stated, { holder, 'wallet set': walletSet, scopes: given }),
    };
  },
};
