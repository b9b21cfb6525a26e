// Lists of recent and tables of hashlimit beside the kernel: the same packets and the same edits, then the same files of /proc. Only the
// clock is another, so times are compared as differences, and credit but for whole ticks of it.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { icmp, icmp6, ip4, ip6, raw, tcp, udp } from '../../packet/build.ts';
import { toHex } from '../../packet/bytes.ts';
import type { Result, Scenario, Step } from '../../testing/scenario/scenario-format.ts';
import { beside, failureOf, unlike } from './beside.ts';
import { probeTwin, ready } from './support.ts';
import { Twin } from './twin.ts';

const into = (packet: Uint8Array): Step => ({ in: 'A', hex: toHex(packet) });
const v4 = (src: string, dport = 53): Step => into(ip4({ src, dst: '10.9.0.1' }, udp({ sport: 4000, dport })));
const v6 = (src: string, dport = 53): Step => into(ip6({ src, dst: 'fd00:9::1' }, udp({ sport: 4000, dport })));
const table = (...rules: string[]): string =>
  `*mangle\n${rules.map((rule) => `-A PREROUTING ${rule}\n`).join('')}COMMIT\n`;

/** Times of a list become differences to the earliest of the file, in jiffies; the order of entries is a hash's in the kernel. */
function timeless(text: string): string[] {
  const times = [...text.matchAll(/last_seen: (\d+)/g)].map(([, time]) => Number(time));
  const first = Math.min(...times, Number.POSITIVE_INFINITY);
  return text
    .trimEnd()
    .split('\n')
    .map((line) => line.replace(/ (\d{4,})/g, (_, time) => ` ${near(Number(time) - first)}`))
    .sort();
}

/** Two steps at the same time are a few ticks apart in the kernel. */
const near = (ticks: number): string => (Math.abs(ticks) < 25 ? 'now' : 'later');

/** Credit of a tick, where packets are counted and where octets are. */
const JIFFY = { packets: 2n ** 39n, octets: 2n ** 24n };

/** Seconds left of an entry may have begun to run; credit has grown by some ticks since. */
function accounts(text: string): { flow: string; credit: bigint; rest: string }[] {
  return text
    .trimEnd()
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [, flow, credit, ...rest] = line.split(' ');
      return { flow, credit: BigInt(credit), rest: rest.join(' ') };
    })
    .sort((one, other) => (one.flow < other.flow ? -1 : 1));
}

const secondsLeft = (text: string): number[] => [...text.matchAll(/^(\d+) /gm)].map(([, left]) => Number(left));

function compareTables(kernel: string, ours: string, jiffy: bigint): void {
  const [theirs, mine] = [accounts(kernel), accounts(ours)];
  expect(mine.map(({ flow, rest }) => `${flow} ${rest}`)).toEqual(theirs.map(({ flow, rest }) => `${flow} ${rest}`));
  mine.forEach(({ credit }, index) => {
    const ticks = theirs[index].credit - credit;
    expect(ticks % jiffy === 0n && ticks / jiffy < 250n, `credit ${theirs[index].credit}, ours ${credit}`).toBe(true);
  });
  secondsLeft(ours).forEach((left, index) => {
    expect(Math.abs(left - secondsLeft(kernel)[index])).toBeLessThanOrEqual(1);
  });
}

