import { bpf as match } from '../../matches/bpf.ts';
import { ip4, ip6, tcp, udp } from '../../packet/build.ts';
import { number, sheet } from './sheet.ts';

const four = ip4({ ttl: 7, id: 0x1234 }, tcp({ sport: 0x1111, dport: 0x2222 }));
const six = ip6({ hopLimit: 9 }, udp({ data: 3 }));
const program = (...lines: readonly string[]): string => `--bytecode "${lines.length},${lines.join(',')}"`;
/** Whether A is `value` behind these. */
const gives = (value: number, ...lines: readonly string[]): string =>
  program(...lines, `21 0 1 ${value}`, '6 0 0 1', '6 0 0 0');

export const sheets = [
  sheet({
    match,
    rows: {
      rules: [
        ['--bytecode "4,48 0 0 9,21 0 1 6,6 0 0 1,6 0 0 0"', '='],
        ['--bytecode "1,  6  0  0  0 ,"', '--bytecode "1,6 0 0 0"'],
        // Numbers lose their upper bits.
        ['--bytecode "1,6 256 0 4294967297"', '--bytecode "1,6 0 0 1"'],
        ['', { fails: 'bpf: one of --bytecode or --pinned is required' }],
        ['--bytecode <|"1"|>', { fails: 'bpf: error parsing program length' }],
        ['--bytecode <|"0,"|>', { fails: 'bpf: illegal zero length program' }],
        ['--bytecode <|"65,6 0 0 0"|>', { fails: 'bpf: number of instructions exceeds maximum' }],
        ['--bytecode <|"1,6 0 0"|>', { fails: 'bpf: error at instr 0' }],
        ['--bytecode <|"1,0x6 0 0 0"|>', { fails: 'bpf: error at instr 0' }],
        [
          '--bytecode <|"2,6 0 0 0"|>',
          { fails: 'bpf: parsed program length is less than the encoded length parameter' },
        ],
        [
          '--bytecode <|"1,6 0 0 0,6 0 0 0"|>',
          { fails: 'bpf: real program length exceeds the encoded length parameter' },
        ],
        ['--object-pinned <|/foo|>', { fails: 'bpf: failed to get bpf object' }],
      ],
      lists: [['--bytecode "2,48 0 0 9,6 0 0 1"', 'match bpf 48 0 0 9,6 0 0 1\0']],
      packets: [
        ['--bytecode "4,48 0 0 9,21 0 1 6,6 0 0 1,6 0 0 0"', four, 'match'],
        ['--bytecode "4,48 0 0 9,21 0 1 17,6 0 0 1,6 0 0 0"', four, 'no match'],
        [gives(0x1234, '40 0 0 4'), four, 'match'],
        [gives(9, '48 0 0 7'), six, 'match'],
        // Through the header's length to the ports.
        [gives(0x11112222, '177 0 0 0', '64 0 0 0'), four, 'match'],
        [gives(0x2222, '177 0 0 0', '72 0 0 2'), four, 'match'],
        [gives(20, '177 0 0 0', '135 0 0 0'), four, 'match'],
        [gives(51, '128 0 0 0'), six, 'match'],
        // Beyond the end the answer is 0, whatever comes behind.
        [program('48 0 0 50', '6 0 0 1'), six, 'match'],
        [program('48 0 0 51', '6 0 0 1'), six, 'no match'],
        [program('32 0 0 48', '6 0 0 1'), six, 'no match'],
        [gives(0xffff_fffe, '0 0 0 1', '20 0 0 3'), six, 'match'],
        [gives(0xfffe_0001, '0 0 0 65535', '36 0 0 65535'), six, 'match'],
        [gives(3, '0 0 0 23', '52 0 0 7'), six, 'match'],
        [gives(2, '0 0 0 23', '148 0 0 7'), six, 'match'],
        [gives(0xffff_ffff, '0 0 0 1', '132 0 0 0'), six, 'match'],
        [gives(0x8000_0000, '0 0 0 1', '100 0 0 31'), six, 'match'],
        // Division by an X of 0.
        [program('1 0 0 0', '0 0 0 5', '60 0 0 0', '6 0 0 1'), six, 'no match'],
        [gives(5, '0 0 0 5', '2 0 0 15', '0 0 0 0', '96 0 0 15'), six, 'match'],
        [gives(7, '0 0 0 7', '7 0 0 0', '0 0 0 0', '135 0 0 0'), six, 'match'],
        [program('0 0 0 5', '22 0 0 0'), six, 'match'],
        [program('5 0 0 1', '6 0 0 0', '6 0 0 1'), six, 'match'],
        [program('0 0 0 6', '69 0 1 2', '6 0 0 1', '6 0 0 0'), six, 'match'],
        [program('0 0 0 4294967295', '37 0 1 1', '6 0 0 1', '6 0 0 0'), six, 'match'],
        // What is not in the packet.
        [gives(0x86dd, '40 0 0 4294963200'), six, 'match'],
        [gives(0x0800, '40 0 0 4294963200'), four, 'match'],
        [gives(0, '32 0 0 4294963220'), six, 'match'],
        [gives(9, '48 0 0 4293918727'), six, 'match'],
      ],
    },
    generate: (dice) => {
      const codes = [
        0, 1, 2, 4, 5, 6, 7, 20, 21, 22, 32, 36, 37, 40, 48, 52, 64, 69, 96, 100, 116, 128, 135, 148, 177, 15,
      ];
      const line = (): string => {
        const k = dice.chance(0.8) ? dice.int(0, 3).toString() : number(dice, 0xffff_ffff);
        return `${dice.pick(codes)} ${dice.int(0, 2)} ${dice.int(0, 2)} ${k}`;
      };
      const lines = [...Array.from({ length: dice.int(0, 4) }, line), dice.chance(0.9) ? '6 0 0 1' : line()];
      const count = dice.chance(0.9) ? lines.length : dice.int(0, 70);
      return `--bytecode "${count},${lines.join(dice.chance(0.95) ? ',' : ' ,')}"`;
    },
  }),
];
