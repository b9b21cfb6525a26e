import { firewall, udp } from 'sekisho/testing';
import { describe, expect, test } from 'vitest';
import own from './dnsname.mjs';

/** A question about `name`, as a resolver sends it. */
function question(name: string, flags = 0x01): Uint8Array {
  const labels = name.split('.').flatMap((label) => [label.length, ...Buffer.from(label)]);
  return Uint8Array.from([0x12, 0x34, flags, 0, 0, 1, 0, 0, 0, 0, 0, 0, ...labels, 0, 0, 1, 0, 1]);
}

const fw = firewall({ v6: new URL('rules.v6', import.meta.url), attach: [own] });
const ask = (name: string, flags?: number) =>
  fw.send(udp('fd00:a::2', '2001:db8::53', { dport: 53, data: question(name, flags) })).verdict;

describe('names below ads.example are not resolved', () => {
  test.each([
    ['ads.example', 'dropped'],
    ['tracker.ADS.example', 'dropped'],
    ['example', 'accepted'],
    ['notads.example', 'accepted'],
    ['ads.example.org', 'accepted'],
  ])('%s: %s', (name, verdict) => expect(ask(name)).toBe(verdict));

  test('answers pass', () => expect(ask('ads.example', 0x81)).toBe('accepted'));

  test('the rule prints as it was written', () => {
    const [rule] = fw.counters.filter(({ text }) => text.includes('dnsname'));
    expect(rule.text).toContain('-m dnsname --dns-name ads.example');
  });
});
