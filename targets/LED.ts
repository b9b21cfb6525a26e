import { defineTarget } from '../engine/extension.ts';
import { CONTINUE } from '../engine/verdict.ts';
import type { ValueScope } from '../grammar/options.ts';
import { alwaysQuote, wholeNumber } from '../grammar/scan.ts';
import { flag, own, text } from '../grammar/values.ts';
import { words } from './shared/text.ts';

/** syslog's KERN_INFO. */
const LEVEL = 6;

/** "inf" and the largest number are one: the light stays on. */
const FOREVER = 0xffff_ffff;

const delay = {
  words: 1 as const,
  metavar: 'ms|inf',
  parse([word]: readonly string[], scope: ValueScope): number {
    // Whatever stands behind it.
    if (word.toLowerCase().startsWith('inf')) return FOREVER;
    return wholeNumber(word, 0, FOREVER) ?? scope.fail('Delay value must be within range 0..4294967295', 'or "inf"');
  },
  // As a signed number, which is not read back.
  print: (ms: number): string => (ms | 0).toString(),
};

export const LED = defineTarget({
  name: 'LED',
  families: [4, 6],
  summary:
    'Switches a named light on, and off again after a while. There are no lights here: it tells in the log, as an event.',
  kernel: 'net/netfilter/xt_LED.c led_tg()',
  options: {
    'led-trigger-id': text({ maxLength: 16 })({ help: 'name of the light', required: true }),
    'led-delay': own(delay, { help: 'how long it stays on; 0: as short as can be' }),
    'led-always-blink': flag({ help: 'blink for every packet, though it is on already' }),
  },
  check: (options) => ({
    trigger: options['led-trigger-id'].value,
    delay: options['led-delay']?.value ?? 0,
    blink: options['led-always-blink'] !== undefined,
  }),
  save: ({ trigger, delay: ms, blink }) =>
    words(
      `--led-trigger-id ${alwaysQuote(trigger)}`,
      ms !== 0 && `--led-delay ${delay.print(ms)}`,
      blink && '--led-always-blink',
    ),
  list: ({ trigger, delay: ms, blink }) =>
    words(
      `led-trigger-id:${alwaysQuote(trigger)}`,
      `led-delay:${ms === FOREVER ? 'inf' : `${ms}ms`}`,
      blink && 'led-always-blink',
    ),
  placement: {
    refuses: ({ trigger }) => (trigger === '' ? "xt_LED: No 'id' parameter given." : undefined),
  },
  compile({ trigger, delay: ms, blink }, { services, shared }) {
    const { timers } = services;
    const light = shared(`led ${trigger}`, () => ({}), 'both');
    const set = (state: 'on' | 'off' | 'blink', now: number): void =>
      services.log({
        now,
        level: LEVEL,
        text: `netfilter-${trigger} ${state}`,
        event: { kind: 'led', trigger, state },
      });
    const off = (now: number): void => set('off', now);
    return ({ now }) => {
      set(ms > 0 && blink && timers.running(light) ? 'blink' : 'on', now);
      if (ms === 0) off(now);
      else if (ms !== FOREVER) timers.start(light, now + ms, off);
      return CONTINUE;
    };
  },
});
