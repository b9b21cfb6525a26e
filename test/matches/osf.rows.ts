import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseFingerprints } from '../../engine/host/fingerprints.ts';
import { osf as match } from '../../matches/osf.ts';
import { ip4, tcp } from '../../packet/build.ts';
import { not, number, sheet, some } from './sheet.ts';

const file = fileURLToPath(new URL('../data/pf.os', import.meta.url));
const fingerprints = parseFingerprints(readFileSync(file, 'utf8'));

const mss = (value: number): readonly number[] => [2, 4, value >> 8, value & 0xff];
/** What Gamma sends: MSS, SACK, timestamp, NOP, window scale. */
const gammaOptions = (value: number) => [...mss(value), 4, 2, 8, 10, 0, 0, 0, 0, 0, 0, 0, 0, 1, 3, 3, 7];

interface Syn {
  readonly window: number;
  readonly options?: readonly number[];
  readonly ttl?: number;
  readonly df?: boolean;
  readonly flags?: string;
}

const syn = ({ window, options = mss(1460), ttl = 64, df = false, flags = 'S' }: Syn) =>
  ip4(
    { src: '10.0.1.2', dst: '10.9.9.9', ttl, df },
    tcp({ sport: 1, dport: 2, flags, window, options: Uint8Array.from(options) }),
  );

const alpha = syn({ window: 1000 });
const gamma = syn({ window: 4 * 1300, options: gammaOptions(1300), df: true });

export const sheets = [
  sheet({
    match,
    // Into the list of the whole machine, where ours stay: they look like no system.
    setup: [`nfnl_osf -f ${file}`],
    rows: {
      frame: '-p tcp',
      services: { fingerprints: () => fingerprints },
      rules: [
        ['--genre Linux', '='],
        ['--log 2 ! --genre Linux --ttl 1', '! --genre Linux --ttl 1 --log 2'],
        ['--genre Linux --ttl 0 --log 0', '='],
        ['--ttl 1', { fails: 'osf: option "--genre" must be specified' }],
        ['--genre Linux --ttl <|3|>', { fails: 'osf: bad value for option "--ttl", or out of range (0-2).' }],
        ['--genre Linux --log <|x|>', { fails: 'osf: bad value for option "--log", or out of range (0-2).' }],
        ['--genre Linux <|! --ttl 1|>', { fails: 'osf: option "--ttl" cannot be inverted.' }],
      ],
      lists: [['! --genre Linux --ttl 1', 'OS fingerprint match ! Linux']],
      packets: [
        ['--genre Alpha', alpha, 'match'],
        // The inversion changes nothing.
        ['! --genre Alpha', alpha, 'match'],
        ['! --genre Beta', alpha, 'no match'],
        ['--genre Alpha', syn({ window: 1001 }), 'no match'],
        ['--genre Alpha', syn({ window: 1000, options: [] }), 'no match'],
        ['--genre Alpha', syn({ window: 1000, df: true }), 'no match'],
        ['--genre Alpha', syn({ window: 1000, flags: 'SA' }), 'match'],
        ['--genre Alpha', syn({ window: 1000, flags: 'A' }), 'no match'],
        ['--genre Alpha', syn({ window: 1000, ttl: 63 }), 'no match'],
        ['--genre Alpha --ttl 1', syn({ window: 1000, ttl: 63 }), 'match'],
        ['--genre Alpha --ttl 1', syn({ window: 1000, ttl: 65 }), 'no match'],
        ['--genre Alpha --ttl 2', syn({ window: 1000, ttl: 65 }), 'match'],
        ['--genre Beta --ttl 1', alpha, 'match'],
        ['--genre Gamma', gamma, 'match'],
        ['--genre Gamma', syn({ window: 4 * 1448, options: gammaOptions(1300), df: true }), 'match'],
        ['--genre Gamma', syn({ window: 4 * 1460, options: gammaOptions(1300), df: true }), 'match'],
        ['--genre Gamma', syn({ window: 4 * 1301, options: gammaOptions(1300), df: true }), 'no match'],
        ['--genre Delta', syn({ window: 2 * 1340, options: mss(1300) }), 'match'],
        ['--genre Delta', syn({ window: 2 * 1300, options: mss(1300) }), 'no match'],
        ['--genre Epsilon', syn({ window: 800, options: [] }), 'match'],
        ['--genre Epsilon', syn({ window: 0, options: [] }), 'match'],
        ['--genre Epsilon', syn({ window: 801, options: [] }), 'no match'],
        // With --log any that is known matches.
        ['--genre Nosuch', alpha, 'no match'],
        ['--genre Nosuch --log 0', alpha, 'match'],
        ['--genre Nosuch --log 1', gamma, 'match'],
        ['--genre Nosuch --log 2', syn({ window: 1001 }), 'no match'],
        // Nobody knows any system.
        ['--genre Alpha', { packet: alpha, services: { fingerprints: () => [] } }, 'no match'],
      ],
    },
    generate: (dice) =>
      `${dice.chance(0.1) ? '' : '-p tcp'} ; ${some(
        dice,
        [
          `${not(dice)}--genre ${dice.pick(['Linux', 'Windows', 'x'.repeat(31), 'x'.repeat(33), 'a-b', '.'])}`,
          `--ttl ${number(dice, 2)}`,
          `--log ${number(dice, 2)}`,
        ],
        0.8,
      )}`,
  }),
];
