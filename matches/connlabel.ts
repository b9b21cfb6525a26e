import { defineMatch } from '../engine/extension.ts';
import { RuleError } from '../grammar/error.ts';
import type { Names } from '../grammar/names.ts';
import type { ValueScope } from '../grammar/options.ts';
import { wholeNumber } from '../grammar/scan.ts';
import { flag, own, text } from '../grammar/values.ts';
import { words } from './shared/text.ts';

const FILE = '/etc/xtables/connlabel.conf';
const LARGEST = 127;

const written = text({ minLength: 1 })({ help: '' });

/** A number, of which 16 bits are kept, or else a name of connlabel.conf; what is too large is left to the kernel to refuse. */
const label = {
  words: 1 as const,
  metavar: 'name|bit',
  parse(given: readonly string[], scope: ValueScope): number {
    const word = written.parse(given, scope);
    const number = wholeNumber(word, 0, 0xffff_ffff);
    return number === undefined ? byName(word, scope) : number & 0xffff;
  },
  print: (bit: number): string => bit.toString(),
};

function byName(word: string, scope: ValueScope): number {
  const { labels } = scope.names;
  if (!labels) scope.warn(`Warning: cannot open ${FILE}: No such file or directory`);
  else if (labels.size === 0) throw new RuleError(`cannot parse ${FILE}: no labels found`, undefined, undefined, 4);
  return (
    labels?.get(word) ??
    scope.fail(`label '${word}' not found or invalid value`, `0 to ${LARGEST}, or a name that ${FILE} has`)
  );
}

/** Names and bits stand in the file once each: the first mention counts. */
function nameOf(bit: number, { labels }: Names): string | undefined {
  for (const [name, numbered] of labels ?? []) if (numbered === bit) return name;
  return undefined;
}

interface Checked {
  readonly bit: number;
  readonly inverted: boolean;
  readonly sets: boolean;
}

export const connlabel = defineMatch({
  name: 'connlabel',
  families: [4, 6],
  summary: 'A label of the connection; sets it with --set.',
  supplied:
    'Names of labels are those of /etc/xtables/connlabel.conf. A connection has labels if it was made while some rule asked for them; others have none, and none can be set.',
  kernel: 'net/netfilter/xt_connlabel.c connlabel_mt()',
  needsTracking: true,
  wantsLabels: true,
  placement: {
    refuses: ({ bit }: Checked) => (bit > LARGEST ? `connlabel: there are labels 0 to ${LARGEST}` : undefined),
  },
  effect: 'stateful',
  options: {
    label: own(label, { help: 'number of the label, or its name', invert: true, required: true }),
    set: flag({ help: 'set it if it is not' }),
  },
  check: (given): Checked => ({
    bit: given.label.value,
    inverted: given.label.inverted,
    sets: given.set !== undefined,
  }),
  save: ({ bit, inverted, sets }, { names }) =>
    words(`${inverted ? '! ' : ''}--label "${nameOf(bit, names) ?? bit}"`, sets && '--set'),
  list({ bit, inverted, sets }, { names, numeric }) {
    const name = numeric ? undefined : nameOf(bit, names);
    return words('connlabel', inverted && '!', name === undefined ? `${bit}` : `'${name}'`, sets && 'set');
  },
  compile({ bit, inverted, sets }, { services }) {
    const { connections } = services.tracker;
    return ({ connection }) => {
      if (connection < 0) return inverted;
      // Where there is no room for labels, setting one is as if it were not there.
      const there = connections.hasLabel(connection, bit) || (sets && connections.setLabel(connection, bit));
      return there !== inverted;
    };
  },
  saw: ({ bit }, { connection }, { tracker }) =>
    connection < 0 ? 'no connection' : tracker.connections.hasLabel(connection, bit) ? 'label set' : 'label not set',
});
