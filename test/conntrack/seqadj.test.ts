// Shifted sequence numbers on their own; with helpers that shift them, the kernel was asked in test/conntrack/helpers/.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ConnectionTracker } from '../../conntrack/tracker.ts';
import { ip, tcp } from '../../packet/build.ts';
import { verify } from '../../packet/checksum.ts';
import { CT_ESTABLISHED, CT_INVALID, Packet } from '../../packet/packet.ts';
import { acknowledgment, sequence } from '../../packet/tcp.ts';
import { newTracker, ORIGINATOR, packetOf, pass, RESPONDER, type Row } from './player.ts';

const send = (tracker: ConnectionTracker, direction: '>' | '<', packet: string): Packet =>
  pass(tracker, packetOf([0, direction, packet, '', ''] as Row, 4), 10);

/** An established connection: 101 and 501 are the next octets of its ends, who can do SACK. */
function established(): ConnectionTracker {
  const tracker = newTracker();
  send(tracker, '>', 'S 100 <wscale 7,sackOK>');
  send(tracker, '<', 'SA 500 ack 101 <wscale 7,sackOK>');
  send(tracker, '>', 'A 101 ack 501');
  return tracker;
}

const numbers = (pkt: Packet): string =>
  `${sequence(pkt.bytes, pkt.l4)} ack ${acknowledgment(pkt.bytes, pkt.l4)}${verify(pkt) ? '' : ' bad'}`;

describe('a change of the payload', () => {
  test('shifts what its sender sends behind it, and what the other end acknowledges of it', () => {
    const tracker = established();
    tracker.seqadj.change(0, 0, 101, 5);
    expect(numbers(send(tracker, '>', 'PA 101+10 ack 501'))).toBe('101 ack 501');
    expect(numbers(send(tracker, '>', 'PA 111+10 ack 501'))).toBe('116 ack 501');
    // 10 + 5 octets arrived: as the sender counts, 10.
    expect(numbers(send(tracker, '<', 'A 501 ack 116'))).toBe('501 ack 111');
    expect(numbers(send(tracker, '<', 'A 501 ack 126'))).toBe('501 ack 121');
  });

  test('that is sent again is counted once', () => {
    const tracker = established();
    for (const octets of [5, 5, 5]) tracker.seqadj.change(0, 0, 101, octets);
    expect(tracker.seqadj.get(0, 0)).toEqual({ position: 101, before: 0, after: 5 });
  });

  test('behind another adds up, and between the two the first one counts', () => {
    const tracker = established();
    tracker.seqadj.change(0, 0, 101, 5);
    send(tracker, '>', 'PA 101+10 ack 501');
    tracker.seqadj.change(0, 0, 111, -2);
    expect(tracker.seqadj.get(0, 0)).toEqual({ position: 111, before: 5, after: 3 });
    expect(numbers(send(tracker, '>', 'PA 111+10 ack 501'))).toBe('116 ack 501');
    expect(numbers(send(tracker, '>', 'A 121 ack 501'))).toBe('124 ack 501');
  });

  test('the window counts in the numbers of the sender', () => {
    const tracker = established();
    tracker.seqadj.change(0, 0, 101, 5);
    send(tracker, '>', 'PA 101+10 ack 501');
    expect(send(tracker, '<', 'A 501 ack 116').ctState).toBe(CT_ESTABLISHED);
    expect(send(tracker, '<', 'A 501 ack 117').ctState).toBe(CT_INVALID);
  });

  test('the edges of SACK blocks come back', () => {
    const tracker = established();
    tracker.seqadj.change(0, 0, 101, 5);
    send(tracker, '>', 'PA 101+10 ack 501');
    send(tracker, '>', 'PA 131+10 ack 501');
    const pkt = send(tracker, '<', 'A 501 ack 116 <sack 136-146>');
    expect(numbers(pkt)).toBe('501 ack 111');
    const view = new DataView(pkt.bytes.buffer, pkt.l4 + 22);
    expect([view.getUint32(0), view.getUint32(4)]).toEqual([131, 141]);
  });

  test('options that run out of the header end the packet', () => {
    const tracker = established();
    tracker.seqadj.change(0, 0, 101, 5);
    const ends = { src: RESPONDER.address[4], dst: ORIGINATOR.address[4] };
    const layer = tcp({
      sport: 80,
      dport: 40_000,
      flags: 'A',
      seq: 501,
      ack: 101,
      options: Uint8Array.of(8, 10, 0, 0),
    });
    const pkt = Packet.of(ip(4, ends, layer));
    expect(tracker.track(pkt)).toBe(1);
    expect(tracker.confirm(pkt)).toBe(0);
    expect(pkt.reason).toMatch(/options/);
  });
});

test('a shift of all numbers of an end: SYNPROXY', () => {
  const tracker = established();
  tracker.seqadj.shift(0, 1, -400);
  expect(numbers(send(tracker, '<', 'PA 501+4 ack 101'))).toBe('101 ack 101');
  expect(numbers(send(tracker, '>', 'A 101 ack 105'))).toBe('101 ack 505');
});

test('what is given back can be restored, and goes with its connection', () => {
  const tracker = established();
  tracker.seqadj.change(0, 1, 700, -3);
  const kept = tracker.seqadj.get(0, 1)!;
  tracker.flush();
  expect(tracker.seqadj.get(0, 1)).toBeUndefined();
  tracker.seqadj.restore(0, 1, kept);
  expect(tracker.seqadj.get(0, 1)).toEqual({ position: 700, before: 0, after: -3 });
});

test('property: both ends see every octet once, whatever is changed and lost', () => {
  const u32 = fc.integer({ min: 0, max: 0xffffffff });
  fc.assert(
    fc.property(
      u32,
      fc.array(fc.tuple(fc.integer({ min: 1, max: 60 }), fc.integer({ min: -20, max: 20 })), { maxLength: 12 }),
      (start, changes) => {
        const tracker = established();
        let sent = start;
        let arrived = start;
        for (const [octets, growth] of changes) {
          const grown = octets + growth < 0 ? 0 : growth;
          tracker.seqadj.change(0, 0, sent, grown);
          // The segment itself goes out with the shift of before, and what follows it with the one behind it.
          expect((sent + tracker.seqadj.offset(0, 0, sent)) >>> 0).toBe(arrived);
          sent = (sent + octets) >>> 0;
          arrived = (arrived + octets + grown) >>> 0;
          expect((sent + tracker.seqadj.offset(0, 0, sent)) >>> 0).toBe(arrived);
        }
      },
    ),
    { seed: 4, numRuns: 200 },
  );
});
