import { describe, expect, test } from 'vitest';
import { setSetting } from '../../conntrack/settings.ts';
import * as build from '../../packet/build.ts';
import { toHex } from '../../packet/bytes.ts';
import { play } from '../../testing/scenario/scenario.ts';
import { newTracker } from './player.ts';

const rules = (rule: string): string => `*raw\n-A PREROUTING ${rule}\nCOMMIT\n`;

/** What a connection of that packet has left, or why the rule was refused. */
function left(sysctls: Record<string, string>, rule: string, layer: build.Layer): number | string | null {
  try {
    const step = { in: 'A' as const, hex: toHex(build.ip4({}, layer)) };
    const { steps } = play({ v4rules: rules(rule), sysctls, steps: [step, { ct: true }] });
    return steps[1].ct?.[0].timeout ?? null;
  } catch (error) {
    return (error as Error).message;
  }
}

describe('a timeout policy', () => {
  test.each([
    ['udp unreplied 7 replied 60', '-p udp -j CT --timeout x', build.udp({}), 7],
    ['udp replied 60', '-p udp -j CT --timeout x', build.udp({}), 30],
    ['tcp syn_sent 9', '-p tcp -j CT --timeout x', build.tcp({ flags: 'S' }), 9],
    ['tcp close 9', '-p tcp -j CT --timeout x', build.tcp({ flags: 'S' }), 120],
    ['icmp timeout 5', '-p icmp -j CT --timeout x', build.icmp({ type: 8 }), 5],
    [
      'sctp closed 44',
      '-p sctp -j CT --timeout x',
      build.sctp({ tag: 0, chunks: [{ type: 1, data: new Uint8Array(16) }] }),
      44,
    ],
    ['gre unreplied 6', '-p gre -j CT --timeout x', build.gre({}), 6],
    ['generic timeout 8', '-p esp -j CT --timeout x', build.esp({}), 8],
  ])('%s', (words, rule, layer, seconds) => {
    expect(left({ 'sekisho.timeout.x': words }, rule, layer)).toBe(seconds);
  });

  test.each([
    ['that nobody made', {}, '-p udp -j CT --timeout x'],
    ['for another protocol', { 'sekisho.timeout.x': 'tcp close 9' }, '-p udp -j CT --timeout x'],
    ['for all protocols', { 'sekisho.timeout.x': 'tcp close 9' }, '-j CT --timeout x'],
  ])('%s is refused with the rule', (_, sysctls, rule) => {
    expect(left(sysctls, rule, build.udp({}))).toMatch(/line 3 failed$/);
  });

  test('made anew holds for connections from then on', () => {
    const step = (sport: number) => ({ in: 'A' as const, hex: toHex(build.ip4({}, build.udp({ sport }))) });
    const { steps } = play({
      v4rules: rules('-p udp -j CT --timeout x'),
      sysctls: { 'sekisho.timeout.x': 'udp unreplied 100' },
      steps: [step(1), { sysctls: { 'sekisho.timeout.x': 'udp unreplied 200' } }, step(1), step(2), { ct: true }],
    });
    expect(steps[4].ct?.map(({ timeout }) => timeout)).toEqual([100, 200]);
  });

  test.each([
    ['sekisho.timeout.x', 'icq a 1', '"icq" is no tracked protocol'],
    ['sekisho.timeout.x', 'udp assured 1', 'udp has no timeout "assured", but unreplied, replied'],
    ['sekisho.timeout.x', 'udp replied soon', 'replied is to be a number of seconds'],
    ['sekisho.timeout.x', 'udp replied', 'replied is to be a number of seconds'],
    ['sekisho.timeout.x', 'udp replied 2147484', 'replied is to be a number of seconds'],
    ['sekisho.timeout.', 'udp replied 1', 'the name of a timeout policy has 1 to 31 octets'],
    [`sekisho.timeout.${'x'.repeat(32)}`, 'udp replied 1', 'the name of a timeout policy has 1 to 31 octets'],
  ])('%s=%s: %s', (name, words, why) => {
    expect(() => setSetting(newTracker(), name, words)).toThrow(why);
  });
});