const machine = probeTwin();
describe.skipIf(!ready('files of /proc beside the kernel', machine))('/proc', () => {
  let twin: Twin;
  beforeAll(async () => {
    twin = await Twin.start();
  });
  afterAll(() => twin.stop());

  const same = async (scenario: Scenario, check: (kernel: Result, ours: Result) => void): Promise<void> => {
    const compare = (kernel: Result, ours: Result): string[] => failureOf(() => check(kernel, ours));
    expect(await beside(twin, scenario, { compare })).toEqual([]);
  };

  test('recent: entries of both families, rings of times, edits and what is no edit', async () => {
    const edits = [
      '+192.0.2.1',
      '+192.0.2.1\n',
      '-10.1.0.2',
      '+fd00:1::77',
      '+::ffff:1.2.3.4',
      '-10.1.0.99',
      '192.0.2.9',
      '+x',
      '+',
      ' /',
      '',
    ];
    const read: Step = { read: '/proc/net/xt_recent/seen' };
    const scenario: Scenario = {
      v4rules: table(
        '-m recent --set --name seen --hitcount 4',
        '-m recent --set --name wide --mask 255.255.0.0',
      ).replace(' --hitcount 4', ''),
      v6rules: table('-m recent --set --name seen', '-m recent --rcheck --seconds 5 --hitcount 3 --name few'),
      steps: [
        ...[1, 1, 1, 2, 3].map((host) => v4(`10.1.0.${host}`)),
        v6('fd00:1::1'),
        { sleep_ms: 300 },
        v6('fd00:1::1'),
        read,
        { read: '/proc/net/xt_recent/wide' },
        ...edits.flatMap((text): Step[] => [{ write: '/proc/net/xt_recent/seen', text }, read]),
        { write: '/proc/net/xt_recent/seen', text: '/ and more' },
        read,
        { read: '/proc/net/xt_recent/few' },
      ],
    };
    await same(scenario, (kernel, ours) => {
      ours.steps.forEach((step, index) => {
        if (step.text !== undefined)
          expect(timeless(step.text), `step ${index}`).toEqual(timeless(kernel.steps[index].text!));
        expect(step.err !== undefined, `step ${index}`).toBe(kernel.steps[index].err !== undefined);
      });
    });
  });

  const modes: readonly (readonly [options: string, why: string])[] = [
    ['--hashlimit-upto 4/hour --hashlimit-burst 3 --hashlimit-mode srcip,dstip,srcport,dstport', 'flows'],
    ['--hashlimit-upto 4/hour --hashlimit-burst 3 --hashlimit-mode srcip --hashlimit-srcmask 16', 'networks'],
    ['--hashlimit-above 4/hour --hashlimit-burst 1 --hashlimit-mode dstip,dstport', 'above'],
    ['--hashlimit-upto 4/hour --hashlimit-burst 3', 'no mode: all in one'],
    ['--hashlimit-upto 64b/s --hashlimit-burst 640b --hashlimit-mode srcip', 'octets, out of the burst'],
    ['--hashlimit-above 160b/s --hashlimit-mode srcip,dstport', 'octets without a burst'],
    ['--hashlimit-above 3/hour --hashlimit-burst 1 --hashlimit-rate-match --hashlimit-mode srcip', 'rates'],
    [
      '--hashlimit-upto 96b/s --hashlimit-rate-match --hashlimit-rate-interval 9 --hashlimit-mode srcip',
      'rates of octets',
    ],
    [
      '--hashlimit-upto 4/hour --hashlimit-mode srcip,srcport --hashlimit-htable-size 2 --hashlimit-htable-max 3',
      'a table of three',
    ],
  ];
  const packets: readonly Uint8Array[] = [
    ...[1, 1, 1, 1, 2, 2, 3].map((host) =>
      ip4({ src: `10.1.0.${host}`, dst: '10.9.0.1' }, udp({ sport: 4000, dport: 53, data: 20 * host })),
    ),
    ip4({ src: '10.1.7.1', dst: '10.9.0.1' }, tcp({ sport: 5, dport: 80, flags: 'S' })),
    ip4({ src: '10.1.0.1', dst: '10.9.0.1' }, icmp()),
    ip4({ src: '10.1.0.1', dst: '10.9.0.1' }, raw(17, 3)),
    ...[1, 1, 1, 2].map((host) =>
      ip6({ src: `fd00:1:${host}::${host}`, dst: 'fd00:9::1' }, udp({ sport: 4000, dport: 53, data: 33 })),
    ),
    ip6({ src: 'fd00:1::1', dst: 'fd00:9::1' }, icmp6()),
    ip6({ src: 'fd00:1::1', dst: 'fd00:9::1' }, raw(59)),
  ];
  for (const [options, why] of modes) {
    test(`hashlimit: ${why}`, async () => {
      const rules = table(`-m hashlimit ${options} --hashlimit-name h -j ACCEPT`);
      const scenario: Scenario = {
        v4rules: rules,
        v6rules: rules,
        steps: [
          ...packets.map(into),
          { counters: true },
          { read: '/proc/net/ipt_hashlimit/h' },
          { read: '/proc/net/ip6t_hashlimit/h' },
        ],
      };
      await same(scenario, (kernel, ours) => {
        const [counters, first, second] = ours.steps.slice(-3);
        const [wanted, wantedFirst, wantedSecond] = kernel.steps.slice(-3);
        expect(counters.v4_text).toBe(wanted.v4_text);
        expect(counters.v6_text).toBe(wanted.v6_text);
        const jiffy = options.includes('b/s') ? JIFFY.octets : JIFFY.packets;
        compareTables(wantedFirst.text!, first.text!, jiffy);
        compareTables(wantedSecond.text!, second.text!, jiffy);
      });
    });
  }

  test('hashlimit: credit comes back, entries expire at the next collection only, rules share what they name', async () => {
    const packet = v4('10.1.0.1');
    const many = (count: number): Step[] => Array.from({ length: count }, () => packet);
    const rules = table(
      '-m hashlimit --hashlimit-upto 2/s --hashlimit-burst 3 --hashlimit-name a',
      '-m hashlimit --hashlimit-above 2/s --hashlimit-burst 3 --hashlimit-name a',
      '-m hashlimit --hashlimit-upto 1/hour --hashlimit-burst 2 --hashlimit-name b --hashlimit-htable-expire 100 --hashlimit-htable-gcinterval 400',
      '-m hashlimit --hashlimit-upto 16b/s --hashlimit-burst 32b --hashlimit-name c',
      '-m hashlimit --hashlimit-upto 6/s --hashlimit-burst 1 --hashlimit-rate-match --hashlimit-name d',
    );
    const scenario: Scenario = {
      v4rules: rules,
      steps: [
        ...many(4),
        { sleep_ms: 200 },
        ...many(3),
        { counters: true },
        { sleep_ms: 700 },
        ...many(3),
        { counters: true },
        { sleep_ms: 1_200 },
        ...many(9),
        { counters: true },
        { sleep_ms: 1_200 },
        ...many(2),
        { counters: true },
      ],
    };
    const texts = ({ steps }: Result): string[] => steps.flatMap(({ v4_text: text }) => text ?? []);
    const compare = (kernel: Result, ours: Result): string[] => unlike(texts(kernel), texts(ours));
    expect(await beside(twin, scenario, { compare })).toEqual([]);
  });
});
