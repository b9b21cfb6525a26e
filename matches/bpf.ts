import { defineMatch } from '../engine/extension.ts';
import type { Random } from '../engine/services.ts';
import type { ValueScope } from '../grammar/options.ts';
import { own, text } from '../grammar/values.ts';
import { type Instruction, run, whatIsWrong } from './shared/bpf-machine.ts';

/** XT_BPF_MAX_NUM_INSTR */
const MOST = 64;

/** As sscanf() reads numbers: signs wrap, and what is too large loses its upper bits. */
const cut = (digits: string, bits: number): number => {
  const value = BigInt(digits);
  const largest = 2n ** 64n - 1n;
  return Number(BigInt.asUintN(bits, value > largest ? largest : value));
};

const bytecode = {
  words: 1 as const,
  metavar: 'count,code jt jf k,...',
  parse([word]: readonly string[], scope: ValueScope): Instruction[] {
    const head = /^\s*([+-]?\d+),/.exec(word);
    if (!head) return scope.fail('bpf: error parsing program length');
    const length = cut(head[1], 16);
    if (length === 0) scope.fail('bpf: illegal zero length program');
    if (length > MOST) scope.fail('bpf: number of instructions exceeds maximum');
    const program: Instruction[] = [];
    for (let at = word.indexOf(','); at >= 0 && at + 1 < word.length; at = word.indexOf(',', at + 1)) {
      if (program.length >= length) scope.fail('bpf: real program length exceeds the encoded length parameter');
      program.push(instruction(word, at + 1) ?? scope.fail(`bpf: error at instr ${program.length}`));
    }
    if (program.length < length) scope.fail('bpf: parsed program length is less than the encoded length parameter');
    return program;
  },
  print: (program: readonly Instruction[]): string => `"${program.length},${program.map(written).join(',')}"`,
};

const written = ({ code, jt, jf, k }: Instruction): string => `${code} ${jt} ${jf} ${k}`;

function instruction(word: string, from: number): Instruction | undefined {
  const number = /\s*([+-]?\d+)/y;
  number.lastIndex = from;
  const found: string[] = [];
  while (found.length < 4) {
    const next = number.exec(word);
    if (!next) return undefined;
    found.push(next[1].replace('+', ''));
  }
  const [code, jt, jf, k] = found;
  return { code: cut(code, 16), jt: cut(jt, 8), jf: cut(jf, 8), k: cut(k, 32) };
}

const pinned = text({ minLength: 0 })({ help: 'a program that the kernel holds: there is none here' });

interface Checked {
  readonly program: readonly Instruction[];
}

export const bpf = defineMatch({
  name: 'bpf',
  families: [4, 6],
  summary: 'What a classic BPF program says of the packet.',
  kernel: 'net/netfilter/xt_bpf.c bpf_mt(), net/core/filter.c',
  placement: { refuses: ({ program }: Checked) => whatIsWrong(program) },
  effect: 'stateful',
  options: {
    bytecode: own(bytecode, { help: 'the program, as tcpdump -ddd prints it with commas for its line ends' }),
    'object-pinned': own(
      {
        ...pinned,
        parse: (_words: readonly string[], scope: ValueScope): string =>
          scope.fail('bpf: failed to get bpf object', 'give the program itself: --bytecode'),
      },
      { help: 'a program that the kernel holds: there is none here' },
    ),
  },
  check(given, scope): Checked {
    return { program: given.bytecode?.value ?? scope.fail('bpf: one of --bytecode or --pinned is required') };
  },
  save: ({ program }) => `--bytecode ${bytecode.print(program)}`,
  listedWithoutBlank: true,
  // The tool ends it with a NUL.
  list: ({ program }) => `match bpf ${program.map(written).join(',')}\0`,
  compile({ program }, { services }) {
    const random: Random = services.random;
    const memory = new Int32Array(16);
    const cpu = services.cpu ?? 0;
    return (pkt) => run(program, pkt, memory, random, cpu) !== 0;
  },
  saw: ({ program }) => `${program.length} instructions`,
});
