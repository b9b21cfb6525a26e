import { defineMatch, type Predicate } from '../engine/extension.ts';
import type { ValueScope } from '../grammar/options.ts';
import { scanNumber } from '../grammar/scan.ts';
import { own } from '../grammar/values.ts';
import { u32 as readU32 } from '../packet/bytes.ts';
import type { Packet } from '../packet/packet.ts';

// Tests joined by `&&`, each `location=values`. A location begins with an offset at which a 32-bit word is read, and goes on with
// operators: & << >> change the word, @ moves on by it and reads again. Values are numbers and ranges.

/** XT_U32_MAXSIZE: tests, operands of a location and values of a test, each. */
const MOST = 10;
const OPERATORS = ['&', '<<', '>>', '@'] as const;
type Operator = (typeof OPERATORS)[number];

interface Step {
  /** Undefined for the first operand. */
  readonly operator: Operator | undefined;
  readonly number: number;
}

interface Test {
  readonly location: readonly Step[];
  readonly values: readonly (readonly [min: number, max: number])[];
}

const hex = (value: number): string => `0x${value.toString(16)}`;

const testText = ({ location, values }: Test): string =>
  `${location.map((step) => (step.operator ?? '') + hex(step.number)).join('')}=${values
    .map(([min, max]) => (min === max ? hex(min) : `${hex(min)}:${hex(max)}`))
    .join(',')}`;

const print = (tests: readonly Test[]): string => `"${tests.map(testText).join('&&')}"`;

const kind = {
  words: 1 as const,
  metavar: 'tests',
  parse: ([word]: readonly string[], scope: ValueScope): Test[] => new Reader(word, scope).tests(),
  print,
};

/** Reads an expression as the tool does, character by character; its messages name the place that they mean. */
class Reader {
  private readonly text: string;
  private readonly scope: ValueScope;
  private at = 0;

  constructor(text: string, scope: ValueScope) {
    this.text = text;
    this.scope = scope;
  }

  tests(): Test[] {
    const tests: Test[] = [];
    for (;;) {
      const location = this.location();
      const values = this.values();
      tests.push({ location, values });
      if (tests.length > MOST) this.fail('too many "&&"s');
      if (this.at >= this.text.length) return tests;
      this.at++; // the second &
    }
  }

  /** Up to and with the `=`. */
  private location(): Step[] {
    const steps: Step[] = [];
    for (;;) {
      this.skipBlanks();
      const next = this.text[this.at];
      if (next === undefined) this.scope.fail('u32: abrupt end of input after location specifier');
      if (next === '=') {
        if (steps.length === 0) this.fail('location spec missing');
        this.at++;
        return steps;
      }
      const operator = steps.length === 0 ? undefined : this.operator();
      steps.push({ operator, number: this.number() });
      if (steps.length > MOST) this.fail('too many operators');
    }
  }

  private operator(): Operator {
    const first = this.text[this.at];
    if (first === '&' || first === '@') {
      this.at++;
      return first;
    }
    if (first !== '<' && first !== '>') return this.fail('operator expected');
    this.at++;
    if (this.text[this.at] !== first) this.fail(`a second '${first}' was expected`);
    this.at++;
    return first === '<' ? '<<' : '>>';
  }

  /** Up to the second `&` of `&&`, or the end. */
  private values(): [number, number][] {
    const values: [number, number][] = [];
    for (;;) {
      this.skipBlanks();
      const next = this.text[this.at];
      if (next === undefined) {
        if (values.length === 0) this.scope.fail('u32: test ended with no value specified');
        return values;
      }
      if (next === '&') {
        this.at++;
        if (this.text[this.at] !== '&') this.fail("a second '&' was expected");
        if (values.length === 0) this.fail('value spec missing');
        return values;
      }
      if (values.length > 0) {
        if (next !== ',') this.fail('expected "," or "&&"');
        this.at++;
      }
      const min = this.number();
      this.skipBlanks();
      let max = min;
      if (this.text[this.at] === ':') {
        this.at++;
        max = this.number();
      }
      values.push([min, max]);
      if (values.length > MOST) this.fail('too many ","s');
    }
  }

  private number(): number {
    const scanned = scanNumber(this.text, this.at);
    if (!scanned || scanned.value > 0xffff_ffff) return this.fail('not a number or out of range');
    this.at = scanned.end;
    return Number(scanned.value);
  }

  private skipBlanks(): void {
    while (/\s/.test(this.text[this.at] ?? '')) this.at++;
  }

  private fail(what: string): never {
    return this.scope.fail(`u32: at char ${this.at}: ${what}`, `in "${this.text}"`);
  }
}

interface Checked {
  readonly tests: readonly Test[];
  readonly inverted: boolean;
}

export const u32 = defineMatch({
  name: 'u32',
  families: [4, 6],
  summary: '32-bit words at offsets from the IP header, masked, shifted, followed and compared.',
  kernel: 'net/netfilter/xt_u32.c u32_mt()',
  placement: {
    refuses: ({ tests }: Checked) =>
      tests.some(({ location }) => location.some(({ operator, number }) => operator?.length === 2 && number > 31))
        ? 'a word is shifted by 31 bits at most'
        : undefined,
  },
  effect: 'pure',
  options: { u32: own(kind, { help: 'location=values[&&location=values...]', invert: true, required: true }) },
  check: ({ u32: { value, inverted } }): Checked => ({ tests: value, inverted }),
  save: ({ tests, inverted }) => `${inverted ? '! ' : ''}--u32 ${print(tests)}`,
  list: ({ tests, inverted }) => `u32 ${inverted ? '! ' : ''}${print(tests)}`,
  compile({ tests, inverted }): Predicate {
    return (pkt) => holdAll(tests, pkt) !== inverted;
  },
  saw({ tests }, pkt) {
    const words = tests
      .map(({ location }) => wordAt(location, pkt))
      .map((word) => (word < 0 ? 'beyond the end' : hex(word)));
    return words.join(' ');
  },
});

function holdAll(tests: readonly Test[], pkt: Packet): boolean {
  for (let index = 0; index < tests.length; index++) {
    const { location, values } = tests[index];
    const word = wordAt(location, pkt);
    if (word < 0 || !holdsOne(values, word)) return false;
  }
  return true;
}

function holdsOne(values: Test['values'], word: number): boolean {
  for (let index = 0; index < values.length; index++) {
    if (values[index][0] <= word && word <= values[index][1]) return true;
  }
  return false;
}

/** The word that a location ends with, or -1 when it leads beyond the packet. u32_match_it() */
function wordAt(location: readonly Step[], pkt: Packet): number {
  const { bytes, l3 } = pkt;
  const length = pkt.end - l3;
  let base = 0;
  if (location[0].number > length - 4) return -1;
  let word = readU32(bytes, l3 + location[0].number);
  for (let index = 1; index < location.length; index++) {
    const { operator, number } = location[index];
    if (operator === '&') word = (word & number) >>> 0;
    else if (operator === '<<') word = (word << number) >>> 0;
    else if (operator === '>>') word >>>= number;
    else {
      base += word;
      if (base + number > length - 4) return -1;
      word = readU32(bytes, l3 + base + number);
    }
  }
  return word;
}
