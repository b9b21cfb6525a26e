import type { Connections } from '../conntrack/tracker.ts';
import { defineMatch } from '../engine/extension.ts';
import { u32 } from '../grammar/values.ts';
import { jhash3, reciprocalScale } from '../packet/jhash.ts';
import type { Family } from '../packet/numbers.ts';
import type { Packet } from '../packet/packet.ts';
import { hexDigits } from './shared/text.ts';

const MOST_NODES = 32;
const PACKET_HOST = 0;
const PACKET_MULTICAST = 2;

interface Checked {
  /** A bit for each node that we are. */
  readonly nodes: number;
  readonly inverted: boolean;
  readonly total: number;
  readonly seed: number;
}

const describe = ({ nodes, total, seed }: Checked, names: readonly [string, string, string], between: string): string =>
  [hexDigits(nodes, 8), total.toString(), hexDigits(seed, 8)]
    .map((value, index) => names[index] + between + value)
    .join(' ');

export const cluster = defineMatch({
  name: 'cluster',
  families: [4, 6],
  summary: 'Flows that this node of a load-sharing cluster takes.',
  kernel: 'net/netfilter/xt_cluster.c xt_cluster_mt()',
  needsTracking: true,
  // Multicast frames to a unicast address become packets to us.
  effect: 'stateful',
  options: {
    'cluster-total-nodes': u32({ help: 'nodes in the cluster', min: 1, max: MOST_NODES }),
    'cluster-local-node': u32({
      help: 'number of this node, from 1',
      min: 1,
      max: MOST_NODES,
      invert: true,
      excludes: ['cluster-local-nodemask'],
    }),
    // The tool takes a mask for a number of a node.
    'cluster-local-nodemask': u32({
      help: 'a bit for each node that this one is',
      min: 1,
      max: MOST_NODES,
      invert: true,
      excludes: ['cluster-local-node'],
    }),
    'cluster-hash-seed': u32({ help: 'the same on all nodes' }),
  },
  check(given, scope): Checked {
    const total = given['cluster-total-nodes'];
    const seed = given['cluster-hash-seed'];
    const node = given['cluster-local-node'];
    const mask = given['cluster-local-nodemask'];
    const used =
      node ?? mask ?? scope.fail("cluster match: `--cluster-local-node' or`--cluster-local-nodemask' is missing");
    const missing = (name: string): never => scope.fail(`cluster: option "--${name}" must be specified`);
    if (!total) return missing('cluster-total-nodes');
    if (!seed) return missing('cluster-hash-seed');
    if (node && node.value > total.value)
      scope.fail("cluster match: `--cluster-local-node' must be <= `--cluster-total-nodes'", node);
    if (mask && mask.value >= 2 ** total.value)
      scope.fail("cluster match: `--cluster-local-nodemask' too big for `--cluster-total-nodes'", mask);
    return {
      nodes: node ? (1 << (node.value - 1)) >>> 0 : used.value,
      inverted: used.inverted,
      total: total.value,
      seed: seed.value,
    };
  },
  save: (c) =>
    (c.inverted ? '! ' : '') +
    describe(c, ['--cluster-local-nodemask', '--cluster-total-nodes', '--cluster-hash-seed'], ' '),
  list: (c) => `cluster ${c.inverted ? '!' : ''}${describe(c, ['node_mask', 'total_nodes', 'hash_seed'], '=')}`,
  compile(c, { family, services }) {
    const { connections } = services.tracker;
    return (pkt) => {
      if (pkt.packetType === PACKET_MULTICAST && !isMulticast(pkt, family)) pkt.packetType = PACKET_HOST;
      if (pkt.connection < 0) return false;
      return ((c.nodes >>> nodeOf(pkt.connection, connections, family, c)) & 1) !== Number(c.inverted);
    };
  },
  saw: (c, pkt, services) =>
    pkt.connection < 0
      ? 'no connection'
      : `node ${nodeOf(pkt.connection, services.tracker.connections, pkt.family || 4, c) + 1}`,
});

const isMulticast = ({ bytes, l3 }: Packet, family: Family): boolean =>
  family === 4 ? bytes[l3 + 16] >>> 4 === 0xe : bytes[l3 + 24] === 0xff;

/**
 * The flow's original source, hashed as a little-endian machine reads it, so that all kinds of nodes agree. Of an IPv6 address the kernel
 * takes the first 32 bits only: whole networks share a node. xt_cluster_hash_ipv6()
 */
function nodeOf(id: number, connections: Connections, family: Family, c: Checked): number {
  const at = family === 4 ? 12 : 0;
  const word =
    connections.sourceOctet(id, 0, at) |
    (connections.sourceOctet(id, 0, at + 1) << 8) |
    (connections.sourceOctet(id, 0, at + 2) << 16) |
    (connections.sourceOctet(id, 0, at + 3) << 24);
  // jhash3() begins with the length of three words, this is the hash of one.
  return reciprocalScale(jhash3(word, 0, 0, c.seed + (1 << 2) - (3 << 2)), c.total);
}
