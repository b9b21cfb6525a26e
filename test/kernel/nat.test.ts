// Ports that NAT draws: the kernel's are others than ours, so what is compared is what holds for them: from which range they are, that a flow
// keeps its own, that no two flows share one, and which packets find none left.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { icmp, icmp6, ip, type Layer, tcp, udp } from '../../packet/build.ts';
import { fromHex, toHex, u16 } from '../../packet/bytes.ts';
import { verify } from '../../packet/checksum.ts';
import type { Family } from '../../packet/numbers.ts';
import { Packet } from '../../packet/packet.ts';
import { play } from '../../testing/scenario/scenario.ts';
import type { CtEntry, Result, Scenario } from '../../testing/scenario/scenario-format.ts';
import { probeTwin, ready } from './support.ts';
import { Twin } from './twin.ts';

const CLIENTS = {
  4: ['10.1.0.5', '10.1.0.6', '10.1.0.7', '10.1.0.8'],
  6: ['fd00:1::5', 'fd00:1::6', 'fd00:1::7', 'fd00:1::8'],
};
const SERVER = { 4: '192.0.2.9', 6: '2001:db8::9' };
const OUTSIDE = { 4: '10.0.2.50', 6: '[fd00:b::50]' };

interface Row {
  readonly name: string;
  /** Target and options; ADDRESS stands for one outside. */
  readonly rule: string;
  readonly protocol: 'udp' | 'tcp' | 'icmp';
  /** Source port or id of each of four clients. */
  readonly ports: readonly [number, number, number, number];
  readonly low: number;
  readonly high: number;
  /** How many of the four get through; all unless said. */
  readonly through?: number;
}

const ROWS: readonly Row[] = [
  { name: 'a clash below 512', rule: 'MASQUERADE', protocol: 'udp', ports: [40, 40, 40, 40], low: 1, high: 511 },
  {
    name: 'a clash below 1024',
    rule: 'MASQUERADE',
    protocol: 'tcp',
    ports: [512, 512, 512, 512],
    low: 512,
    high: 1_023,
  },
  {
    name: 'a clash above',
    rule: 'MASQUERADE',
    protocol: 'tcp',
    ports: [4_000, 4_000, 4_000, 4_000],
    low: 1_024,
    high: 65_535,
  },
  { name: 'a clash of ids', rule: 'MASQUERADE', protocol: 'icmp', ports: [7, 7, 7, 7], low: 0, high: 65_535 },
  {
    name: 'a range',
    rule: 'SNAT --to-source ADDRESS:7000-7009',
    protocol: 'udp',
    ports: [1, 2, 3, 4],
    low: 7_000,
    high: 7_009,
  },
  {
    name: 'a range too small',
    rule: 'SNAT --to-source ADDRESS:7000-7002',
    protocol: 'udp',
    ports: [1, 2, 3, 4],
    low: 7_000,
    high: 7_002,
    through: 3,
  },
  {
    name: 'a range of ids too small',
    rule: 'SNAT --to-source ADDRESS:7-8',
    protocol: 'icmp',
    ports: [1, 2, 3, 4],
    low: 7,
    high: 8,
    through: 2,
  },
  {
    name: '--random',
    rule: 'SNAT --to-source ADDRESS --random',
    protocol: 'udp',
    ports: [40, 41, 42, 43],
    low: 1,
    high: 511,
  },
  {
    name: '--random-fully',
    rule: 'MASQUERADE --random-fully',
    protocol: 'tcp',
    ports: [40_000, 40_000, 1_024, 5],
    low: 1,
    high: 65_535,
  },
  {
    name: '--random in a range',
    rule: 'MASQUERADE --to-ports 7000-7009 --random',
    protocol: 'tcp',
    ports: [7_000, 7_001, 7_002, 7_003],
    low: 7_000,
    high: 7_009,
  },
];

function layer(family: Family, { protocol }: Row, port: number): Layer {
  if (protocol === 'udp') return udp({ sport: port, dport: 53, data: 'x' });
  if (protocol === 'tcp') return tcp({ sport: port, dport: 53, flags: 'S', seq: 1 });
  return family === 4 ? icmp({ type: 8, id: port, seq: 1 }) : icmp6({ type: 128, id: port, seq: 1 });
}

/** Each client twice, then the table. */
function scenario(family: Family, row: Row): Scenario {
  const protocol = row.protocol === 'icmp' && family === 6 ? 'icmpv6' : row.protocol;
  const address = row.rule.includes('ADDRESS:') ? OUTSIDE[family] : OUTSIDE[family].replace(/[[\]]/g, '');
  const rules = `*nat\n-A POSTROUTING -p ${protocol} -j ${row.rule.replace('ADDRESS', address)}\nCOMMIT\n`;
  const packets = row.ports.map((port, index) =>
    toHex(ip(family, { src: CLIENTS[family][index], dst: SERVER[family] }, layer(family, row, port))),
  );
  return {
    [family === 4 ? 'v4rules' : 'v6rules']: rules,
    steps: [...packets, ...packets].map((hex) => ({ in: 'A' as const, hex })).concat([{ ct: true } as never]),
  };
}

/** What holds for a result, whoever drew the ports. */
function facts(row: Row, { steps }: Result) {
  const icmps = row.protocol === 'icmp';
  const ports = steps.slice(0, -1).map(({ out = [] }) => {
    if (out.length === 0) return undefined;
    const pkt = Packet.of(fromHex(out[0].hex)!);
    expect(verify(pkt)).toBe(true);
    return u16(pkt.bytes, pkt.l4 + (icmps ? 4 : 0));
  });
  const [first, again] = [ports.slice(0, 4), ports.slice(4)];
  const drawn = first.filter((port) => port !== undefined);
  const table = (steps.at(-1)!.ct as CtEntry[]).map(({ reply }) => Number(icmps ? reply?.id : reply?.dport));
  return {
    through: first.map((port) => port !== undefined),
    // What found no port has none the second time either: a flow of its own each time.
    kept: first.every((port, index) => port === again[index]),
    inRange: drawn.every((port) => port >= row.low && port <= row.high),
    different: new Set(drawn).size === drawn.length,
    inTable: drawn.every((port) => table.includes(port)) && table.length === drawn.length,
  };
}

describe.skipIf(!ready('ports that NAT draws, beside the kernel', probeTwin()))('drawn ports', () => {
  let twin: Twin;
  beforeAll(async () => {
    twin = await Twin.start();
  });
  afterAll(() => twin.stop());

  for (const family of [4, 6] as const) {
    // An ICMPv6 rule takes no ports: the tool wants -p icmp for them, in both families.
    const rows = ROWS.filter(({ protocol, rule }) => family === 4 || protocol !== 'icmp' || !rule.includes(':'));
    test.each(rows)(`IPv${family}: $name`, async (row) => {
      const given = scenario(family, row);
      const { through = 4 } = row;
      const [kernel, ours] = [facts(row, await twin.run(given)), facts(row, play(given))];
      expect(ours).toEqual(kernel);
      expect(kernel).toEqual({
        through: [0, 1, 2, 3].map((index) => index < through),
        kept: true,
        inRange: true,
        different: true,
        inTable: true,
      });
    });
  }
});
