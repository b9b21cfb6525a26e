import type { Family } from '../../../packet/numbers.ts';
import { SET } from '../../../targets/SET.ts';
import { SYNPROXY } from '../../../targets/SYNPROXY.ts';
import { TPROXY } from '../../../targets/TPROXY.ts';
import type { Subject } from './subject.ts';

const sets = (family: Family): string =>
  ['foo', 'b_r']
    .map((name) => `ipset create ${name} hash:ip,port timeout 100 skbinfo family ${family === 4 ? 'inet' : 'inet6'}`)
    .join('; ');

export const diversions: readonly Subject[] = [
  {
    target: SET,
    table: 'mangle',
    chain: 'POSTROUTING',
    setup: sets,
    rules: [
      ['--add-set foo src', '='],
      ['--add-set foo src,dst --exist --timeout 10', '='],
      ['--timeout 0 --exist --add-set foo dst', '--add-set foo dst --exist --timeout 0'],
      // The mark in front is read, and means nothing.
      ['! --add-set foo src', '--add-set foo src'],
      ['--add-set foo src --timeout 1 --timeout 2', '--add-set foo src --timeout 2'],
      ['--del-set foo src --add-set foo dst', '--add-set foo dst --del-set foo src'],
      ['--map-queue --map-set foo src --map-prio --map-mark', '--map-set foo src --map-mark --map-prio --map-queue'],
      ['--map-set foo src --map-mark --add-set b_r dst', '--add-set b_r dst --map-set foo src --map-mark'],
      ['', { fails: "You must specify either `--add-set' or `--del-set' or `--map-set'" }],
      ['--exist', { fails: "You must specify either `--add-set' or `--del-set' or `--map-set'" }],
      ['--del-set foo dst --exist', { fails: "Flag `--exist' can be used with `--add-set' only" }],
      ['--del-set foo dst --timeout 5', { fails: "Option `--timeout' can be used with `--add-set' only" }],
      ['--add-set foo src --map-mark', { fails: "Flag `--map-mark' can be used with `--map-set' only" }],
      ['--map-set foo src', { fails: "You must specify flags `--map-mark' or '--map-prio` or `--map-queue'" }],
      ['--add-set foo', { fails: '--add-set requires two args.' }],
      ['--add-set foo src,bar', { fails: "You must spefify (the comma separated list of) 'src' or 'dst'." }],
      ['--add-set foo src,dst,src,dst,src,dst,src', { fails: "Can't be more src/dst options than 6." }],
      [
        '--add-set 01234567890123456789012345678901 src',
        { fails: "setname `01234567890123456789012345678901' too long, max 31 characters." },
      ],
      [
        '--add-set foo src --timeout <|4294967295|>',
        { fails: 'Invalid value for option --timeout or out of range 0-4294967294' },
      ],
      ['--add-set foo src <|--add-set foo dst|>', { fails: '--add-set can be specified only once' }],
    ],
    lists: [
      ['--add-set foo src --exist --timeout 10 --del-set b_r dst', 'add-set foo src exist timeout 10 del-set b_r dst'],
      ['--map-set foo src --map-mark --map-queue', 'map-set foo src map-mark map-queue'],
    ],
  },
  {
    target: SYNPROXY,
    table: 'filter',
    chain: 'INPUT',
    frame: '-p tcp',
    rules: [
      ['', '='],
      ['--sack-perm --timestamp --wscale 7 --mss 1460 --ecn', '='],
      ['--ecn --mss 0 --wscale 0', '--wscale 0 --mss 0 --ecn'],
      ['--wscale 256 --mss 65537', '--wscale 0 --mss 1'],
      ['<|--timestamps|>', { fails: 'unknown option "--timestamps"' }],
      ['--mss <|4294967296|>', { fails: 'SYNPROXY: bad value for option "--mss", or out of range (0-4294967295).' }],
      ['--mss 1 <|--mss 2|>', { fails: 'SYNPROXY: option "--mss" can only be used once.' }],
    ],
    lists: [
      ['', 'SYNPROXY '],
      ['--sack-perm --timestamp --wscale 7 --mss 1460 --ecn', 'SYNPROXY sack-perm timestamp wscale 7 mss 1460 ecn '],
    ],
  },
  {
    target: TPROXY,
    table: 'mangle',
    chain: 'PREROUTING',
    frame: '-p tcp',
    rules: [
      ['--on-port 80', '--on-port 80 --on-ip 0.0.0.0 --tproxy-mark 0x0/0x0', 4],
      ['--on-port 80', '--on-port 80 --on-ip :: --tproxy-mark 0x0/0x0', 6],
      [
        '-p udp ; --on-ip fd00::1 --on-port 0 --tproxy-mark 1',
        '--on-port 0 --on-ip fd00::1 --tproxy-mark 0x1/0xffffffff',
        6,
      ],
      ['--on-port 80 --on-ip 1.2.3.4 --tproxy-mark 0x8/0x20', '=', 4],
      ['--on-port 65536 --on-ip 1.2.3.4', '--on-port 0 --on-ip 1.2.3.4 --tproxy-mark 0x0/0x0', 4],
      ['', { fails: 'TPROXY: option "--on-port" must be specified' }],
      ['--on-port <|0x50|>', { fails: 'Port "0x50" does not resolve to anything.' }],
      [
        '--on-port 80 --tproxy-mark <|x|>',
        { fails: 'TPROXY: bad integer value for option "--tproxy-mark", or out of range.' },
      ],
    ],
    lists: [],
  },
];
