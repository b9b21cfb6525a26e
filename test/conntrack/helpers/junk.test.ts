// What strangers may send to a helper: nothing makes it throw, grow, or leave a packet that is not whole.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { helpers } from '../../../conntrack/helpers/index.ts';
import type { AnyHelper } from '../../../conntrack/helping/helper.ts';
import { addressWords, SOURCE } from '../../../conntrack/nat/range.ts';
import type { ConnectionTracker } from '../../../conntrack/tracker.ts';
import { parseAddress } from '../../../packet/address.ts';
import { ip, tcp, udp } from '../../../packet/build.ts';
import { u16 } from '../../../packet/bytes.ts';
import { finishPartial, pseudoSum, verify } from '../../../packet/checksum.ts';
import { IPPROTO_TCP } from '../../../packet/numbers.ts';
import { Packet } from '../../../packet/packet.ts';
import { newTracker } from '../player.ts';
import {
  acf,
  arq,
  connect,
  facility,
  gcf,
  irr,
  olc,
  olcAck,
  progress,
  q931,
  rcf,
  rrq,
  setup,
  tpkt,
  underWay,
  urq,
} from './h323-messages.ts';

type Family = 4 | 6;
const ENDS = {
  4: { client: '10.1.0.5', server: '192.0.2.9', outside: '203.0.113.200' },
  6: { client: 'fd00:1::5', server: '2001:db8::9', outside: '2001:db8:1:2:3:4:5:6' },
};

/** A connection that is read by the helper, established, its client translated or not. */
class Read {
  readonly tracker: ConnectionTracker = newTracker();
  private readonly family: Family;
  private readonly protocol: number;
  private readonly port: number;
  private readonly clientPort: number;
  private readonly translated: boolean;
  private readonly seq = [1_001, 5_001];

  constructor(helper: AnyHelper, family: Family, translated: boolean, clientPort = 40_000) {
    this.tracker.helping.find = () => helper;
    this.family = family;
    this.protocol = helper.protocols[0];
    this.port = helper.port;
    this.clientPort = clientPort;
    this.translated = translated;
    if (this.protocol === IPPROTO_TCP) {
      this.pass(0, 'S', '');
      this.pass(1, 'SA', '');
      this.pass(0, 'A', '');
    } else {
      this.pass(0, '', 'x');
      this.pass(1, '', 'x');
    }
  }

  /** The packet that comes out; undefined: dropped. */
  pass(
    direction: 0 | 1,
    flags: string,
    data: string | Uint8Array,
    change: (pkt: Packet) => void = () => {},
  ): Packet | undefined {
    const { client, server, outside } = ENDS[this.family];
    const [src, dst] = direction === 0 ? [client, server] : [server, this.translated ? outside : client];
    const [sport, dport] = direction === 0 ? [this.clientPort, this.port] : [this.port, this.clientPort];
    const opening = flags.includes('S') ? 1 : 0;
    const layer =
      this.protocol === IPPROTO_TCP
        ? tcp({
            sport,
            dport,
            flags,
            seq: this.seq[direction] - opening,
            ack: this.seq[1 - direction],
            window: 60_000,
            data,
          })
        : udp({ sport, dport, data });
    if (opening === 0) this.seq[direction] = (this.seq[direction] + data.length) >>> 0;
    const pkt = Packet.of(ip(this.family, { src, dst }, layer));
    pkt.template = { untracked: false, zoneOriginal: 0, zoneReply: 0, helper: 'x', mark: 0 };
    change(pkt);
    return this.through(pkt);
  }

  private through(pkt: Packet): Packet | undefined {
    const { tracker } = this;
    if (!tracker.track(pkt)) return undefined;
    if (pkt.connection < 0) return pkt;
    pkt.hook = 4;
    if (this.translated && pkt.direction === 0) {
      const words = addressWords(parseAddress(ENDS[this.family].outside, this.family)!, this.family);
      tracker.nat.map(pkt, SOURCE, { addresses: [words, words] });
    }
    const manip = pkt.direction === 0 ? SOURCE : 1;
    if (!tracker.nat.translate(pkt, manip)) return undefined;
    return tracker.confirm(pkt) ? pkt : undefined;
  }
}

