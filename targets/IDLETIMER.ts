import { defineTarget } from '../engine/extension.ts';
import { CONTINUE } from '../engine/verdict.ts';
import { RuleError } from '../grammar/error.ts';
import { flag, text, u32 } from '../grammar/values.ts';
import { words } from './shared/text.ts';

/** syslog's KERN_INFO. */
const LEVEL = 6;

const OTHER_KIND = 'xt_IDLETIMER: Adding/Replacing rule with same label and different timer type is not allowed';

/** Seconds above this overflow the kernel's milliseconds in 31 bits. */
const LONGEST = 2_147_483;

export const IDLETIMER = defineTarget({
  name: 'IDLETIMER',
  families: [4, 6],
  summary: 'Restarts a named timer, which tells when no packet came for a while: in the log, as an event.',
  kernel: 'net/netfilter/xt_IDLETIMER.c idletimer_tg_target_v1()',
  options: {
    timeout: u32({ help: 'seconds without a packet', required: true }),
    label: text({ cutAt: 27 })({ help: 'name of the timer', required: true }),
    alarm: flag({ help: 'also while the machine sleeps' }),
  },
  check: (options) => ({
    timeout: options.timeout.value,
    label: options.label.value,
    alarm: options.alarm !== undefined,
  }),
  // Never quoted: a label with a blank does not come back.
  save: ({ timeout, label, alarm }) => words(`--timeout ${timeout}`, `--label ${label}`, alarm && '--alarm'),
  list: ({ timeout, label, alarm }) => words(`timeout:${timeout} label:${label}`, alarm && 'alarm'),
  placement: {
    refuses({ timeout, label }) {
      if (timeout === 0) return 'xt_IDLETIMER: timeout value is zero';
      if (timeout > LONGEST) return 'xt_IDLETIMER: timeout value is too big';
      return label === '' ? 'xt_IDLETIMER: label is empty or not nul-terminated' : undefined;
    },
  },
  compile({ timeout, label, alarm }, { services, shared }) {
    const { timers } = services;
    // One for both families, and for all rules that name it, each with a time of its own.
    const timer = shared(`idletimer ${label}`, () => ({ alarm }), 'both');
    if (timer.alarm !== alarm) throw new RuleError(OTHER_KIND, undefined, `the timer "${label}" is there already`, 1);
    const expired = (now: number): void =>
      services.log({ now, level: LEVEL, text: `xt_IDLETIMER: ${label} is idle`, event: { kind: 'idle', label } });
    const restart = (now: number): void => timers.start(timer, now + timeout * 1000, expired);
    // It runs from when the rule is there.
    restart(timers.now);
    return (pkt) => {
      restart(pkt.now);
      return CONTINUE;
    };
  },
});
