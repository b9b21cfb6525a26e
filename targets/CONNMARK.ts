import { templateOf } from '../conntrack/template.ts';
import { type Action, defineTarget } from '../engine/extension.ts';
import { CONTINUE } from '../engine/verdict.ts';
import type { Given } from '../grammar/options.ts';
import { flag, hex, type Mark, u8, u32 } from '../grammar/values.ts';
import { ALL_BITS, isWay, listXmark, saveXmark, toXmark, xmarkOptions } from './shared/xmark.ts';

type Checked = (
  | { readonly mode: 'set'; readonly value: number; readonly mask: number }
  | { readonly mode: 'save' | 'restore'; readonly nfmask: number; readonly ctmask: number }
) & {
  /** Of the value that is about to be stored; 0 bits: none. */
  readonly shift: { readonly way: 'left' | 'right'; readonly bits: number };
};

const MODES = ['set-mark', 'save-mark', 'restore-mark', 'and-mark', 'or-mark', 'xor-mark', 'set-xmark'];
const others = (mode: string): string[] => MODES.filter((other) => other !== mode);

type Shift = (value: number) => number;

/** JavaScript shifts by the count modulo 32, as the kernel's x86 does; 32 and more never get here. */
const shifter = ({ way, bits }: Checked['shift']): Shift =>
  way === 'left' ? (value) => (value << bits) >>> 0 : (value) => value >>> bits;

export const CONNMARK = defineTarget({
  name: 'CONNMARK',
  families: [4, 6],
  summary: "Sets the connection's mark, or copies it from or to the packet.",
  kernel: 'net/netfilter/xt_connmark.c connmark_tg_shift()',
  options: {
    ...xmarkOptions('the connection mark', ['save-mark', 'restore-mark']),
    'save-mark': flag({
      help: 'copy the packet mark to the connection',
      excludes: others('save-mark'),
    }),
    'restore-mark': flag({
      help: 'copy the connection mark to the packet',
      excludes: others('restore-mark'),
    }),
    'left-shift-mark': u8({ help: 'shift the new value left by so many bits', max: 32 }),
    'right-shift-mark': u8({ help: 'shift the new value right by so many bits', max: 32 }),
    ctmask: u32({ help: 'bits of the connection mark' }),
    nfmask: u32({ help: 'bits of the packet mark' }),
    mask: u32({ help: 'bits of both' }),
  },
  check(options, scope): Checked {
    // libxt_CONNMARK stores each option into one record as it comes: a mask that stands after --set-mark overrides its mask.
    let mode: Checked['mode'] | undefined;
    let value = 0;
    let nfmask = ALL_BITS;
    let ctmask = ALL_BITS;
    let shift: Checked['shift'] = { way: 'left', bits: 0 };
    for (const given of inOrder(options)) {
      const { name } = given;
      if (isWay(name)) {
        mode = 'set';
        ({ value, mask: ctmask } = toXmark(given as Given<Mark | number>));
      } else if (name === 'save-mark') mode = 'save';
      else if (name === 'restore-mark') mode = 'restore';
      else if (name === 'left-shift-mark') shift = { way: 'left', bits: given.value as number };
      else if (name === 'right-shift-mark') shift = { way: 'right', bits: given.value as number };
      else {
        if (name !== 'ctmask') nfmask = given.value as number;
        if (name !== 'nfmask') ctmask = given.value as number;
      }
    }
    if (mode === undefined) return scope.fail('CONNMARK target: No operation specified');
    // Not in the option table: the tool looks for an operation first.
    for (const other of [options.ctmask, options.nfmask]) {
      if (!other || !options.mask) continue;
      const later = other.span.start > options.mask.span.start ? other : options.mask;
      scope.fail(`CONNMARK: option "--${other.name}" cannot be used together with "--mask".`, later);
    }
    return mode === 'set' ? { mode, value, mask: ctmask, shift } : { mode, nfmask, ctmask, shift };
  },
  save: (checked) =>
    (checked.mode === 'set'
      ? saveXmark(checked)
      : `--${checked.mode}-mark --nfmask ${hex(checked.nfmask)} --ctmask ${hex(checked.ctmask)}`) +
    shiftText(checked.shift, '--'),
  list: (checked) => `CONNMARK ${listMode(checked)}${shiftText(checked.shift, '')}`,
  placement: {
    refuses: ({ shift }) => (shift.bits > 31 ? 'xt_connmark: invalid shift of a 32-bit mark' : undefined),
  },
  needsTracking: true,
  compile(checked, { services }): Action {
    const { connections } = services.tracker;
    const shifted = shifter(checked.shift);
    if (checked.mode === 'restore') {
      const { nfmask, ctmask } = checked;
      return (pkt) => {
        const found = pkt.connection >= 0 ? connections.mark(pkt.connection) : templateOf(pkt)?.mark;
        if (found !== undefined) pkt.mark = ((pkt.mark & ~nfmask) ^ shifted(found & ctmask)) >>> 0;
        return CONTINUE;
      };
    }
    const change = changeOf(checked, shifted);
    return (pkt) => {
      if (pkt.connection >= 0) {
        const old = connections.mark(pkt.connection);
        const now = change(old, pkt.mark);
        if (now !== old) connections.setMark(pkt.connection, now);
      } else {
        const template = templateOf(pkt);
        if (template) template.mark = change(template.mark, pkt.mark);
      }
      return CONTINUE;
    };
  },
});

/** The connection's next mark. */
function changeOf(checked: Checked, shifted: Shift): (old: number, nfmark: number) => number {
  if (checked.mode === 'set') {
    const { value, mask } = checked;
    return (old) => shifted((old & ~mask) ^ value);
  }
  const { nfmask, ctmask } = checked;
  return (old, nfmark) => ((old & ~ctmask) ^ shifted(nfmark & nfmask)) >>> 0;
}

const inOrder = (options: Readonly<Record<string, Given<unknown> | undefined>>): Given<unknown>[] =>
  Object.values(options)
    .filter((given) => given !== undefined)
    .sort((a, b) => a.span.start - b.span.start);

const shiftText = ({ way, bits }: Checked['shift'], dashes: string): string =>
  bits === 0 ? '' : ` ${dashes}${way}-shift-mark ${bits}`;

function listMode(checked: Checked): string {
  if (checked.mode === 'set') return listXmark(checked);
  const { mode, nfmask, ctmask } = checked;
  if (nfmask === ALL_BITS && ctmask === ALL_BITS) return mode;
  if (nfmask === ctmask) return `${mode} mask ${hex(ctmask)}`;
  return mode === 'save'
    ? `save nfmask ${hex(nfmask)} ctmask ~${hex(ctmask)}`
    : `restore ctmask ${hex(ctmask)} nfmask ~${hex(nfmask)}`;
}
