import { DNAT } from '../../../targets/DNAT.ts';
import { MASQUERADE } from '../../../targets/MASQUERADE.ts';
import { NETMAP } from '../../../targets/NETMAP.ts';
import { REDIRECT } from '../../../targets/REDIRECT.ts';
import { SNAT } from '../../../targets/SNAT.ts';
import type { RuleRow } from '../../../testing/ext-cases.ts';
import type { Subject } from './subject.ts';

const NEED = 'Need TCP, UDP, SCTP or DCCP with port specification';

/** What --to-source and --to-destination have in common. */
const range = (option: string): RuleRow[] => [
  [`--to 1.2.3.4`, `${option} 1.2.3.4`, 4],
  [`${option} 1.2.3.4-1.2.3.9`, '=', 4],
  [`${option} 1.2.3.4-1.2.3.4`, `${option} 1.2.3.4`, 4],
  [`${option} 1.2.3.9-1.2.3.4`, '=', 4],
  [`-p tcp ; ${option} 1.2.3.4:80`, '=', 4],
  [`-p udp ; ${option} 1.2.3.4:80-90`, '=', 4],
  [`-p sctp ; ${option} 1.2.3.4:80-80`, `${option} 1.2.3.4:80`, 4],
  [`-p dccp ; ${option} 1.2.3.4-1.2.3.9:80-90`, '=', 4],
  [`-p icmp ; ${option} 1.2.3.4:80`, '=', 4],
  [`! -p tcp ; ${option} :80-90`, '='],
  [`-p tcp ; ${option} 1.2.3.4:0`, '=', 4],
  [`-p tcp ; ${option} 1.2.3.4:http`, `${option} 1.2.3.4:80`, 4],
  [`-p tcp ; ${option} 1.2.3.4:0x50`, `${option} 1.2.3.4:80`, 4],
  [`-p tcp ; ${option} 1.2.3.4:010`, `${option} 1.2.3.4:8`, 4],
  [`${option} fd00::1`, '=', 6],
  [`${option} [fd00::1]`, `${option} fd00::1`, 6],
  [`${option} fd00::1-fd00::9`, '=', 6],
  [`${option} [fd00::1-fd00::9]`, `${option} fd00::1-fd00::9`, 6],
  [`-p tcp ; ${option} [fd00::1]:80-90`, '=', 6],
  [`-p tcp ; ${option} [fd00::1-fd00::9]:80`, '=', 6],
  [`-p icmp ; ${option} [fd00::1]:80`, '=', 6],
  // With two colons it is an address, and what stands around brackets is not looked at.
  [`-p tcp ; ${option} fd00::1:80`, '=', 6],
  [`-p tcp ; ${option} x[fd00::1]y:80`, `${option} [fd00::1]:80`, 6],
  [`-p tcp ; ${option} []:80`, `${option} :80`, 6],
  [`${option} 1.2.3.4 --persistent --random`, `${option} 1.2.3.4 --random --persistent`, 4],
  [`${option} <|1.2.3.4:80|>`, { fails: NEED }, 4],
  [`-p gre ; ${option} <|1.2.3.4:80|>`, { fails: NEED }, 4],
  [`-p icmpv6 ; ${option} <|[fd00::1]:80|>`, { fails: NEED }, 6],
  [`-p tcp ; ${option} <|1.2.3.4:90-80|>`, { fails: "Port range `80' funky" }, 4],
  [`-p tcp ; ${option} <|1.2.3.4:65536|>`, { fails: "Port `65536' not valid" }, 4],
  [`-p tcp ; ${option} <|1.2.3.4:80-http|>`, { fails: "Port `http' not valid" }, 4],
  [`-p tcp ; ${option} <|1.2.3.4:http-90|>`, { fails: "Port `http-90' not valid" }, 4],
  [`-p tcp ; ${option} <|1.2.3.4:|>`, { fails: "Port `' not valid" }, 4],
  [`-p tcp ; ${option} <|1.2.3.4:80/3|>`, { fails: "Garbage after port value: `/3'" }, 4],
  [`-p tcp ; ${option} <|1.2.3.4:80-90x|>`, { fails: "Garbage after port range: `x'" }, 4],
  [`${option} <|1.2.3|>`, { fails: 'Bad IP address "1.2.3"' }, 4],
  [`${option} <|1.2.3.4-|>`, { fails: 'Bad IP address ""' }, 4],
  [`${option} <|1.2.3.4/24|>`, { fails: 'Bad IP address "1.2.3.4/24"' }, 4],
  [`${option} <|1.2.3.4:1:2|>`, { fails: 'Bad IP address "1.2.3.4:1:2"' }, 4],
  [`${option} <|[1.2.3.4]|>`, { fails: 'Invalid address format' }, 4],
  [`${option} <|[fd00::1|>`, { fails: 'Invalid address format' }, 6],
  [`${option} <|fd00::1%lo|>`, { fails: 'Bad IP address "fd00::1%lo"' }, 6],
  [`${option} <|""|>`, { fails: 'Bad IP address ""' }],
];

