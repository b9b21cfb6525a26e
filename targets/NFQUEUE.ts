import { type Action, defineTarget } from '../engine/extension.ts';
import { decide } from '../engine/queue.ts';
import { QUEUE, QUEUE_BYPASS } from '../engine/verdict.ts';
import type { ValueScope } from '../grammar/options.ts';
import { flag, type NumberRange, own, u16, u16Range } from '../grammar/values.ts';
import { u32 } from '../packet/bytes.ts';
import { jhash3, reciprocalScale } from '../packet/jhash.ts';
import type { Packet } from '../packet/packet.ts';
import { words } from './shared/text.ts';

const numbers = u16Range({ help: '' });

/** Two different queue numbers, the lower one first. */
const queueRange = {
  words: 1 as const,
  metavar: 'first:last',
  parse(given: readonly string[], scope: ValueScope): NumberRange {
    const [first, last] = numbers.parse(given, scope);
    if (!given[0].includes(':')) scope.fail(`Bad range "${given[0]}"`, 'FIRST:LAST; for one queue use --queue-num');
    if (first >= last) scope.fail(`${first} should be less than ${last}`);
    return [first, last];
  },
  print: numbers.print,
};

export const NFQUEUE = defineTarget({
  name: 'NFQUEUE',
  families: [4, 6],
  summary:
    'Hands the packet to a program that listens at a numbered queue; without one it is dropped, or accepted with bypass.',
  kernel: 'net/netfilter/xt_NFQUEUE.c nfqueue_tg_v3()',
  options: {
    'queue-num': u16({ help: 'queue number, 0 unless given', excludes: ['queue-balance'] }),
    'queue-balance': own(queueRange, {
      help: 'spread flows over the queues FIRST to LAST',
      excludes: ['queue-num'],
    }),
    'queue-bypass': flag({ help: 'accept when nobody listens' }),
    'queue-cpu-fanout': flag({ help: 'choose the queue by CPU number', also: ['queue-balance'] }),
  },
  check(options) {
    const number = options['queue-num']?.value ?? 0;
    const [first, last] = options['queue-balance']?.value ?? [number, number];
    return {
      first,
      last,
      bypass: options['queue-bypass'] !== undefined,
      fanout: options['queue-cpu-fanout'] !== undefined,
    };
  },
  save: (c) =>
    words(
      c.first === c.last ? `--queue-num ${c.first}` : `--queue-balance ${c.first}:${c.last}`,
      c.bypass && '--queue-bypass',
      c.fanout && '--queue-cpu-fanout',
    ),
  list: (c) =>
    words(
      c.first === c.last ? `NFQUEUE num ${c.first}` : `NFQUEUE balance ${c.first}:${c.last}`,
      c.bypass && 'bypass',
      c.fanout && 'cpu-fanout',
    ),
  placement: {
    // All 65,536 queues overflow the kernel's 16-bit count.
    refuses: ({ first, last }) => (last - first === 0xffff ? 'xt_NFQUEUE: number of total queues is 0' : undefined),
  },
  compile({ first, last, bypass, fanout }, { services }): Action {
    const total = last - first + 1;
    const cpu = services.cpu ?? 0;
    const seed = services.random();
    const choose = (pkt: Packet): number =>
      total === 1 ? first : first + (fanout ? cpu % total : reciprocalScale(flowHash(pkt, seed), total));
    return (pkt) => {
      const number = choose(pkt);
      const listener = services.queue?.(number);
      if (listener) return decide(listener, number, pkt);
      // nf_queue.c nf_queue(): without a listener the packet is dropped, or with bypass goes on as if accepted.
      return bypass ? QUEUE_BYPASS : QUEUE;
    };
  },
});

/** The same for both directions of a flow between two hosts. include/net/netfilter/nf_queue.h hash_v4(), hash_v6() */
function flowHash({ bytes, l3, family, protocol }: Packet, seed: number): number {
  if (family === 4) {
    const [source, destination] = [u32(bytes, l3 + 12), u32(bytes, l3 + 16)];
    return source < destination
      ? jhash3(source, destination, protocol, seed)
      : jhash3(destination, source, protocol, seed);
  }
  const lower = (at: number): [number, number] => {
    const [source, destination] = [u32(bytes, l3 + 8 + at), u32(bytes, l3 + 24 + at)];
    return source < destination ? [source, destination] : [destination, source];
  };
  const [last, otherLast] = lower(12);
  return jhash3(last, otherLast, lower(4)[0], seed);
}
