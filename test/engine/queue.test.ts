// Listeners at a queue: what becomes of packets that a rule hands to them.

import { describe, expect, it } from 'vitest';
import { defineQueue, type QueueListener } from '../../engine/queue.ts';
import { Registry } from '../../engine/registry.ts';
import { ip, udp } from '../../packet/build.ts';
import { firewall, type TestFirewall } from '../../testing/index.ts';

const rules = (words: string, more = ''): string =>
  `*filter\n:FORWARD DROP [0:0]\n-A FORWARD -j NFQUEUE ${words}\n${more}COMMIT\n`;

const listener = (queues: readonly number[], decide: QueueListener['decide']): QueueListener =>
  defineQueue({ name: 'inspect', summary: 'a test', queues, decide });

function standing(words: string, queues?: QueueListener, more?: string): TestFirewall {
  return firewall({ v4: rules(words, more), attach: queues ? [{ queues: [queues] }] : [] });
}

const DNS = 'udp 10.1.0.5 > 192.0.2.9 dport 53';

describe('a packet that is queued', () => {
  it('is dropped where nobody listens, and goes on with bypass', () => {
    expect(standing('--queue-num 5').send(DNS)).toMatchObject({ verdict: 'dropped', reason: 'nobody reads the queue' });
    expect(standing('--queue-num 5 --queue-bypass').send(DNS).verdict).toBe('accepted');
    expect(
      standing(
        '--queue-num 5',
        listener([4, 6], () => 'accept'),
      ).send(DNS).verdict,
    ).toBe('dropped');
  });

  it('goes on behind the table, or ends, as the listener says', () => {
    const seen: unknown[] = [];
    const fw = standing(
      '--queue-num 5',
      listener([5], ({ queue, family, hook, inDevice, outDevice, octets }) => {
        seen.push([queue, family, hook, inDevice, outDevice, octets.length]);
        return octets.length > 40 ? 'drop' : 'accept';
      }),
      '-A FORWARD -j DROP\n',
    );
    expect(fw.send(DNS).verdict).toBe('accepted');
    expect(fw.send(`${DNS} data ${'00'.repeat(40)}`).verdict).toBe('dropped');
    expect(seen[0]).toEqual([5, 4, 'FORWARD', 'inside', 'outside', 28]);
  });

  it('may be marked, written into and replaced', () => {
    const fw = firewall({
      v4: `*mangle\n-A FORWARD -j NFQUEUE --queue-num 1\nCOMMIT\n*filter\n:FORWARD DROP [0:0]\n-A FORWARD -m mark --mark 7 -j ACCEPT\nCOMMIT\n`,
      attach: [
        {
          queues: [
            listener([1], (handed) => {
              handed.mark = 7;
              handed.replace(ip(4, { src: '10.1.0.5', dst: '192.0.2.9' }, udp({ sport: 1, dport: 2, data: 'other' })));
              return 'accept';
            }),
          ],
        },
      ],
    });
    const outcome = fw.send(DNS);
    expect(outcome.verdict).toBe('accepted');
    expect(outcome.out[0]).toMatchObject({ sport: 1, dport: 2 });
  });

  it.each<[string, QueueListener['decide']]>([
    [
      'throws',
      () => {
        throw new Error('oops');
      },
    ],
    [
      'puts no packet there',
      (handed) => {
        handed.replace(Uint8Array.of(1, 2, 3));
        return 'accept';
      },
    ],
  ])('is dropped by a listener that %s', (_what, decide) => {
    expect(standing('--queue-num 0', listener([0], decide)).send(DNS).verdict).toBe('dropped');
  });

  it('stays at one queue of several with its flow, both ways', () => {
    const at = new Map<string, Set<number>>();
    const fw = firewall({
      v4: '*raw\n-A PREROUTING -j NFQUEUE --queue-balance 10:13\nCOMMIT\n',
      attach: [
        {
          queues: [
            listener([10, 11, 12, 13], ({ queue, octets }) => {
              const ends = [octets.slice(12, 16).join('.'), octets.slice(16, 20).join('.')].sort().join();
              at.set(ends, (at.get(ends) ?? new Set()).add(queue));
              return 'accept';
            }),
          ],
        },
      ],
    });
    for (let host = 1; host < 60; host++) {
      fw.send(`udp 10.1.0.${host} > 192.0.2.9 dport 53`);
      fw.send(`udp 192.0.2.9 > 10.1.0.${host} sport 53`, { in: 'outside' });
    }
    expect([...at.values()].every((queues) => queues.size === 1)).toBe(true);
    expect(new Set([...at.values()].flatMap((queues) => [...queues])).size).toBe(4);
  });

  it('finds a listener that comes and goes', () => {
    const registry = new Registry();
    const own = listener([3, 9], () => 'accept');
    registry.attach({ queues: [own] });
    expect([registry.queue(3), registry.queue(4), registry.queue(9)]).toEqual([own, undefined, own]);
    expect(() => registry.attach({ queues: [{ ...own, name: 'other' }] })).toThrow(
      '"inspect" listens at queue 3 already',
    );
    registry.detach('inspect');
    expect(registry.queue(9)).toBeUndefined();
    expect(() => registry.detach('inspect')).toThrow('no extension "inspect" is attached');
  });
});
