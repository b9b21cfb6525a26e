import { defineMatch, type PlaceContext } from '../engine/extension.ts';
import { warnOfWeirdDevice } from '../grammar/frame-words.ts';
import type { Given, ValueScope } from '../grammar/options.ts';
import { flag, own } from '../grammar/values.ts';
import { bare, words } from './shared/text.ts';

/** IFNAMSIZ without the closing NUL. */
const LONGEST = 15;

const port = {
  words: 1 as const,
  metavar: 'name[+]',
  parse([name]: readonly string[], scope: ValueScope): string {
    if (name.length > LONGEST) {
      scope.fail(
        `interface name \`${name}' must be shorter than IFNAMSIZ (${LONGEST})`,
        `at most ${LONGEST} characters`,
      );
    }
    warnOfWeirdDevice(name, scope.warn);
    return name;
  },
  print: (name: string): string => name,
};

interface Name {
  readonly name: string;
  readonly inverted: boolean;
}

interface Inverted {
  readonly inverted: boolean;
}

interface Checked {
  readonly isIn?: Inverted;
  readonly in?: Name;
  readonly isOut?: Inverted;
  readonly out?: Name;
  readonly bridged?: Inverted;
}

const name = (given: Given<string>): Name => ({ name: given.value, inverted: given.inverted });
const inverted = (given: Given<true>): Inverted => ({ inverted: given.inverted });

/** In save order; -L has the same words. */
const describe = (c: Checked): string =>
  words(
    c.isIn && bare('physdev-is-in', c.isIn.inverted),
    c.in && `${bare('physdev-in', c.in.inverted)} ${c.in.name}`,
    c.isOut && bare('physdev-is-out', c.isOut.inverted),
    c.out && `${bare('physdev-out', c.out.inverted)} ${c.out.name}`,
    c.bridged && bare('physdev-is-bridged', c.bridged.inverted),
  );

export const physdev = defineMatch({
  name: 'physdev',
  families: [4, 6],
  summary: 'Bridge ports that the packet came in and goes out by.',
  supplied: 'In bridge mode the ports are the two devices. A router has none: only inverted conditions hold.',
  kernel: 'net/netfilter/xt_physdev.c physdev_mt()',
  placement: { refuses: misplaced },
  effect: 'pure',
  options: {
    'physdev-in': own(port, { help: 'port that it came in by', invert: true }),
    'physdev-out': own(port, { help: 'port that it goes out by', invert: true }),
    'physdev-is-in': flag({ help: 'it came in by a bridge port', invert: true }),
    'physdev-is-out': flag({ help: 'it goes out by a bridge port', invert: true }),
    'physdev-is-bridged': flag({ help: 'it is being bridged, not routed', invert: true }),
  },
  check(given, scope): Checked {
    const isIn = given['physdev-is-in'];
    const from = given['physdev-in'];
    const isOut = given['physdev-is-out'];
    const to = given['physdev-out'];
    const bridged = given['physdev-is-bridged'];
    if (!isIn && !from && !isOut && !to && !bridged) scope.fail('PHYSDEV: no physdev option specified');
    return {
      ...(isIn && { isIn: inverted(isIn) }),
      ...(from && { in: name(from) }),
      ...(isOut && { isOut: inverted(isOut) }),
      ...(to && { out: name(to) }),
      ...(bridged && { bridged: inverted(bridged) }),
    };
  },
  save: describe,
  list: (checked) => `PHYSDEV match ${describe(checked)}`,
  compile(c) {
    // Outside a bridge a rule matches when everything in it is inverted.
    const unbridged = Object.values(c).every((one) => one.inverted);
    const fromPort = c.in && portTest(c.in);
    const toPort = c.out && portTest(c.out);
    return (pkt) => {
      const { physIn, physOut } = pkt;
      if (physIn === '' && physOut === '') return unbridged;
      if (c.bridged && (physOut !== '') === c.bridged.inverted) return false;
      if (c.isIn && (physIn !== '') === c.isIn.inverted) return false;
      if (c.isOut && (physOut !== '') === c.isOut.inverted) return false;
      // An unknown input port passes, an unknown output port does not, inverted or not: physdev_mt().
      if (fromPort && physIn !== '' && !fromPort(physIn)) return false;
      return !toPort || (physOut !== '' && toPort(physOut));
    };
  },
  saw: (_checked, pkt) =>
    pkt.physIn || pkt.physOut ? `in ${pkt.physIn || '-'} out ${pkt.physOut || '-'}` : 'not bridged',
});

function portTest({ name: wanted, inverted: not }: Name): (port: string) => boolean {
  if (!wanted.endsWith('+')) return (found) => (found === wanted) !== not;
  const start = wanted.slice(0, -1);
  return (found) => found.startsWith(start) !== not;
}

/** physdev_mt_check(): where the output port is not known yet. */
function misplaced({ out, isOut, bridged }: Checked, { hooks }: PlaceContext): string | undefined {
  if (!hooks.includes('OUTPUT') || (!out && !isOut) || (bridged && !bridged.inverted)) return undefined;
  return '--physdev-out and --physdev-is-out only supported in the FORWARD and POSTROUTING chains with bridged traffic';
}
