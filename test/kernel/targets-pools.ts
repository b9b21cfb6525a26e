// Words that generated rules are made of: for each option of each target some that are fine, some at the edges, some that are wrong.

import type { Family } from '../../packet/numbers.ts';
import { DSCP_CLASSES, TOS_NAMES } from '../../packet/traffic-class.ts';

interface Pool {
  /** No words: a flag. */
  readonly options: Readonly<Record<string, readonly string[] | ((family: Family) => readonly string[])>>;
  /** Instead of the subject's own frame. */
  readonly frames?: readonly string[];
}

const NUMBERS_8 = ['0', '1', '2', '63', '64', '255', '256', '0x10', '010', 'x', '1x', '-1', '""', '+5'];
const NUMBERS_16 = [...NUMBERS_8, '65535', '65536', '1500', '0xffff'];
const NUMBERS_32 = [...NUMBERS_16, '4294967295', '4294967296', '0xff00', '99999999999999999999'];
const MARKS = [...NUMBERS_32, '1/2', '0x10/0xf0', '5/5', '5/0', '0/0xffffffff', '1/', '/1', '1/x', '0/0', '1/2/3'];
const PROTOCOLS = ['', '-p tcp', '-p udp', '-p icmp', '! -p tcp', '-p gre', '-p sctp'];
const PORTS = [
  '80',
  '80-90',
  '90-80',
  '0',
  '65535',
  '65536',
  '80-80',
  '80:90',
  '80-',
  '',
  'x',
  '80-90/3',
  '0x50',
  '010-020',
];
const TEXTS = ['foo', '"foo bar "', 'a:b', '"a\\"b"', '""', "a'b", 'é', '0123456789'.repeat(7), '-x', '"a\\\\b"'];

const ADDRESSES: Record<Family, readonly string[]> = {
  4: ['1.2.3.4', '1.2.3.4-1.2.3.9', '1.2.3.9-1.2.3.4', '1.2.3', '[1.2.3.4]', '::1', '0.0.0.0', '1.2.3.256', '1.2.3.4-'],
  6: [
    'fd00::1',
    '[fd00::1]',
    'fd00::1-fd00::9',
    '[fd00::1-fd00::9]',
    '::',
    '1.2.3.4',
    '[fd00::1',
    '::ffff:1.2.3.4',
    'fd00::g',
  ],
};

/** Addresses with and without ports. */
const ranges = (family: Family): readonly string[] => [
  ...ADDRESSES[family],
  ...ADDRESSES[family].flatMap((host) => PORTS.slice(0, 8).map((port) => `${host}:${port}`)),
  ...PORTS.filter((port) => port !== '').map((port) => `:${port}`),
  '""',
];

const networks = (family: Family): readonly string[] =>
  family === 4
    ? [
        '1.2.3.4',
        '1.2.3.4/24',
        '10/8',
        '1.2.3.0/255.255.255.0',
        '1.2.3.0/255.0.255.0',
        '1.2.3.4/33',
        '0/0',
        '1.2.3.4/',
        '1.2.3.4/x',
      ]
    : ['fd00::1', 'fd00::1/64', '::/0', 'fd00::/ffff::', 'fd00::/129', 'fd00::/ffff:0:ffff::', 'fd00::/', 'fd00::/x'];

const hosts = (family: Family): readonly string[] =>
  family === 4
    ? ['10.0.0.1', '10.1', '0x01020304', '0.0.0.0', '1.2.3.4/24']
    : ['fe80::1', '::', 'fd00::1', 'fd00::1/64'];

const names = (table: Readonly<Record<string, unknown>>): string[] => Object.keys(table);

