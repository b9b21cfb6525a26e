import { DSCP_CLASSES } from '../../../packet/traffic-class.ts';
import { CHECKSUM } from '../../../targets/CHECKSUM.ts';
import { CLASSIFY } from '../../../targets/CLASSIFY.ts';
import { DSCP } from '../../../targets/DSCP.ts';
import { ECN } from '../../../targets/ECN.ts';
import { HL } from '../../../targets/HL.ts';
import { TCPMSS } from '../../../targets/TCPMSS.ts';
import { TCPOPTSTRIP } from '../../../targets/TCPOPTSTRIP.ts';
import { TOS } from '../../../targets/TOS.ts';
import { TTL } from '../../../targets/TTL.ts';
import type { RuleRow } from '../../../testing/ext-cases.ts';
import { exclusive, type Subject } from './subject.ts';

const pair = (value: number): string => `0x${value.toString(16).padStart(2, '0')}`;

const hops = (target: typeof TTL | typeof HL, prefix: string): Subject => ({
  target,
  table: 'mangle',
  chain: 'FORWARD',
  rules: [
    [`--${prefix}-set 64`, '='],
    [`--${prefix}-set 0`, '='],
    [`--${prefix}-set 0x40`, `--${prefix}-set 64`],
    [`--${prefix}-inc 1`, '='],
    [`--${prefix}-dec 255`, '='],
    [
      `--${prefix}-set <|256|>`,
      { fails: `${target.name}: bad value for option "--${prefix}-set", or out of range (0-255).` },
    ],
    [
      `--${prefix}-inc <|0|>`,
      { fails: `${target.name}: bad value for option "--${prefix}-inc", or out of range (1-255).` },
    ],
    [
      `--${prefix}-dec <|x|>`,
      { fails: `${target.name}: bad value for option "--${prefix}-dec", or out of range (1-255).` },
    ],
    ['', { fails: `${target.name}: You must specify an action` }],
    [`<|! --${prefix}-inc 1|>`, { fails: `${target.name}: option "--${prefix}-inc" cannot be inverted.` }],
    ...exclusive(target.name, [`--${prefix}-set 1`, `--${prefix}-dec 1`, `--${prefix}-inc 1`]),
  ],
  lists: [
    [`--${prefix}-set 64`, `${target.name} set to 64`],
    [`--${prefix}-inc 1`, `${target.name} increment by 1`],
    [`--${prefix}-dec 255`, `${target.name} decrement by 255`],
  ],
});