export const nat: readonly Subject[] = [
  {
    target: SNAT,
    table: 'nat',
    chain: 'POSTROUTING',
    rules: [
      ...range('--to-source'),
      ['--to-source fd00::1 --random-fully', '=', 6],
      ['', { fails: 'SNAT: option "--to-source" must be specified' }],
    ],
    // There is no room for the base port of a shifted range, but its mark stays.
    oneWay: [['-p tcp ; --to-source 1.2.3.4:80-90/3', '--to-source 1.2.3.4:80-90/0', 4]],
    lists: [],
  },
  {
    target: DNAT,
    table: 'nat',
    chain: 'PREROUTING',
    rules: [
      ...range('--to-destination'),
      ['-p tcp ; --to-destination 1.2.3.4:80-90/3', '=', 4],
      ['-p tcp ; --to-destination 1.2.3.4:80-90/http', '--to-destination 1.2.3.4:80-90/80', 4],
      ['-p tcp ; --to-destination 1.2.3.4:80-90/3x', '--to-destination 1.2.3.4:80-90/3', 4],
      ['-p tcp ; --to-destination <|1.2.3.4:80-90/0|>', { fails: "Port `0' not valid" }, 4],
      ['--to-destination 1.2.3.4 <|--random-fully|>', { fails: 'unknown option "--random-fully"' }, 4],
      ['', { fails: 'DNAT: option "--to-destination" must be specified' }],
    ],
    oneWay: [['-p tcp ; --to-destination [fd00::1]:80-80/7', '--to-destination [fd00::1]:80/7', 6]],
    lists: [],
  },
  {
    target: MASQUERADE,
    table: 'nat',
    chain: 'POSTROUTING',
    rules: [
      ['', '='],
      ['-p tcp ; --to-ports 80', '='],
      ['-p icmp ; --to-ports 80-90', '='],
      ['-p tcp ; --random-fully --random --to-ports domain', '--to-ports 53 --random --random-fully'],
      ['--to-ports <|80|>', { fails: NEED }],
      ['-p tcp ; --to-ports <|80:90|>', { fails: 'Invalid port:port syntax - use dash' }],
      ['-p tcp ; --to-ports <|90-80|>', { fails: "Port range `80' funky" }],
      ['-p tcp ; --to-ports <|80x|>', { fails: "Garbage after port value: `x'" }],
      ['-p tcp ; --to-ports <|HTTP|>', { fails: "Port `HTTP' not valid" }],
    ],
    oneWay: [['-p tcp ; --to-ports 80-90/3', '--to-ports 80-90/0']],
    lists: [
      ['', ''],
      ['-p tcp ; --to-ports 80-90 --random', 'masq ports: 80-90 random'],
    ],
  },
  {
    target: REDIRECT,
    table: 'nat',
    chain: 'PREROUTING',
    rules: [
      ['', '='],
      ['--random', '='],
      ['-p tcp ; --random --to-ports http', '--to-ports 80 --random'],
      ['-p tcp ; <|--to-ports 80-90/3|>', { fails: 'Shifted portmap ranges not supported with this kernel' }],
      ['-p tcp ; --to-ports <|80-90/0|>', { fails: "Port `0' not valid" }],
    ],
    lists: [['-p tcp ; --to-ports 80-90 --random', 'redir ports 80-90 random']],
  },
  {
    target: NETMAP,
    table: 'nat',
    chain: 'POSTROUTING',
    rules: [
      ['--to 1.2.3.4/24', '--to 1.2.3.0/24', 4],
      ['--to 1.2.3.4', '--to 1.2.3.4/32', 4],
      ['--to 1.2.3.0/255.255.255.0', '--to 1.2.3.0/24', 4],
      ['--to 1.2.3.0/255.0.255.0', '--to 1.2.3.0/32', 4],
      ['--to 1.2.3.0/33', '--to 1.2.3.0/32', 4],
      ['--to 10/8', '--to 0.0.0.0/8', 4],
      ['--to fd00::1/64', '--to fd00::/64', 6],
      ['--to fd00::1', '--to fd00::1/128', 6],
      ['--to fd00::/ffff::', '--to fd00::/16', 6],
      ['--to ::/0', '=', 6],
      [
        '--to <|fd00::/129|>',
        { fails: 'NETMAP: bad value for option "--to", neither a valid network mask nor valid CIDR (0-128).' },
        6,
      ],
      ['', { fails: 'NETMAP: option "--to" must be specified' }],
    ],
    lists: [],
  },
];