const WORDS = [
  'PORT ',
  '10,1,0,5,',
  '5,6',
  'EPRT ',
  '|1|10.1.0.5|',
  '|2|fd00:1::5|',
  '1286|',
  '227 (',
  '192,0,2,9,',
  '229 (|||',
  '2311|)',
  '\r\n',
  '\n',
  'PRIVMSG x :\x01DCC SEND f ',
  '167837701 ',
  '5000',
  '\x01\r\n',
  'CONNECT ',
  'DATA ',
  'MESG ',
  '1001 ',
  '\0\x01',
  '\0\0\0\x07\0\0\0\0',
  '\0\0\0\0\0\0\x1b\x58',
  '\x30\x1e\x02\x01\x00\x04\x06public\xa2\x11\x02\x01\x09\x02\x01\x00\x02\x01\x00\x30\x06\x30\x04\x06\x02\x2b\x06',
  '\x40\x04\x0a\x01\x00\x05',
  '99999999999999999999',
  ' ',
  '|',
  ',',
  '(',
];
/** Messages of H.323, with octets changed and cut. */
const client = { address: '10.1.0.5', port: 1_720 };
const channel = { media: client, control: client, stack: client };
const CALLS = [
  setup({ control: client, from: client, to: client, fast: [channel, { ...channel, reverse: true }] }),
  underWay(1, { control: client }),
  connect({ control: client, fast: [channel] }),
  facility({ alternative: client, reason: 1 }),
  progress({ control: client, fast: [channel] }),
];
const H323 = [
  ...CALLS.map((body) => tpkt(q931(body, [olc(channel), olcAck(channel)]))),
  tpkt(olc(channel)),
  tpkt(olcAck(channel)),
  rrq([client], [{ ...client, port: 40_000 }], 600),
  ...[
    rcf([client], 600),
    gcf(client),
    urq([client]),
    arq({ from: client, to: client }),
    acf(client),
    irr(client, [client]),
  ],
];
const bent = fc
  .tuple(fc.constantFrom(...H323), fc.array(fc.tuple(fc.nat(300), fc.nat(255)), { maxLength: 3 }), fc.nat(300))
  .map(([message, changes, cut]) => {
    const octets = message.slice(0, cut < 100 ? cut : message.length);
    for (const [at, octet] of changes) if (at < octets.length) octets[at] = octet;
    return String.fromCharCode(...octets);
  });
const payload = fc.oneof(
  bent,
  fc.array(fc.constantFrom(...WORDS), { maxLength: 12 }).map((words) => words.join('')),
  fc.string({ unit: 'binary-ascii', maxLength: 200 }),
  fc.uint8Array({ maxLength: 200 }).map((octets) => String.fromCharCode(...octets)),
);

const readings = helpers.flatMap((helper) =>
  helper.families.flatMap((family) =>
    [false, true].map((translated) => ({ helper, family, translated, name: helper.name })),
  ),
);

describe.each(readings)('$name over IPv$family, translated: $translated', ({ helper, family, translated }) => {
  test('property: whatever it reads, what goes on is whole, and nothing throws', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.constantFrom(0 as const, 1 as const), payload), { maxLength: 8 }), (said) => {
        const read = new Read(helper, family, translated);
        for (const [direction, data] of said) {
          const pkt = read.pass(
            direction,
            'PA',
            Uint8Array.from(data, (letter) => letter.charCodeAt(0)),
          );
          if (!pkt) continue;
          expect(verify(pkt)).toBe(true);
          expect(u16(pkt.bytes, pkt.l3 + (family === 4 ? 2 : 4)) + (family === 4 ? 0 : 40)).toBe(pkt.length);
        }
        const most = helper.policies[0].most || Number.POSITIVE_INFINITY;
        expect(read.tracker.expectations.count).toBeLessThanOrEqual(most);
      }),
      { seed: 7, numRuns: 25 },
    );
  });
});

const ftp = helpers.find(({ name }) => name === 'ftp')!;
const irc = helpers.find(({ name }) => name === 'irc')!;

