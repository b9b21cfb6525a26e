// What the conntrack tool and the daemon say to each other: it comes through as it was, and junk is refused in words.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type ConntrackRequest, ConntrackService } from '../../conntrack/service.ts';
import {
  answerFromJson,
  answerToJson,
  parseConntrackRequest,
  requestToJson,
} from '../../control/socket/conntrack-requests.ts';
import { parseAddress } from '../../packet/address.ts';
import { newTracker } from '../conntrack/player.ts';

const address = (text: string): Uint8Array => parseAddress(text, text.includes(':') ? 6 : 4) as Uint8Array;
const overTheWire = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

const tuple = { protocol: 17, src: address('fd00::1'), dst: address('fd00::2'), srcKey: 9, dstKey: 53 };

describe('requests', () => {
  const requests: ConntrackRequest[] = [
    { do: 'list', from: 512, family: 6, zero: false },
    { do: 'get', given: { family: 6, orig: tuple, id: 4_000_000_000 } },
    {
      do: 'create',
      content: true,
      by: 'portid=1',
      given: [
        {
          family: 6,
          orig: tuple,
          timeout: 60,
          mark: 0xffffffff,
          tags: [1, 2],
          labels: { words: [1, 0, 0, -1], mask: [1, 0, 0, -1] },
        },
        { family: 6, orig: tuple, timeout: 0, sourceNat: { address: address('fd00::9'), port: 0 } },
      ],
    },
    { do: 'delete', given: [{ family: 6, orig: tuple, zone: 5 }], by: undefined },
    { do: 'update', given: { family: 6, orig: tuple, zoneReply: 7, state: 3, status: 6 }, by: '' },
    { do: 'flush', from: 0, by: 'x' },
    { do: 'expect-create', expect: { family: 6, master: tuple, tuple, mask: { src: 'ffff::', srcKey: 0 } } },
    { do: 'statistics' },
  ];
  test.each(requests.map((request) => [request.do, request] as const))('%s', (_name, request) => {
    expect(parseConntrackRequest(overTheWire(requestToJson(request)))).toEqual(request);
  });

  test.each([
    [{ do: 'eat' }, 'unknown "do"'],
    [[], '"request" is an object'],
    [{ do: 'list' }, '"from" is a number from 0'],
    [{ do: 'get', given: { family: 5 } }, '"family" is 4 or 6'],
    [
      { do: 'get', given: { family: 4, orig: { ...tuple, src: 'fd00::1', dst: '1.2.3.4' } } },
      '"src" is an address of IPv4',
    ],
    [{ do: 'delete', given: new Array(5_000).fill({ family: 4 }) }, '"given" is a list of at most 4096'],
    [{ do: 'flush', from: 0, by: 'x'.repeat(200) }, '"by" is a string of at most 100'],
    [{ do: 'update', given: { family: 4, mark: -1 } }, '"mark" is a number'],
    [{ do: 'update', given: { family: 4, labels: { words: [1], mask: [1] } } }, '"labels" has four words'],
  ])('refuses %j', (message, words) => {
    expect(() => parseConntrackRequest(message)).toThrow(words);
  });

  test('junk of any shape is refused, or does no harm', () => {
    const tracker = newTracker();
    const service = new ConntrackService(tracker);
    const kinds = [
      'list',
      'get',
      'create',
      'update',
      'delete',
      'flush',
      'expect-get',
      'expect-create',
      'expect-delete',
      'expectations',
    ];
    const number = fc.oneof(fc.integer(), fc.double(), fc.constant(6), fc.constant(0));
    const end = fc.record({
      protocol: number,
      src: fc.constantFrom('10.0.0.1', '::1', ''),
      dst: fc.constantFrom('10.0.0.1', 'x'),
      srcKey: number,
      dstKey: number,
    });
    const given = fc.record(
      {
        family: fc.constantFrom(4, 6, 0),
        orig: end,
        reply: end,
        timeout: number,
        state: number,
        status: number,
        mark: number,
        zone: number,
      },
      { requiredKeys: ['family'] },
    );
    const message = fc.record(
      {
        do: fc.constantFrom(...kinds),
        from: number,
        given: fc.oneof(given, fc.array(given)),
        expect: fc.record({ family: fc.constantFrom(4, 6), tuple: end, master: end }),
      },
      { requiredKeys: ['do'] },
    );
    fc.assert(
      fc.property(
        fc.oneof(
          message,
          fc.json().map((text) => JSON.parse(text) as unknown),
        ),
        (junk) => {
          let request: ConntrackRequest;
          try {
            request = parseConntrackRequest(junk);
          } catch (error) {
            expect((error as Error).message).toMatch(/^("|unknown)/);
            return;
          }
          service.answer(request, { now: 1_000, epoch: 0 });
        },
      ),
      { seed: 20261123, numRuns: 1_000 },
    );
  });
});

test('a page comes through as it was', () => {
  const tracker = newTracker();
  const service = new ConntrackService(tracker);
  const clocks = { now: 1_000, epoch: 0 };
  service.answer({ do: 'create', given: [{ family: 6, orig: tuple, timeout: 60 }] }, clocks);
  const page = service.answer({ do: 'list', from: 0 }, clocks);
  expect(answerFromJson(overTheWire(answerToJson(page)))).toEqual(page);
  expect(answerFromJson(overTheWire(answerToJson('ENOENT')))).toBe('ENOENT');
  expect(answerFromJson(overTheWire(answerToJson(undefined)))).toBeUndefined();
});
