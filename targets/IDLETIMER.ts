import { defineTarget } from '../engine/extension.ts';
import { flag, text, u32 } from '../grammar/values.ts';
import { notThereYet } from './shared/not-there-yet.ts';
import { words } from './shared/text.ts';

/** Seconds above this overflow the kernel's milliseconds in 31 bits. */
const LONGEST = 2_147_483;

export const IDLETIMER = defineTarget({
  name: 'IDLETIMER',
  families: [4, 6],
  summary:
    'Restarts a named timer that tells when no packet came for a while. The engine has none yet and refuses to load it.',
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
  compile: notThereYet('IDLETIMER'),
});
