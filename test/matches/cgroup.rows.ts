import { Sockets } from '../../engine/host/sockets.ts';
import { cgroup as match } from '../../matches/cgroup.ts';
import { ip6, udp } from '../../packet/build.ts';
import type { Owner } from '../../packet/packet.ts';
import type { PacketSetup } from '../../testing/ext-cases.ts';
import { not, number, sheet } from './sheet.ts';

const packet = ip6({ src: '2001:db8::1', dst: '2001:db8::2' }, udp({ sport: 1000, dport: 53 }));
const sentBy = (owner: Owner | undefined): PacketSetup => ({
  packet,
  out: 'wan',
  hook: 'OUTPUT',
  set(pkt) {
    pkt.owner = owner;
  },
});
const sockets = new Sockets([{ protocol: 'udp', local: '[2001:db8::2]:53', owner: { cgroup: '/dns' } }]);

export const sheets = [
  sheet({
    match,
    rows: {
      rules: [
        ['--cgroup 5', '='],
        ['! --cgroup 0x10', '! --cgroup 16'],
        ['--path /', '--path "/"'],
        ['! --path ""', '='],
        [
          '--cgroup <|4294967296|>',
          { fails: 'cgroup: bad value for option "--cgroup", or out of range (0-4294967295).' },
        ],
        ['--cgroup 5 <|--cgroup 6|>', { fails: 'cgroup: option "--cgroup" can only be used once.' }],
      ],
      lists: [
        ['! --path /', 'cgroup ! /'],
        ['--cgroup 7', 'cgroup 7'],
      ],
      packets: [
        ['--cgroup 5', sentBy({ classid: 5 }), 'match'],
        ['--cgroup 5', sentBy({ classid: 6 }), 'no match'],
        ['! --cgroup 5', sentBy({ classid: 6 }), 'match'],
        // Nobody put the process into a class.
        ['--cgroup 0', sentBy({}), 'match'],
        ['--path web', sentBy({ cgroup: '/web' }), 'match'],
        ['--path /web', sentBy({ cgroup: '/web/worker' }), 'match'],
        ['--path web/worker', sentBy({ cgroup: '/web' }), 'no match'],
        ['--path web', sentBy({ cgroup: '/website' }), 'no match'],
        ['! --path web', sentBy({ cgroup: '/website' }), 'match'],
        ['--path //web//', sentBy({ cgroup: '/web' }), 'match'],
        ['--path /', sentBy({ cgroup: '/web' }), 'match'],
        ['--path /', sentBy({}), 'match'],
        // Without a socket nothing matches, inverted or not.
        ['--path /', sentBy(undefined), 'no match'],
        ['! --path web', sentBy(undefined), 'no match'],
        ['! --cgroup 5', sentBy(undefined), 'no match'],
        // On the way in: the socket that it comes to.
        ['--path dns', { packet, in: 'lan', services: { sockets } }, 'match'],
        ['--path web', { packet, in: 'lan', services: { sockets } }, 'no match'],
        ['! --path web', { packet, in: 'lan', services: { sockets: new Sockets([]) } }, 'no match'],
      ],
    },
    // A path must be there for the kernel to take the rule: only the root always is.
    generate: (dice) =>
      dice.weighted([
        [4, `${not(dice)}--cgroup ${number(dice, 0xffff_ffff)}`],
        [3, `${not(dice)}--path ${dice.pick(['/', '//', '""', '/'.repeat(511), '/'.repeat(513)])}`],
        [1, `--path / --cgroup ${dice.int(0, 9)}`],
        [1, ''],
      ]),
  }),
];
