import { limit as match } from '../../matches/limit.ts';
import { number, sheet, some } from './sheet.ts';

export const sheets = [
  sheet({
    match,
    rows: {
      rules: [
        ['', '--limit 3/hour'],
        ['--limit 5', '--limit 5/sec'],
        ['--limit 60/min', '--limit 1/sec'],
        ['--limit 24/DAY', '--limit 1/hour'],
        ['--limit 61/minute', '--limit 61/min'],
        // Kept in units of 1/10,000 second.
        ['--limit 300/s', '--limit 303/sec'],
        ['--limit 9999/s', '--limit 10000/sec'],
        ['--limit 5.5/s', '--limit 5/sec'],
        ['--limit 010/s', '--limit 10/sec'],
        ['--limit 4294967297/s', '--limit 1/sec'],
        ['--limit-burst 5', '--limit 3/hour'],
        ['--limit-burst 0x10 --limit 1/h', '--limit 1/hour --limit-burst 16'],
        ['--limit 1/hour --limit-burst 10000', '='],
        ['--limit <|10001/sec|>', { fails: 'Rate too fast "10001/sec"' }],
        ['--limit <|0|>', { fails: 'bad rate "0"\'' }],
        ['--limit <|5/fortnight|>', { fails: 'bad rate "5/fortnight"\'' }],
        ['--limit <|5/|>', { fails: 'bad rate "5/"\'' }],
        [
          '--limit-burst <|10001|>',
          { fails: 'limit: bad value for option "--limit-burst", or out of range (0-10000).' },
        ],
        ['<|! --limit 5/s|>', { fails: 'limit: option "--limit" cannot be inverted.' }],
      ],
      lists: [['--limit 7/min --limit-burst 9', 'limit: avg 7/min burst 9']],
    },
    generate: (dice) =>
      some(
        dice,
        [
          `--limit ${dice.weighted([
            [6, dice.int(1, 100).toString()],
            [2, dice.int(1, 700_000).toString()],
            [1, number(dice, 0xffff_ffff)],
          ])}${dice.weighted([
            [8, `/${dice.pick(['second', 'minute', 'hour', 'day', 's', 'm', 'h', 'd', 'sec', 'min', 'MIN'])}`],
            [1, ''],
            [0.5, '/'],
            [0.5, '/week'],
          ])}`,
          `--limit-burst ${number(dice, 10_000)}`,
        ],
        0.7,
      ),
  }),
];