export const headers: readonly Subject[] = [
  hops(TTL, 'ttl'),
  hops(HL, 'hl'),
  {
    target: DSCP,
    table: 'mangle',
    chain: 'POSTROUTING',
    rules: [
      ['--set-dscp 10', '--set-dscp 0x0a'],
      ['--set-dscp 0x3f', '='],
      ['--set-dscp 010', '--set-dscp 0x08'],
      ...Object.entries(DSCP_CLASSES).map(
        ([name, value]): RuleRow => [`--set-dscp-class ${name}`, `--set-dscp ${pair(value)}`],
      ),
      ['--set-dscp-class ef', '--set-dscp 0x2e'],
      ['--set-dscp-class <|AF44|>', { fails: "Invalid DSCP value `AF44'", hint: 'AF43' }],
      ['--set-dscp-class <|10|>', { fails: "Invalid DSCP value `10'" }],
      ['--set-dscp-class <|toString|>', { fails: "Invalid DSCP value `toString'" }],
      ['--set-dscp <|64|>', { fails: 'DSCP: bad value for option "--set-dscp", or out of range (0-63).' }],
      ['<|! --set-dscp 1|>', { fails: 'DSCP: option "--set-dscp" cannot be inverted.' }],
      ...exclusive('DSCP', ['--set-dscp 1', '--set-dscp-class EF']),
      ['', { fails: 'DSCP target: Parameter --set-dscp is required' }],
    ],
    lists: [['--set-dscp-class EF', 'DSCP set 0x2e']],
  },
  {
    target: TOS,
    table: 'mangle',
    chain: 'OUTPUT',
    rules: [
      ['--set-tos 0x10', '--set-tos 0x10/0xff'],
      ['--set-tos 0x10/0x3f', '='],
      ['--set-tos 1/2', '--set-tos 0x01/0x02'],
      ['--set-tos minimize-delay', '--set-tos 0x10/0x3f'],
      ['--set-tos Maximize-Throughput', '--set-tos 0x08/0x3f'],
      ['--set-tos Maximize-Reliability', '--set-tos 0x04/0x3f'],
      ['--set-tos Minimize-Cost', '--set-tos 0x02/0x3f'],
      ['--set-tos Normal-Service', '--set-tos 0x00/0x3f'],
      ['--and-tos 0x3f', '--set-tos 0x00/0xc0'],
      ['--or-tos 0x3f', '--set-tos 0x3f/0x3f'],
      ['--xor-tos 0x3f', '--set-tos 0x3f/0x00'],
      ['--set-tos <|Mini|>', { fails: 'Symbolic name "Mini" is unknown', hint: 'Minimize-Cost' }],
      ['--set-tos <|256|>', { fails: 'Symbolic name "256" is unknown' }],
      ['--set-tos <|1/|>', { fails: 'Illegal value: "1/"' }],
      ['--set-tos <|1/256|>', { fails: 'Illegal value: "1/256"' }],
      ['--set-tos <|1x|>', { fails: 'Illegal value: "1x"' }],
      ['--set-tos <|Minimize-Delay/0xff|>', { fails: 'Symbolic name "Minimize-Delay/0xff" is unknown' }],
      ['--and-tos <|256|>', { fails: 'TOS: bad value for option "--and-tos", or out of range (0-255).' }],
      ['', { fails: 'TOS: An action is required' }],
      ...exclusive('TOS', ['--set-tos 1', '--and-tos 1', '--or-tos 1', '--xor-tos 1']),
    ],
    lists: [
      ['--set-tos 0x10', 'TOS set 0x10/0xff'],
      ['--set-tos 3/0x3f', 'TOS set 0x03/0x3f'],
      ['--set-tos Minimize-Cost', 'TOS set 0x02/0x3f', ' TOS setMinimize-Cost'],
      ['--and-tos 0x3f', 'TOS set 0x00/0xc0', 'TOS and 0x3f'],
      ['--or-tos 8', 'TOS set 0x08/0x08', 'TOS or 0x08'],
      ['--xor-tos 5', 'TOS set 0x05/0x00', 'TOS xor 0x05'],
    ],
  },
  {
    target: CLASSIFY,
    table: 'mangle',
    chain: 'POSTROUTING',
    rules: [
      ['--set-class 1:2', '--set-class 0001:0002'],
      ['--set-class ffff:0', '--set-class ffff:0000'],
      ['--set-class 0x1:0xA', '--set-class 0001:000a'],
      // Cut to 16 bits without a word, and what follows is not looked at.
      ['--set-class 12345:123456', '--set-class 2345:3456'],
      ['--set-class 1:2:3', '--set-class 0001:0002'],
      ['--set-class 1:2x', '--set-class 0001:0002'],
      ['--set-class -1:2', '--set-class ffff:0002'],
      ['--set-class 1:-2', '--set-class 0001:fffe'],
      ['--set-class "1: 2"', '--set-class 0001:0002'],
      ['--set-class 123456789abcdef01:1', '--set-class ffff:0001'],
      ['--set-class 0x:2', '--set-class 0000:0002'],
      ['--set-class <|1|>', { fails: 'Bad class value "1"' }],
      ['--set-class <|1:|>', { fails: 'Bad class value "1:"' }],
      ['--set-class <|:1|>', { fails: 'Bad class value ":1"' }],
      ['--set-class <|"1 :2"|>', { fails: 'Bad class value "1 :2"' }],
      ['--set-class <|x:1|>', { fails: 'Bad class value "x:1"' }],
      ['', { fails: 'CLASSIFY: option "--set-class" must be specified' }],
    ],
    lists: [['--set-class 1:ffff', 'CLASSIFY set 1:ffff']],
  },
  {
    target: CHECKSUM,
    table: 'mangle',
    chain: 'POSTROUTING',
    rules: [
      ['--checksum-fill', '='],
      ['-p udp ; --checksum-fill', '='],
      ['', { fails: 'CHECKSUM: option "--checksum-fill" must be specified' }],
    ],
    lists: [['--checksum-fill', 'CHECKSUM fill']],
  },
  {
    target: ECN,
    table: 'mangle',
    chain: 'FORWARD',
    frame: '-p tcp',
    rules: [
      ['--ecn-tcp-remove', '='],
      ['--ecn-tcp-cwr 0', '='],
      ['--ecn-tcp-ece 1', '='],
      ['--ecn-ip-ect 2 --ecn-tcp-cwr 1 --ecn-tcp-ece 0', '--ecn-tcp-ece 0 --ecn-tcp-cwr 1 --ecn-ip-ect 2'],
      ['--ecn-tcp-ece 0 --ecn-tcp-cwr 0', '--ecn-tcp-remove'],
      // The tool's own forgetfulness.
      ['--ecn-ip-ect 1 --ecn-tcp-remove', '--ecn-tcp-remove'],
      ['--ecn-tcp-remove --ecn-ip-ect 1', '--ecn-tcp-ece 0 --ecn-tcp-cwr 0 --ecn-ip-ect 1'],
      ['-p udp ; --ecn-ip-ect 1', '='],
      ['--ecn-tcp-cwr <|2|>', { fails: 'ECN: bad value for option "--ecn-tcp-cwr", or out of range (0-1).' }],
      ['--ecn-ip-ect <|4|>', { fails: 'ECN: bad value for option "--ecn-ip-ect", or out of range (0-3).' }],
      ['', { fails: 'ECN target: An operation is required' }],
      ...exclusive('ECN', ['--ecn-tcp-remove', '--ecn-tcp-cwr 1']),
      ...exclusive('ECN', ['--ecn-tcp-remove', '--ecn-tcp-ece 1']),
    ],
    lists: [
      ['--ecn-tcp-remove', 'ECN TCP remove'],
      ['--ecn-tcp-ece 0 --ecn-tcp-cwr 1 --ecn-ip-ect 2', 'ECN ECE=0 CWR=1 ECT codepoint=2'],
    ],
  },
  {
    target: TCPOPTSTRIP,
    table: 'mangle',
    chain: 'FORWARD',
    frame: '-p tcp',
    rules: [
      ['', '='],
      ['--strip-options wscale,mss,sack-permitted,sack,timestamp,md5', '--strip-options 2,3,4,5,8,19'],
      ['--strip-options 255,9', '--strip-options 9,255'],
      ['--strip-options 0x8', '--strip-options 8'],
      ['--strip-options <|256|>', { fails: 'Bad TCP option value "256"' }],
      ['--strip-options <|MSS|>', { fails: 'Bad TCP option value "MSS"', hint: 'sack-permitted' }],
      ['--strip-options <|2,|>', { fails: 'Bad TCP option value ""' }],
      ['--strip-options <|1|>', { fails: 'Option value may not be 0 or 1' }],
      ['--strip-options <|timestamp,8|>', { fails: 'Option "8" already specified' }],
    ],
    lists: [
      ['', ''],
      ['--strip-options md5,sack,77', 'TCPOPTSTRIP options 5,19,77', 'TCPOPTSTRIP options sack,md5,77'],
    ],
  },
  {
    target: TCPMSS,
    table: 'mangle',
    chain: 'FORWARD',
    frame: '-p tcp -m tcp --tcp-flags SYN,RST SYN',
    rules: [
      ['--set-mss 1400', '='],
      ['--set-mss 0', '='],
      ['--set-mss 0x100', '--set-mss 256'],
      ['--set-mss 65515', '=', 4],
      ['--set-mss 65495', '=', 6],
      ['--set-mss <|65516|>', { fails: 'TCPMSS: bad value for option "--set-mss", or out of range (0-65515).' }, 4],
      ['--set-mss <|65496|>', { fails: 'TCPMSS: bad value for option "--set-mss", or out of range (0-65495).' }, 6],
      ['--clamp-mss-to-pmtu', '='],
      ['--clamp', '--clamp-mss-to-pmtu'],
      // Both write into one field: the later one counts.
      ['--clamp-mss-to-pmtu --set-mss 1400', '--set-mss 1400'],
      ['--set-mss 1400 --clamp-mss-to-pmtu', '--clamp-mss-to-pmtu'],
      ['', { fails: 'TCPMSS target: At least one parameter is required' }],
      ['<|! --set-mss 1|>', { fails: 'TCPMSS: option "--set-mss" cannot be inverted.' }],
    ],
    lists: [
      ['--set-mss 1400', 'TCPMSS set 1400'],
      ['--clamp-mss-to-pmtu', 'TCPMSS clamp to PMTU'],
    ],
  },
];
