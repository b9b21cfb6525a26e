// The options of the conntrack tool, and which of its commands takes, wants or refuses each: found by asking conntrack 1.4.7 for every pair.

import {
  IPPROTO_DCCP,
  IPPROTO_GRE,
  IPPROTO_ICMP,
  IPPROTO_ICMPV6,
  IPPROTO_SCTP,
  IPPROTO_TCP,
  IPPROTO_UDP,
  IPPROTO_UDPLITE,
} from '../../packet/numbers.ts';
import type { OptionForm } from './getopt.ts';

export type TableName = 'conntrack' | 'expect' | 'dying' | 'unconfirmed';
export const TABLES: readonly TableName[] = ['conntrack', 'expect', 'dying', 'unconfirmed'];

/** Commands by letter, with what they are called where one is refused. */
export const COMMANDS = {
  L: 'dump',
  I: 'create',
  A: 'add',
  U: 'update',
  D: 'delete',
  G: 'get',
  F: 'flush',
  E: 'event',
  C: 'counter',
  S: 'stats',
  V: 'version',
  h: 'help',
} as const;
export type CommandLetter = keyof typeof COMMANDS;

/** Long names by letter; the first is the option's name in complaints, in the order in which they are checked. */
const GENERAL: readonly (readonly [letter: string, ...longs: string[]])[] = [
  ['s', 'src', 'orig-src'],
  ['d', 'dst', 'orig-dst'],
  ['r', 'reply-src'],
  ['q', 'reply-dst'],
  ['p', 'protonum'],
  ['t', 'timeout'],
  ['u', 'status'],
  ['z', 'zero'],
  ['e', 'event-mask'],
  ['[', 'tuple-src'],
  [']', 'tuple-dst'],
  ['{', 'mask-src'],
  ['}', 'mask-dst'],
  ['m', 'mark'],
  ['i', 'id'],
  ['f', 'family'],
  ['n', 'src-nat'],
  ['g', 'dst-nat'],
  ['o', 'output'],
  ['c', 'secmark'],
  ['b', 'buffer-size'],
  ['j', 'any-nat'],
  ['w', 'zone'],
  ['l', 'label'],
  ['<', 'label-add'],
  ['>', 'label-del'],
  ['(', 'orig-zone'],
  [')', 'reply-zone'],
];

/** Names of the options that are checked, in their order. */
export const CHECKED: readonly string[] = GENERAL.map(([, name]) => name);

const GLUED = new Set(['n', 'g', 'j', '>']);

export const FORMS: readonly OptionForm[] = [
  ...GENERAL.flatMap(([letter, name, ...others]) =>
    [name, ...others].map(
      (long): OptionForm => ({
        long,
        key: name,
        letter,
        argument: letter === 'z' ? 'none' : GLUED.has(letter) ? 'glued' : 'required',
      }),
    ),
  ),
  ...Object.entries(COMMANDS).map(
    ([letter, long]): OptionForm => ({
      long,
      key: `-${letter}`,
      letter,
      argument: 'ShV'.includes(letter) ? 'none' : 'glued',
    }),
  ),
  { long: 'nat-range', key: 'nat-range', letter: 'a', argument: 'required' },
  // Ours.
  { long: 'json', key: 'json', argument: 'none' },
  { long: 'memory', key: 'memory', argument: 'none' },
];

/** What a command does with an option: words of names. What is in none of the lists is refused. */
interface Rules {
  readonly required?: string;
  readonly optional?: string;
  /** One of the pairs of addresses has to be whole. */
  readonly pair?: true;
}

const FILTERS =
  'src dst reply-src reply-dst protonum status mask-src mask-dst mark family src-nat dst-nat output any-nat secmark zone orig-zone reply-zone label';
const CREATE: Rules = {
  required: 'protonum timeout',
  optional: 'src dst reply-src reply-dst status mark src-nat dst-nat zone orig-zone reply-zone label-add',
  pair: true,
};
const LOOK: Rules = { required: 'src dst protonum' };
const NOTHING: Rules = {};

