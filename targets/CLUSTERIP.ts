import { defineTarget } from '../engine/extension.ts';
import { RuleError } from '../grammar/error.ts';
import type { ValueScope } from '../grammar/options.ts';
import { flag, mac, oneOf, own, u8, u32 } from '../grammar/values.ts';

const MODES = ['sourceip', 'sourceip-sourceport', 'sourceip-sourceport-destport'] as const;
type Mode = (typeof MODES)[number];

const NODES = 16;

/** Absent when the rule names no cluster: it then belongs to one that another rule made. */
interface Checked {
  readonly made?: {
    readonly mode: Mode;
    /** In capitals, as it prints. */
    readonly mac: string;
    readonly nodes: number;
    readonly local: number;
    readonly seed: number;
  };
}

const anyMac = mac({ help: '' });

const groupMac = {
  words: 1 as const,
  metavar: 'XX:XX:XX:XX:XX:XX',
  parse(given: readonly string[], scope: ValueScope): string {
    const value = anyMac.parse(given, scope).toUpperCase();
    if ((Number.parseInt(value.slice(0, 2), 16) & 1) === 0) {
      scope.fail('MAC has to be a multicast ethernet address', 'its first octet is odd');
    }
    return value;
  },
  print: (value: string): string => value,
};

const WHY =
  'the nodes share an address by answering ARP with a group MAC address, and there is no link layer here; Linux has dropped it for -m cluster';

export const CLUSTERIP = defineTarget({
  name: 'CLUSTERIP',
  families: [4],
  summary: 'Shares an address between hosts: each answers its part of the connections.',
  kernel: 'net/ipv4/netfilter/ipt_CLUSTERIP.c clusterip_tg()',
  options: {
    new: flag({ help: 'make the cluster' }),
    hashmode: oneOf(
      Object.fromEntries(MODES.map((mode) => [mode, mode])),
      (word) => `Unknown hashmode "${word}"`,
    )({
      help: 'what decides on the node',
    }),
    clustermac: own(groupMac, { help: 'group MAC address of the cluster' }),
    'total-nodes': u8({ help: 'nodes in the cluster', max: NODES }),
    'local-node': u8({ help: 'number of this node', max: NODES }),
    'hash-init': u32({ help: 'seed of the hash' }),
  },
  check(options, scope): Checked {
    if (Object.values(options).every((given) => given === undefined)) return {};
    const { new: made, hashmode, clustermac } = options;
    const [nodes, local] = [options['total-nodes'], options['local-node']];
    if (!made || !hashmode || !clustermac || !nodes || !local) {
      return scope.fail(
        'CLUSTERIP target: Invalid parameter combination',
        undefined,
        'either no option, or all of --new, --hashmode, --clustermac, --total-nodes and --local-node',
      );
    }
    return {
      made: {
        mode: hashmode.value as Mode,
        mac: clustermac.value,
        nodes: nodes.value,
        local: local.value,
        seed: options['hash-init']?.value ?? 0,
      },
    };
  },
  save: ({ made }) =>
    made
      ? `--new --hashmode ${made.mode} --clustermac ${made.mac} --total-nodes ${made.nodes} --local-node ${made.local} --hash-init ${made.seed}`
      : '',
  list: ({ made }) =>
    made
      ? `CLUSTERIP hashmode=${made.mode} clustermac=${made.mac} total_nodes=${made.nodes} local_node=${made.local} hash_init=${made.seed}`
      : 'CLUSTERIP',
  textOnly: WHY,
  compile() {
    throw new RuleError(`CLUSTERIP cannot act: ${WHY}`, undefined, 'use -m cluster', 1);
  },
});
