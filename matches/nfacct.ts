import { defineMatch } from '../engine/extension.ts';
import { count, LONGEST_NAME } from '../engine/host/accounts.ts';
import { quote } from '../grammar/scan.ts';
import { text } from '../grammar/values.ts';

const NOTICE = 5;

export const nfacct = defineMatch({
  name: 'nfacct',
  families: [4, 6],
  summary: 'Counts the packet into an account that is read by its name; with a quota, it matches once that is passed.',
  supplied: 'Accounts are made by `sekisho nfacct add`, by the configuration, or by the first rule that names them.',
  kernel: 'net/netfilter/xt_nfacct.c nfacct_mt()',
  effect: 'stateful',
  options: {
    'nfacct-name': text({ minLength: 1, cutAt: LONGEST_NAME })({ help: 'name of the account', required: true }),
  },
  check: (given) => ({ name: given['nfacct-name'].value }),
  // With two blanks.
  save: ({ name }) => `--nfacct-name  ${quote(name)}`,
  list: ({ name }) => `nfacct-name  ${quote(name)}`,
  accounts: ({ name }) => [name],
  compile({ name }, { services }) {
    const account = services.accounts?.open(name);
    if (!account) return () => true;
    return (pkt) => {
      const quota = count(account, pkt.length);
      if (quota?.reached) {
        const event = { kind: 'quota', account: name } as const;
        services.log({ now: pkt.now, level: NOTICE, text: `nfacct: ${name} has reached its quota`, event });
      }
      // Without a quota each packet matches.
      return quota?.over ?? true;
    };
  },
  saw({ name }, _pkt, { accounts }) {
    const account = accounts?.get(name);
    return account ? `${account.packets} packets, ${account.bytes} octets` : 'no account';
  },
});