describe('floods of expectations', () => {
  test('one connection has as many as its helper allows, whatever it says', () => {
    const read = new Read(irc, 4, false);
    read.pass(1, 'PA', ':hi\r\n');
    for (let port = 1; port < 2_000; port++) read.pass(0, 'PA', `PRIVMSG x :\x01DCC SEND f 167837701 ${port}\x01\r\n`);
    expect(read.tracker.expectations.count).toBe(8);
    expect([...read.tracker.expectations.entries()].map((one) => one.destinationKey)).toEqual(
      expect.arrayContaining([1_999, 1_992]),
    );
  });

  test('all together never more than nf_conntrack_expect_max; then packets that announce are dropped, others go on', () => {
    const tracker = newTracker();
    tracker.sysctls.set('net.netfilter.nf_conntrack_expect_max', 50);
    tracker.helping.find = () => ftp;
    const say = (client: number, flags: string, seq: number, ack: number, back: boolean, data = '') => {
      const [a, b] = [`10.1.${client >>> 8}.${client & 255}`, '192.0.2.9'];
      const layer = tcp({ sport: back ? 21 : 4_000, dport: back ? 4_000 : 21, flags, seq, ack, window: 9_000, data });
      const pkt = Packet.of(ip(4, back ? { src: b, dst: a } : { src: a, dst: b }, layer));
      pkt.template = { untracked: false, zoneOriginal: 0, zoneReply: 0, helper: 'ftp', mark: 0 };
      return tracker.track(pkt) === 1 && tracker.confirm(pkt) === 1;
    };
    let refused = 0;
    for (let client = 1; client <= 200; client++) {
      say(client, 'S', 100, 0, false);
      say(client, 'SA', 500, 101, true);
      say(client, 'PA', 101, 501, false, 'USER x\r\n');
      const port = `PORT 10,1,${client >>> 8},${client & 255},4,${client & 255}\r\n`;
      if (!say(client, 'PA', 109, 501, false, port)) refused++;
      expect(say(client, 'A', 109, 501, false)).toBe(true);
    }
    expect([tracker.expectations.count, refused]).toEqual([50, 150]);
    // What is over makes room.
    tracker.advance(301_000);
    expect(tracker.expectations.count).toBe(0);
  });

  test('masters that go take theirs with them, and what they remembered', () => {
    const read = new Read(ftp, 4, false);
    read.pass(0, 'PA', 'USER x\r\n');
    read.pass(0, 'PA', 'PORT 10,1,0,5,5,6\r\n');
    expect(read.tracker.expectations.count).toBe(1);
    read.tracker.flush();
    expect(read.tracker.expectations.count).toBe(0);
    expect(read.tracker.statistics).toMatchObject({ expectCreate: 1, expectDelete: 1, expectNew: 0 });
  });
});

test('a flood of SYNs leaves no more than an octet for each', () => {
  const tracker = newTracker();
  tracker.helping.find = () => ftp;
  for (let client = 0; client < 5_000; client++) {
    const src = `10.2.${client >>> 8}.${client & 255}`;
    const pkt = Packet.of(ip(4, { src, dst: '192.0.2.9' }, tcp({ sport: 4_000, dport: 21, flags: 'S' })));
    pkt.template = { untracked: false, zoneOriginal: 0, zoneReply: 0, helper: 'ftp', mark: 0 };
    tracker.track(pkt);
    tracker.confirm(pkt);
  }
  expect(tracker.table.count).toBe(5_000);
  expect(tracker.helping.size).toBeLessThan(10_000);
  expect(tracker.helping.count).toBe(0);
});

describe('large packets', () => {
  test('a super-packet with an unfinished checksum is rewritten, and finished right by whoever finishes it', () => {
    const read = new Read(ftp, 4, true);
    read.pass(0, 'PA', 'USER x\r\n');
    const data = `PORT 10,1,0,5,5,6\r\n${'NOOP\r\n'.repeat(5_000)}`;
    const pkt = read.pass(0, 'PA', data, (super_) => {
      super_.gsoSize = 1_400;
      super_.gsoType = 1;
      super_.checksumPartial = true;
      super_.checksumStart = super_.l4;
      super_.checksumField = super_.l4 + 16;
      const sum = pseudoSum(super_.bytes, super_.l3, IPPROTO_TCP, super_.end - super_.l4);
      super_.bytes.set([sum >>> 8, sum & 0xff], super_.l4 + 16);
    })!;
    expect(pkt.length).toBe(40 + data.length + 5);
    expect(pkt.checksumPartial).toBe(true);
    finishPartial(pkt);
    expect(verify(pkt)).toBe(true);
    expect(read.tracker.seqadj.get(pkt.connection, 0)).toMatchObject({ before: 0, after: 5 });
  });

  test('one that would grow beyond what IP can carry is dropped, and nothing is expected', () => {
    const read = new Read(ftp, 4, true);
    read.pass(0, 'PA', 'USER x\r\n');
    const data = `PORT 10,1,0,5,5,6\r\n${'x'.repeat(65_535 - 40 - 19)}`;
    expect(read.pass(0, 'PA', data)).toBeUndefined();
    expect(read.tracker.expectations.count).toBe(0);
  });
});
