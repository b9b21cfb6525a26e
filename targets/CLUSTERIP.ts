import { defineTarget, type PlaceContext } from '../engine/extension.ts';
import { CONTINUE, DROP } from '../engine/verdict.ts';
import { RuleError } from '../grammar/error.ts';
import type { ValueScope } from '../grammar/options.ts';
import { flag, mac, oneOf, own, u8, u32 } from '../grammar/values.ts';
import { u32 as u32At } from '../packet/bytes.ts';
import * as ipv4 from '../packet/ipv4.ts';
import { jhash3, reciprocalScale } from '../packet/jhash.ts';
import { IPPROTO_ICMP } from '../packet/numbers.ts';
import { CT_NEW, CT_RELATED, type Packet } from '../packet/packet.ts';
import { portsOffset } from '../packet/ports.ts';

const MODES = ['sourceip', 'sourceip-sourceport', 'sourceip-sourceport-destport'] as const;
type Mode = (typeof MODES)[number];

const NODES = 16;

interface Cluster {
  readonly mode: Mode;
  /** In capitals, as it prints. */
  readonly mac: string;
  readonly nodes: number;
  readonly local: number;
  readonly seed: number;
}

/** Absent when the rule names no cluster: it then belongs to the one that another rule made for its destination. */
interface Checked {
  readonly made?: Cluster;
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

export const CLUSTERIP = defineTarget({
  name: 'CLUSTERIP',
  families: [4],
  summary:
    'Shares an address between hosts: each answers its part of the connections, the others drop them. Differs: there is no link layer here, so nobody answers ARP with the group MAC address; the packets must come to every node by other means. Linux has dropped it for -m cluster.',
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
  needsTracking: true,
  placement: { refuses: misplaced },
  compile({ made }, { services, shared, rule }) {
    const address = rule?.destination?.address.join('.') ?? '';
    const cluster = shared(`clusterip ${address}`, () => made ?? noCluster());
    if (made && made.mac !== cluster.mac) {
      throw new RuleError('CLUSTERIP: this address has a cluster with another MAC address', undefined, undefined, 1);
    }
    const { connections } = services.tracker;
    return (pkt) => {
      if (pkt.connection < 0) return DROP;
      // An error about a connection may come to a node that has not got it.
      if (pkt.protocol === IPPROTO_ICMP && pkt.ctState === CT_RELATED) return CONTINUE;
      const node = nodeOf(pkt, cluster);
      // The number of the node is the connection's mark: people look for it there.
      if (pkt.ctState === CT_NEW) connections.setMark(pkt.connection, node);
      if (node !== cluster.local) return DROP;
      pkt.packetType = PACKET_HOST;
      return CONTINUE;
    };
  },
});

const PACKET_HOST = 0;

function noCluster(): never {
  throw new RuleError(
    "CLUSTERIP: no cluster has this address, and none is made without '--new'",
    undefined,
    undefined,
    1,
  );
}

/** clusterip_tg_check() */
function misplaced(_checked: Checked, { rule }: PlaceContext): string | undefined {
  const { destination, inInterface } = rule;
  const single = destination?.mask.every((octet) => octet === 0xff);
  if (!destination || !single || destination.address.slice(12).every((octet) => octet === 0)) {
    return 'CLUSTERIP: Please specify destination IP';
  }
  return inInterface ? undefined : 'CLUSTERIP: Please specify an interface name';
}

/** Words that the hash takes in, by mode. */
const WORDS: Readonly<Record<Mode, number>> = {
  sourceip: 1,
  'sourceip-sourceport': 2,
  'sourceip-sourceport-destport': 3,
};

/** 1 to the number of nodes. Ports count as a little-endian machine reads them, so that all kinds of nodes agree. clusterip_hashfn() */
function nodeOf({ bytes, l3, l4, end, protocol }: Packet, { mode, nodes, seed }: Cluster): number {
  const words = WORDS[mode];
  const at = l4 + portsOffset(protocol);
  const hasPorts = portsOffset(protocol) >= 0 && at + 4 <= end;
  const port = (from: number): number => (hasPorts ? bytes[from] | (bytes[from + 1] << 8) : 0);
  // jhash3() begins with the length of three words.
  const start = seed + (words << 2) - (3 << 2);
  const hash = jhash3(u32At(bytes, l3 + ipv4.SOURCE_AT), words > 1 ? port(at) : 0, words > 2 ? port(at + 2) : 0, start);
  return reciprocalScale(hash, nodes) + 1;
}