export const RULES: Record<'conntrack' | 'expect', Partial<Record<CommandLetter, Rules>>> = {
  conntrack: {
    L: { optional: `${FILTERS} zero` },
    I: CREATE,
    A: CREATE,
    U: {
      optional:
        'src dst reply-src reply-dst protonum timeout status mask-src mask-dst mark id family src-nat dst-nat output label label-add label-del',
    },
    D: {
      optional:
        'src dst reply-src reply-dst protonum timeout status mask-src mask-dst mark id family src-nat dst-nat output zone orig-zone reply-zone label',
    },
    G: { required: 'protonum', optional: 'src dst reply-src reply-dst id output label', pair: true },
    F: { optional: 'family' },
    E: {
      optional: `${FILTERS.replace(' status', '')} event-mask buffer-size`,
    },
    C: NOTHING,
    S: NOTHING,
    V: NOTHING,
    h: { optional: 'protonum' },
  },
  expect: {
    L: { optional: 'family output' },
    I: {
      required: 'src dst protonum timeout tuple-src tuple-dst mask-src mask-dst',
      optional: 'reply-src reply-dst status',
    },
    D: LOOK,
    G: LOOK,
    F: NOTHING,
    E: { optional: 'output' },
    C: NOTHING,
    S: NOTHING,
    V: NOTHING,
    h: { optional: 'protonum' },
  },
};

const lists = new Map<string, ReadonlySet<string>>();

export function listed(words = ''): ReadonlySet<string> {
  let list = lists.get(words);
  if (!list) {
    list = new Set(words.split(' '));
    lists.set(words, list);
  }
  return list;
}

// --- Protocols -----------------------------------------------------------------------------------------------------------

/** Options of a protocol: in the order of their check, with their other spellings. */
export interface ProtocolOptions {
  readonly protocol: number;
  readonly name: string;
  /** Name and spellings. */
  readonly options: readonly (readonly [name: string, ...spellings: string[]])[];
  /** The pairs of keys of which one has to be whole, and what is said where none is. */
  readonly pairs?: { readonly keys: readonly (readonly [string, string])[]; readonly complaints: readonly string[] };
  readonly rules: Partial<Record<string, Rules>>;
}

const PORTS = [
  ['sport', 'orig-port-src'],
  ['dport', 'orig-port-dst'],
  ['reply-port-src'],
  ['reply-port-dst'],
  ['mask-port-src'],
  ['mask-port-dst'],
] as const;
const TUPLE_PORTS = [['tuple-port-src'], ['tuple-port-dst']] as const;

const ENDS = 'sport dport reply-port-src reply-port-dst';
const EXPECT_ENDS = 'sport dport mask-port-src mask-port-dst tuple-port-src tuple-port-dst';

const PORT_PAIRS = {
  keys: [
    ['sport', 'dport'],
    ['reply-port-src', 'reply-port-dst'],
  ],
  complaints: [
    "you have to specify `--sport' and `--dport'",
    "you have to specify `--reply-src-port' and `--reply-dst-port'",
  ],
} as const;

/** `extra` may be asked for by L, U, D, E and G; `made` is what a new connection has to be told. */
function portRules(state: string, made: string, extra: Partial<Record<string, string>> = {}): ProtocolOptions['rules'] {
  const all = (letter: string): Rules => ({ optional: `${ENDS} ${state} ${extra[letter] ?? ''}`.trimEnd() });
  const create: Rules = { required: made.trim() || undefined, optional: ENDS, pair: true };
  return {
    L: all('L'),
    U: all('U'),
    D: all('D'),
    E: all('E'),
    I: create,
    A: create,
    G: { ...all('G'), pair: true },
    'I expect': { required: `${EXPECT_ENDS} ${extra['I expect'] ?? ''}`.trimEnd() },
    'D expect': { required: ENDS },
    'G expect': { required: ENDS },
  };
}

const icmpOptions = (protocol: number, name: string): ProtocolOptions => {
  const [type, code, id] = [`${name}-type`, `${name}-code`, `${name}-id`];
  const some: Rules = { optional: `${type} ${code} ${id}` };
  const both: Rules = { required: `${type} ${code}`, optional: id };
  return {
    protocol,
    name,
    options: [[type], [code], [id]],
    rules: { L: some, U: some, D: some, E: some, I: both, A: both, G: both },
  };
};

