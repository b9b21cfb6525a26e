import { time as match } from '../../matches/time.ts';
import { ip6, udp } from '../../packet/build.ts';
import type { PacketSetup } from '../../testing/ext-cases.ts';
import { list, not, sheet, some } from './sheet.ts';

/** A packet at that time, UTC; the kernel's zone is two hours east. */
const at = (text: string): PacketSetup => ({
  packet: ip6({}, udp()),
  now: 5_000,
  services: {
    wallClock: { seconds: (now) => Date.parse(`${text}Z`) / 1000 + (now - 5_000) / 1000, minutesWest: -120 },
  },
});

const END = '--datestop 2038-01-19T03:14:07';

export const sheets = [
  sheet({
    match,
    rows: {
      rules: [
        ['', END],
        ['--timestart 10:00', `--timestart 10:00:00 --timestop 23:59:59 ${END}`],
        ['--timestop 1:2:3 --utc', `--timestart 00:00:00 --timestop 01:02:03 ${END}`],
        ['--timestart :10 --timestop 10:', `--timestart 00:10:00 --timestop 10:00:00 ${END}`],
        ['--timestop 23:59:59', END],
        ['--weekdays 7,Mo,Tuesday', `--weekdays Mon,Tue,Sun ${END}`],
        ['! --weekdays Mon', `--weekdays Tue,Wed,Thu,Fri,Sat,Sun ${END}`],
        ['! --weekdays ""', END],
        ['--monthdays 1,,031,15', `--monthdays 1,15,3 ${END}`.replace('1,15,3 ', '1,3,15 ')],
        [
          '! --monthdays 2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30',
          `--monthdays 1,31 ${END}`,
        ],
        ['--datestart 2020-2-3T4:5:6', `--datestart 2020-02-03T04:05:06 ${END}`],
        ['--datestart 2020-02-30', `--datestart 2020-03-01T00:00:00 ${END}`],
        // What is left out behind a separator is 0: the month, or the day, before the first.
        ['--datestart 2020-', `--datestart 2019-12-01T00:00:00 ${END}`],
        ['--datestart 2020-03-', `--datestart 2020-02-29T00:00:00 ${END}`],
        ['--datestop 2021', '--datestop 2021-01-01T00:00:00'],
        ['--datestart <|1970-|>', { fails: 'mktime returned an error' }],
        ['--localtz', `${END} --kerneltz`],
        [
          '--timestart 10:00 --timestop 9:00 --contiguous',
          `--timestart 10:00:00 --timestop 09:00:00 ${END} --contiguous`,
        ],
        [
          '--timestart <|24:00|>',
          { fails: 'invalid time "24:00" specified, should be hh:mm[:ss] format and within the boundaries' },
        ],
        ['--timestart <|10:60|>', { fails: 'invalid time "60" specified' }],
        ['--datestart <|2039|>', { fails: 'Invalid date "2039" specified. Should be YYYY[-MM[-DD[Thh[:mm[:ss]]]]]' }],
        ['--datestart <|2020-02-03T24|>', { fails: 'Invalid date "2020-02-03T24" specified.' }],
        ['--weekdays <|0|>', { fails: 'No, the week does NOT begin with Sunday.' }],
        // Three letters are read, of which two count.
        ['--weekdays <|monday|>', { fails: 'mon is not a valid day specifier' }],
        ['--monthdays <|32|>', { fails: '32 is not a valid day for --monthdays' }],
        ['--utc <|--kerneltz|>', { fails: 'time: option "--utc" cannot be used together with "--kerneltz".' }],
        ['<|--contiguous|>', { fails: 'time: --contiguous only makes sense when stoptime is smaller than starttime' }],
      ],
      lists: [
        ['', 'TIME UTC'],
        [
          '--timestart 10:00 --weekdays Fri,Mon --monthdays 1,12,22 --datestart 2020-01-01T10:11:12 --datestop 2030 --kerneltz',
          'TIME from 10:00:00 to 23:59:59 on Mon,Fri on 1st,12nd,22nd starting from 2020-01-01 10:11:12 until date 2030-01-01 00:00:00',
        ],
      ],
      packets: [
        ['--timestart 10:00 --timestop 12:00', at('2026-11-23T10:00:00'), 'match'],
        ['--timestart 10:00 --timestop 12:00', at('2026-11-23T12:00:00'), 'match'],
        ['--timestart 10:00 --timestop 12:00', at('2026-11-23T12:00:01'), 'no match'],
        ['--timestart 10:00 --timestop 12:00', at('2026-11-23T09:59:59'), 'no match'],
        // Across midnight.
        ['--timestart 23:00 --timestop 1:00', at('2026-11-23T00:30:00'), 'match'],
        ['--timestart 23:00 --timestop 1:00', at('2026-11-23T23:30:00'), 'match'],
        ['--timestart 23:00 --timestop 1:00', at('2026-11-23T12:00:00'), 'no match'],
        ['--weekdays Mon', at('2026-11-23T23:59:59'), 'match'],
        ['--weekdays Mon', at('2026-11-24T00:00:00'), 'no match'],
        ['! --weekdays Mon', at('2026-11-24T00:00:00'), 'match'],
        ['--weekdays Mon --timestart 23:00 --timestop 1:00', at('2026-11-24T00:30:00'), 'no match'],
        ['--weekdays Mon --timestart 23:00 --timestop 1:00 --contiguous', at('2026-11-24T00:30:00'), 'match'],
        ['--weekdays Mon --timestart 23:00 --timestop 1:00 --contiguous', at('2026-11-23T00:30:00'), 'no match'],
        ['--monthdays 29', at('2028-02-29T12:00:00'), 'match'],
        ['--monthdays 29', at('2027-03-01T12:00:00'), 'no match'],
        ['--monthdays 31', at('2026-12-31T23:59:59'), 'match'],
        ['--datestart 2026-11-23T12:00', at('2026-11-23T12:00:00'), 'match'],
        ['--datestart 2026-11-23T12:00', at('2026-11-23T11:59:59'), 'no match'],
        ['--datestop 2026-11-23T12:00', at('2026-11-23T12:00:00'), 'match'],
        ['--datestop 2026-11-23T12:00', at('2026-11-23T12:00:01'), 'no match'],
        ['--timestart 12:00 --timestop 12:30', at('2026-11-23T10:15:00'), 'no match'],
        ['--timestart 12:00 --timestop 12:30 --kerneltz', at('2026-11-23T10:15:00'), 'match'],
        ['--weekdays ""', at('2026-11-23T10:15:00'), 'no match'],
      ],
    },
    generate: (dice) => {
      const time = (): string =>
        dice.weighted([
          [8, `${dice.int(0, 23)}:${dice.int(0, 59)}${dice.chance(0.5) ? `:${dice.int(0, 59)}` : ''}`],
          [1, dice.pick(['24:00', '10', '10:', ':5', '0:0', '23:59:59', '1:2:3:4', 'x', '1:x', '-1:0'])],
        ]);
      const date = (): string => {
        const parts = [
          `${dice.pick([1969, 2039, dice.int(1971, 2038)])}`,
          `-${dice.int(0, 13)}`,
          `-${dice.int(0, 32)}`,
          `T${dice.int(0, 24)}`,
          `:${dice.int(0, 60)}`,
          `:${dice.int(0, 60)}`,
        ];
        return (
          parts.slice(0, dice.int(1, 6)).join('') +
          dice.weighted([
            [8, ''],
            [0.5, '-'],
            [0.5, 'T'],
            [0.5, 'x'],
          ])
        );
      };
      return some(
        dice,
        [
          `--timestart ${time()}`,
          `--timestop ${time()}`,
          `${not(dice)}--weekdays ${list(dice, ['Mon', 'Tue', 'We', 'Thursday', 'Fri', 'Sat', 'Sun', '1', '7', '8', 'Fro', ''])}`,
          `${not(dice)}--monthdays ${list(dice, ['1', '2', '15', '31', '030', '32', '0', 'x', ''])}`,
          `--datestart ${date()}`,
          `--datestop ${date()}`,
          dice.pick(['--utc', '--kerneltz', '--localtz', '--utc --kerneltz']),
          '--contiguous',
        ],
        0.3,
      );
    },
  }),
];
