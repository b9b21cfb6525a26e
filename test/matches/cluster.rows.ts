import { cluster as match } from '../../matches/cluster.ts';
import { ip4, ip6, udp } from '../../packet/build.ts';
import { CT_NEW } from '../../packet/packet.ts';
import { inConnection } from './connections.ts';
import { not, number, sheet, some } from './sheet.ts';

export const sheets = [
  sheet({
    match,
    rows: {
      rules: [
        [
          '--cluster-total-nodes 2 ! --cluster-local-node 2 --cluster-hash-seed 0xdeadbeef',
          '! --cluster-local-nodemask 0x00000002 --cluster-total-nodes 2 --cluster-hash-seed 0xdeadbeef',
        ],
        [
          '--cluster-local-nodemask 3 --cluster-total-nodes 2 --cluster-hash-seed 0',
          '--cluster-local-nodemask 0x00000003 --cluster-total-nodes 2 --cluster-hash-seed 0x00000000',
        ],
        ['', { fails: "cluster match: `--cluster-local-node' or`--cluster-local-nodemask' is missing" }],
        [
          '--cluster-total-nodes 2 --cluster-hash-seed 1 <|--cluster-local-node 3|>',
          { fails: "cluster match: `--cluster-local-node' must be <= `--cluster-total-nodes'" },
        ],
        [
          '--cluster-total-nodes 2 --cluster-hash-seed 1 <|--cluster-local-nodemask 4|>',
          { fails: "cluster match: `--cluster-local-nodemask' too big for `--cluster-total-nodes'" },
        ],
        ['--cluster-local-node 1', { fails: 'cluster: option "--cluster-total-nodes" must be specified' }],
        [
          '--cluster-local-node 1 --cluster-total-nodes 2',
          { fails: 'cluster: option "--cluster-hash-seed" must be specified' },
        ],
      ],
      lists: [],
      packets: [
        // No connection belongs to no node, inverted or not.
        [
          '--cluster-total-nodes 2 --cluster-hash-seed 1 --cluster-local-node 1',
          inConnection(ip6({}, udp()), CT_NEW, {}, (pkt) => {
            pkt.connection = -1;
          }),
          'no match',
        ],
        [
          '--cluster-total-nodes 2 --cluster-hash-seed 1 ! --cluster-local-node 1',
          inConnection(ip4({}, udp()), CT_NEW, {}, (pkt) => {
            pkt.connection = -1;
          }),
          'no match',
        ],
        // All nodes together take everything.
        [
          '--cluster-local-nodemask 3 --cluster-total-nodes 2 --cluster-hash-seed 1',
          inConnection(ip4({}, udp()), CT_NEW, {}),
          'match',
        ],
        [
          '! --cluster-local-nodemask 3 --cluster-total-nodes 2 --cluster-hash-seed 1',
          inConnection(ip6({}, udp()), CT_NEW, {}),
          'no match',
        ],
      ],
    },
    generate: (dice) =>
      some(
        dice,
        [
          `--cluster-total-nodes ${number(dice, 32)}`,
          dice.chance(0.5)
            ? `${not(dice)}--cluster-local-node ${dice.int(0, 9)}`
            : `${not(dice)}--cluster-local-nodemask ${dice.int(1, 33)}`,
          `--cluster-hash-seed ${number(dice, 0xffff_ffff)}`,
        ],
        0.92,
      ),
  }),
];