const KEYS = 'srckey dstkey reply-key-src reply-key-dst';
const EXPECT_KEYS = `${KEYS} mask-key-src mask-key-dst tuple-key-src tuple-key-dst`;

export const PROTOCOLS: readonly ProtocolOptions[] = [
  {
    protocol: IPPROTO_TCP,
    name: 'tcp',
    options: [...PORTS, ['state'], ...TUPLE_PORTS],
    pairs: PORT_PAIRS,
    rules: portRules('state', 'state'),
  },
  {
    protocol: IPPROTO_UDP,
    name: 'udp',
    options: [...PORTS, ...TUPLE_PORTS],
    pairs: PORT_PAIRS,
    rules: portRules('', ''),
  },
  {
    protocol: IPPROTO_UDPLITE,
    name: 'udplite',
    options: [...PORTS, ...TUPLE_PORTS],
    pairs: PORT_PAIRS,
    rules: portRules('', ''),
  },
  {
    protocol: IPPROTO_SCTP,
    name: 'sctp',
    options: [...PORTS, ['state'], ...TUPLE_PORTS, ['orig-vtag'], ['reply-vtag']],
    pairs: PORT_PAIRS,
    rules: portRules('state', 'state orig-vtag reply-vtag', {
      U: 'orig-vtag reply-vtag',
      G: 'orig-vtag reply-vtag',
      'I expect': 'orig-vtag reply-vtag',
    }),
  },
  {
    protocol: IPPROTO_DCCP,
    name: 'dccp',
    options: [...PORTS, ['state'], ...TUPLE_PORTS, ['role']],
    pairs: {
      keys: PORT_PAIRS.keys,
      complaints: [PORT_PAIRS.complaints[0], "you have to specify `--reply-port-src' and `--report-port-dst'"],
    },
    rules: portRules('state', 'state role', { 'I expect': 'role' }),
  },
  icmpOptions(IPPROTO_ICMP, 'icmp'),
  icmpOptions(IPPROTO_ICMPV6, 'icmpv6'),
  {
    protocol: IPPROTO_GRE,
    name: 'gre',
    options: [
      ['srckey', 'orig-key-src'],
      ['dstkey', 'orig-key-dst'],
      ['reply-key-src'],
      ['reply-key-dst'],
      ['mask-key-src'],
      ['mask-key-dst'],
      ['tuple-key-src'],
      ['tuple-key-dst'],
    ],
    pairs: {
      keys: [
        ['srckey', 'dstkey'],
        ['reply-key-src', 'reply-key-dst'],
      ],
      complaints: [
        "you have to specify `--srckey' and `--dstkey'",
        "you have to specify `--reply-src-key' and `--reply-dst-key'",
      ],
    },
    rules: {
      L: { optional: KEYS },
      U: { optional: KEYS },
      D: { optional: KEYS },
      E: { optional: KEYS },
      I: { optional: KEYS, pair: true },
      A: { optional: KEYS, pair: true },
      G: { optional: KEYS, pair: true },
      'I expect': { required: EXPECT_KEYS },
      'D expect': { required: KEYS },
      'G expect': { required: KEYS },
    },
  },
];

export interface ProtocolForms {
  readonly own: ReadonlySet<string>;
  /** With the general ones in front. */
  readonly all: readonly OptionForm[];
}

const formsByProtocol = new Map<ProtocolOptions, ProtocolForms>();

/** Made once: a file of commands may have a hundred thousand lines. */
export function formsOf(protocol: ProtocolOptions): ProtocolForms {
  let forms = formsByProtocol.get(protocol);
  if (!forms) {
    const { options } = protocol;
    const own = options.flatMap((spellings) =>
      spellings.map((long): OptionForm => ({ long, key: spellings[0], argument: 'required' })),
    );
    forms = { own: new Set(options.map(([name]) => name)), all: [...FORMS, ...own] };
    formsByProtocol.set(protocol, forms);
  }
  return forms;
}
