import { Accounts } from '../../engine/host/accounts.ts';
import { nfacct as match } from '../../matches/nfacct.ts';
import { ip4, udp } from '../../packet/build.ts';
import type { PacketSetup } from '../../testing/ext-cases.ts';
import { not, sheet } from './sheet.ts';

const packet = ip4({}, udp({ data: 12 }));
const LONGEST = 'abcdefghijklmnopqrstuvwxyz01234';

/** The account "q" with a quota, after so many packets of 40 octets. */
function counted(of: 'packets' | 'bytes', limit: number, packets: number): PacketSetup {
  const accounts = new Accounts();
  Object.assign(accounts.add({ name: 'q', quota: { of, limit } }), { packets, bytes: 40 * packets });
  return { packet, services: { accounts } };
}

export const sheets = [
  sheet({
    match,
    setup: ['nfacct add x', 'nfacct add a-b_c.d', `nfacct add ${LONGEST}`],
    rows: {
      rules: [
        ['--nfacct-name x', '--nfacct-name  x'],
        ['--nfacct-name a-b_c.d', '--nfacct-name  "a-b_c.d"'],
        [`--nfacct-name ${LONGEST}56`, `--nfacct-name  ${LONGEST}`],
        ['', { fails: 'nfacct: option "--nfacct-name" must be specified' }],
        ['--nfacct-name <|""|>', { fails: 'Argument must have a minimum length of 1 characters' }],
        ['<|! --nfacct-name x|>', { fails: 'nfacct: option "--nfacct-name" cannot be inverted.' }],
        ['--nfacct-name x <|--nfacct-name x|>', { fails: 'nfacct: option "--nfacct-name" can only be used once.' }],
      ],
      lists: [['--nfacct-name x', 'nfacct-name  x']],
      packets: [
        // Nobody counts, and without a quota everything matches.
        ['--nfacct-name x', packet, 'match'],
        ['--nfacct-name x', { packet, services: { accounts: new Accounts() } }, 'match'],
        // With one it matches beyond it: above the limit, not at it.
        ['--nfacct-name q', counted('packets', 3, 1), 'no match'],
        ['--nfacct-name q', counted('packets', 3, 2), 'no match'],
        ['--nfacct-name q', counted('packets', 3, 3), 'match'],
        ['--nfacct-name q', counted('bytes', 120, 2), 'no match'],
        ['--nfacct-name q', counted('bytes', 119, 2), 'match'],
      ],
    },
    generate: (dice) =>
      dice.weighted([
        [
          8,
          `${dice.chance(0.1) ? not(dice) : ''}--nfacct-name ${dice.pick(['x', 'a-b_c.d', LONGEST, `${LONGEST}zzz`])}`,
        ],
        [1, '--nfacct-name x --nfacct-name x'],
        [1, '--nfacct-name ""'],
      ]),
  }),
];