const PREFIXES: Record<Family, readonly string[]> = {
  4: ['0', '1', '24', '32', '33', '255.255.0.0', '255.0.255.0', 'x', '""'],
  6: ['0', '1', '64', '128', '129', 'ffff::', 'ffff:0:ffff::', 'x', '""'],
};
const TIMES = [
  '1s',
  '0.5s',
  '8sec',
  '9s',
  '250ms',
  '300msecs',
  '5',
  '0',
  '-1',
  'x',
  '2m',
  '100us',
  '1e1s',
  '""',
  '.5S',
];
const MEMBERS = ['foo src', 'foo src,dst', 'b_r dst', 'foo x', 'foo src,', 'foo', 'foo ""'];
const PORT_WORDS = ['80', '0', '65535', '65536', 'x', '0x50', '""', '010'];

const EVENTS = [
  'new',
  'mark,new',
  'new,',
  'foo',
  'NEW',
  '""',
  'destroy,assured,secmark',
  'natseqinfo',
  'related,related',
];
const ZONES = [...NUMBERS_16, 'mark', 'MARK', 'mar'];

export const pools: Readonly<Record<string, Pool>> = {
  REJECT: {
    frames: PROTOCOLS,
    options: {
      'reject-with': (family) => [
        ...(family === 4
          ? [
              'icmp-net-unreachable',
              'host-unreach',
              'icmp-proto-u',
              'port',
              'net-prohib',
              'icmp-host-pr',
              'tcp-rst',
              'admin',
            ]
          : [
              'icmp6-no-route',
              'adm-',
              'addr-unreach',
              'port',
              'policy-fail',
              'reject',
              'icmp6-port-unreachable',
              'no-route',
            ]),
        'tcp-reset',
        'TCP',
        'icmp6',
        'icmp',
        'echo-reply',
        'x',
        '""',
      ],
    },
  },
  LOG: {
    options: {
      'log-level': ['0', '4', '7', '8', '0x3', 'warning', 'warn', 'error', 'err', 'debug', 'panic', 'Info', '""'],
      'log-prefix': TEXTS,
      'log-tcp-sequence': [],
      'log-tcp-options': [],
      'log-ip-options': [],
      'log-uid': [],
      'log-macdecode': [],
    },
  },
  NFLOG: {
    options: {
      'nflog-group': NUMBERS_16,
      'nflog-prefix': TEXTS,
      'nflog-size': NUMBERS_32,
      'nflog-threshold': NUMBERS_16,
      'nflog-range': ['0', '100', 'x'],
    },
  },
  NFQUEUE: {
    options: {
      'queue-num': NUMBERS_16,
      'queue-balance': [
        '0:3',
        '1:65535',
        '0:65535',
        '3:1',
        '3:3',
        '3',
        '3:',
        ':3',
        ':',
        'x',
        '1-3',
        '0:65536',
        '1:2:3',
        '0x5:010',
      ],
      'queue-bypass': [],
      'queue-cpu-fanout': [],
    },
  },
  MARK: {
    options: {
      'set-xmark': MARKS,
      'set-mark': MARKS,
      'and-mark': NUMBERS_32,
      'or-mark': NUMBERS_32,
      'xor-mark': NUMBERS_32,
    },
  },
  CONNMARK: {
    options: {
      'set-xmark': MARKS,
      'set-mark': MARKS,
      'and-mark': NUMBERS_32,
      'or-mark': NUMBERS_32,
      'xor-mark': NUMBERS_32,
      'save-mark': [],
      'restore-mark': [],
      'left-shift-mark': ['0', '1', '31', '32', '33', 'x'],
      'right-shift-mark': ['0', '1', '31', '32', '33', 'x'],
      ctmask: NUMBERS_32,
      nfmask: NUMBERS_32,
      mask: NUMBERS_32,
    },
  },
  NOTRACK: { options: {} },
  TRACE: { options: {} },
  CT: {
    frames: ['', '-p tcp', '-p udp', '! -p tcp'],
    options: {
      notrack: [],
      helper: ['ftp', 'sip', 'tftp', 'irc', 'netbios-ns', 'nosuch', '""', 'Q.931', 'FTP'],
      ctevents: EVENTS,
      expevents: EVENTS,
      zone: ZONES,
      'zone-orig': ZONES,
      'zone-reply': ZONES,
      timeout: ['a', '""', 'abcd'],
    },
  },
  TTL: { options: { 'ttl-set': NUMBERS_8, 'ttl-inc': NUMBERS_8, 'ttl-dec': NUMBERS_8 } },
  HL: { options: { 'hl-set': NUMBERS_8, 'hl-inc': NUMBERS_8, 'hl-dec': NUMBERS_8 } },
  DSCP: { options: { 'set-dscp': NUMBERS_8, 'set-dscp-class': [...names(DSCP_CLASSES), 'ef', 'AF44', 'x', '""'] } },
  TOS: {
    options: {
      'set-tos': [...NUMBERS_8, ...names(TOS_NAMES), '1/2', '0x10/0x3f', '1/256', '1/', 'minimize-cost', 'Mini'],
      'and-tos': NUMBERS_8,
      'or-tos': NUMBERS_8,
      'xor-tos': NUMBERS_8,
    },
  },
  CLASSIFY: {
    options: {
      'set-class': [
        '1:2',
        'ffff:ffff',
        '0:0',
        '12345:1',
        '0x1:0x2',
        '1',
        '1:',
        ':1',
        'x:1',
        '1:x',
        '-1:-1',
        '1:2:3',
        '""',
        'a:B',
        '"1: 2"',
      ],
    },
  },
  CHECKSUM: { options: { 'checksum-fill': [] }, frames: ['', '-p udp', '-p tcp'] },
  ECN: {
    frames: ['-p tcp', '-p tcp', '', '-p udp', '! -p tcp'],
    options: {
      'ecn-tcp-remove': [],
      'ecn-tcp-cwr': ['0', '1', '2', 'x'],
      'ecn-tcp-ece': ['0', '1', '2', 'x'],
      'ecn-ip-ect': ['0', '1', '2', '3', '4', 'x'],
    },
  },
  TCPOPTSTRIP: {
    frames: ['-p tcp', '-p tcp', '', '-p udp', '! -p tcp'],
    options: {
      'strip-options': [
        'wscale',
        'mss,sack',
        'timestamp,8',
        '2,3,4',
        '255,9',
        '256',
        '0',
        '1',
        'x',
        '""',
        '2,',
        '0x8',
        'md5,MSS',
        '8x',
      ],
    },
  },
  TCPMSS: {
    frames: [
      '-p tcp -m tcp --tcp-flags SYN,RST SYN',
      '-p tcp -m tcp ! --tcp-flags SYN,RST SYN',
      '-p tcp',
      '-p udp',
      '',
    ],
    options: {
      'set-mss': [...NUMBERS_16, '65495', '65496', '65515', '65516'],
      'clamp-mss-to-pmtu': [],
    },
  },
  SNAT: { frames: PROTOCOLS, options: { 'to-source': ranges, random: [], 'random-fully': [], persistent: [] } },
  DNAT: { frames: PROTOCOLS, options: { 'to-destination': ranges, random: [], persistent: [] } },
  MASQUERADE: {
    frames: PROTOCOLS,
    options: { 'to-ports': PORTS.map((port) => port || '""'), random: [], 'random-fully': [] },
  },
  REDIRECT: { frames: PROTOCOLS, options: { 'to-ports': PORTS.map((port) => port || '""'), random: [] } },
  NETMAP: { options: { to: networks } },
  SNPT: { options: { 'src-pfx': () => networks(6), 'dst-pfx': () => [...networks(6), 'fd00::/48', '2001:db8::/64'] } },
  DNPT: { options: { 'src-pfx': () => [...networks(6), 'fd00::/48'], 'dst-pfx': () => networks(6) } },
  TEE: { options: { gateway: hosts, oif: ['lo', 'eth+', '0123456789012345678', '""'] } },
  AUDIT: { options: { type: ['accept', 'drop', 'reject', 'DROP', 'acc', '""', 'x'] } },
  CONNSECMARK: { options: { save: [], restore: [] } },
  HMARK: {
    frames: ['', '-p tcp', '-p esp'],
    options: {
      'hmark-tuple': ['src,dst', 'sport,dport', 'spi', 'proto,src', 'ct,src,dst', 'SRC', 'src,', 'x', '""', 'src,src'],
      'hmark-src-prefix': (family) => PREFIXES[family],
      'hmark-dst-prefix': (family) => PREFIXES[family],
      'hmark-sport-mask': NUMBERS_16,
      'hmark-dport-mask': NUMBERS_16,
      'hmark-spi-mask': NUMBERS_32,
      'hmark-sport': NUMBERS_16,
      'hmark-dport': NUMBERS_16,
      'hmark-spi': NUMBERS_32,
      'hmark-proto-mask': NUMBERS_16,
      // Most rules have both.
      'hmark-rnd 1 --hmark-mod': NUMBERS_32.slice(0, 8),
      'hmark-mod 7 --hmark-rnd': NUMBERS_32.slice(0, 6),
      'hmark-mod 9 --hmark-rnd': ['1', '2'],
      'hmark-rnd': ['1', '0xffffffff'],
      'hmark-mod': ['1', '100', '0xffffffff'],
      'hmark-offset': NUMBERS_32,
    },
  },
  RATEEST: {
    options: {
      'rateest-name': ['foo', 'a-b', '0123456789012345'],
      'rateest-name a --rateest-interval': [...TIMES, '250ms', '500ms'],
      'rateest-name b --rateest-interval 1s --rateest-ewmalog': [...TIMES, '3s', '100s'],
      'rateest-interval': TIMES,
      'rateest-ewmalog': [...TIMES, '100s', '10000s', '100000s'],
    },
  },
  LED: {
    options: {
      'led-trigger-id': ['foo', '"a b"', '""', '0123456789012345', '01234567890123456', '"a\\"b"', 'é'],
      'led-trigger-id a --led-delay': [...NUMBERS_32, 'inf', 'INF', 'infx'],
      'led-delay': ['5', 'x'],
      'led-always-blink': [],
    },
  },
  SECMARK: { options: { selctx: TEXTS } },
  ULOG: {
    options: {
      'ulog-nlgroup': NUMBERS_8,
      'ulog-prefix': TEXTS,
      'ulog-cprange': [...NUMBERS_32, '18446744073709551615'],
      'ulog-qthreshold': ['1', '50', '51', '0', 'x', '0x10'],
    },
  },
  CLUSTERIP: {
    options: {
      new: [],
      'new --hashmode sourceip --clustermac 01:00:5e:00:00:20 --total-nodes 2 --local-node': [
        '1',
        '16',
        '17',
        'x',
        '0',
      ],
      hashmode: ['sourceip', 'sourceip-sourceport-destport', 'x', ''],
      clustermac: ['01:00:5e:00:00:20', '1:0:5E:0:0:20', '00:00:00:00:00:01', 'x', '01:00:5e:00:00'],
      'total-nodes': ['2', '17', '0'],
      'local-node': ['1', '17'],
      'hash-init': NUMBERS_32,
    },
  },
  SET: {
    options: {
      'add-set': MEMBERS,
      'del-set': MEMBERS,
      'map-set': MEMBERS,
      exist: [],
      timeout: NUMBERS_32,
      'map-mark': [],
      'map-prio': [],
      'map-queue': [],
    },
  },
  SYNPROXY: {
    frames: ['-p tcp', '-p tcp', '', '-p udp', '! -p tcp'],
    options: { 'sack-perm': [], timestamp: [], ecn: [], wscale: NUMBERS_32, mss: NUMBERS_32 },
  },
  TPROXY: {
    frames: ['-p tcp', '-p udp', '', '! -p tcp', '-p sctp'],
    options: {
      'on-port': PORT_WORDS,
      'on-ip': (family) =>
        family === 4 ? ['1.2.3.4', '10.1', '0.0.0.0', '255.255.255.255'] : ['fd00::1', '::', 'ff02::1'],
      'on-port 80 --tproxy-mark': MARKS,
      'tproxy-mark': MARKS,
    },
  },
};
