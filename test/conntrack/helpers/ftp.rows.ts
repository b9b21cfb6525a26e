// FTP dialogues. All were confirmed by a 6.18 kernel (test/kernel/helpers.test.ts asks again).

import { icmpErrorAbout, ip, tcp } from '../../../packet/build.ts';
import { toHex } from '../../../packet/bytes.ts';
import { end, type Family, type HelperRow, HOSTS, packet, rules, Talk } from './talk.ts';

const SNAT = '*nat\n-A POSTROUTING -o tunB -j MASQUERADE\nCOMMIT\n';

/** Text of an address in PORT. */
const commas = (address: string): string => address.replaceAll('.', ',');

const plain = (family: Family): Talk =>
  new Talk(family, end('client', family, 40_000), end('server', family, 21)).open().server('220 hi\r\n');

interface Said {
  readonly name: string;
  readonly family?: Family;
  /** After "USER" was said and answered. */
  readonly client?: string;
  readonly server?: string;
  readonly expects: string;
  /** Further words on the way. */
  readonly talk?: (talk: Talk) => Talk;
}

const V4 = HOSTS.client[4];
const expectedBy4 = (port: number) =>
  `l3proto = 2 proto=6 src=${HOSTS.server[4]} dst=${HOSTS.client[4]} sport=0 dport=${port} ftp`;
const expectedOf4 = (port: number) =>
  `l3proto = 2 proto=6 src=${HOSTS.client[4]} dst=${HOSTS.server[4]} sport=0 dport=${port} ftp`;
const full = (address: string) =>
  ({
    'fd00:1::5': 'fd00:0001:0000:0000:0000:0000:0000:0005',
    '2001:db8::9': '2001:0db8:0000:0000:0000:0000:0000:0009',
  })[address];
const expectedBy6 = (port: number) =>
  `l3proto = 10 proto=6 src=${full(HOSTS.server[6])} dst=${full(HOSTS.client[6])} sport=0 dport=${port} ftp`;
const expectedOf6 = (port: number) =>
  `l3proto = 10 proto=6 src=${full(HOSTS.client[6])} dst=${full(HOSTS.server[6])} sport=0 dport=${port} ftp`;

const PORTS: readonly Said[] = [
  { name: 'PORT', client: `PORT ${commas(V4)},5,6\r\n`, expects: expectedBy4(1286) },
  { name: 'PORT in small letters', client: `port ${commas(V4)},5,6\r\n`, expects: expectedBy4(1286) },
  { name: 'PORT with more before the blank', client: `PORTAL ${commas(V4)},5,6\r\n`, expects: expectedBy4(1286) },
  { name: 'PORT with two blanks', client: `PORT  ${commas(V4)},5,6\r\n`, expects: '' },
  { name: 'PORT of a number too large', client: `PORT ${commas(V4)},261,6\r\n`, expects: expectedBy4(1286) },
  { name: 'PORT without an end', client: `PORT ${commas(V4)},5,6`, expects: '' },
  { name: 'PORT with a newline alone', client: `PORT ${commas(V4)},5,6\n`, expects: '' },
  { name: 'PORT with five numbers', client: `PORT ${commas(V4)},5\r\n`, expects: '' },
  { name: 'PORT of another host', client: `PORT ${commas(HOSTS.stranger[4])},5,6\r\n`, expects: '' },
  { name: 'PORT of port 0', client: `PORT ${commas(V4)},0,0\r\n`, expects: expectedBy4(0) },
  { name: 'PORT behind another line', client: `NOOP\r\nPORT ${commas(V4)},5,6\r\n`, expects: '' },
  { name: 'half a word', client: 'PO', expects: '' },
  { name: 'PORT over IPv6', family: 6, client: 'PORT 10,1,0,5,5,6\r\n', expects: '' },
  { name: 'PORT from the server', server: `PORT ${commas(HOSTS.server[4])},5,6\r\n`, expects: '' },
  { name: 'EPRT', client: `EPRT |1|${V4}|1286|\r\n`, expects: expectedBy4(1286) },
  { name: 'EPRT with another delimiter', client: `eprt !1!${V4}!1286!\r\n`, expects: expectedBy4(1286) },
  { name: 'EPRT with a digit as delimiter', client: `EPRT 31310.1.0.5312863\r\n`, expects: '' },
  { name: 'EPRT of the other family', client: 'EPRT |2|fd00:1::5|1286|\r\n', expects: '' },
  { name: 'EPRT of port 0', client: `EPRT |1|${V4}|0|\r\n`, expects: '' },
  { name: 'EPRT of a port that wraps', client: `EPRT |1|${V4}|66822|\r\n`, expects: expectedBy4(1286) },
  { name: 'EPRT without its last delimiter', client: `EPRT |1|${V4}|1286\r\n`, expects: '' },
  { name: 'EPRT over IPv6', family: 6, client: 'EPRT |2|fd00:1::5|1286|\r\n', expects: expectedBy6(1286) },
  {
    name: 'EPRT over IPv6, in full',
    family: 6,
    client: 'EPRT |2|fd00:1:0:0:0:0:0:5|1286|\r\n',
    expects: expectedBy6(1286),
  },
  { name: 'EPRT over IPv6, no address', family: 6, client: 'EPRT |2|fd00:1::5::|1286|\r\n', expects: '' },
  { name: 'EPRT over IPv6, of another host', family: 6, client: 'EPRT |2|fd00:1::6|1286|\r\n', expects: '' },
  { name: 'EPRT over IPv6 of IPv4', family: 6, client: 'EPRT |1|10.1.0.5|1286|\r\n', expects: '' },
];

const ANSWERS: readonly Said[] = [
  { name: '227', server: `227 Entering Passive Mode (${commas(HOSTS.server[4])},9,7)\r\n`, expects: expectedOf4(2311) },
  { name: '227 without brackets', server: `227 =${commas(HOSTS.server[4])},9,7\r\n`, expects: expectedOf4(2311) },
  { name: '227 without numbers', server: '227 none\r\n', expects: '' },
  { name: '227 that ends with its numbers', server: `227 ${commas(HOSTS.server[4])},9,7`, expects: '' },
  { name: '227 of another host', server: `227 (${commas(HOSTS.stranger[4])},9,7)\r\n`, expects: '' },
  { name: '227 from the client', client: `227 (${commas(V4)},9,7)\r\n`, expects: '' },
  { name: '229', server: '229 Entering Extended Passive Mode (|||2311|)\r\n', expects: expectedOf4(2311) },
  { name: '229 with other delimiters', server: '229 x (!!!2311!)\r\n', expects: expectedOf4(2311) },
  { name: '229 without its bracket', server: '229 |||2311|\r\n', expects: '' },
  { name: '229 with two delimiters', server: '229 (||2311|)\r\n', expects: '' },
  { name: '229 of port 0', server: '229 (|||0|)\r\n', expects: '' },
  { name: '229 over IPv6', family: 6, server: '229 ok (|||2311|)\r\n', expects: expectedOf6(2311) },
  { name: '227 over IPv6', family: 6, server: '227 (192,0,2,9,9,7)\r\n', expects: '' },
];

const LINES: readonly Said[] = [
  {
    name: 'the first segment of a direction is not read',
    expects: '',
    talk: (talk) => talk.client(`PORT ${commas(V4)},5,6\r\n`),
  },
  {
    name: 'the second one is, if the first one ended a line',
    expects: expectedBy4(1286),
    talk: (talk) => talk.client('USER x\r\n').client(`PORT ${commas(V4)},5,6\r\n`),
  },
  {
    name: 'not if it did not',
    expects: '',
    talk: (talk) => talk.client('USER x').client(`PORT ${commas(V4)},5,6\r\n`),
  },
  {
    name: 'sent again, it is expected once',
    expects: expectedBy4(1286),
    talk: (talk) =>
      talk
        .client('USER x\r\n')
        .client(`PORT ${commas(V4)},5,6\r\n`)
        .raw(0, { flags: 'PA', seq: 1_009, data: `PORT ${commas(V4)},5,6\r\n` }),
  },
  {
    name: 'another one takes the place of the first',
    expects: expectedBy4(1287),
    talk: (talk) =>
      talk
        .client('USER x\r\n')
        .client(`PORT ${commas(V4)},5,6\r\n`)
        .client(`PORT ${commas(V4)},5,7\r\n`),
  },
  {
    name: 'two ends of lines are remembered',
    expects: expectedBy4(1286),
    talk: (talk) =>
      talk
        .client('USER x\r\n')
        .client('USER y\r\n')
        .client('USER z\r\n')
        .raw(0, { flags: 'PA', seq: 1_017, data: `PORT ${commas(V4)},5,6\r\n` }),
  },
  {
    name: 'the third one is forgotten',
    expects: '',
    talk: (talk) =>
      talk
        .client('USER x\r\n')
        .client('USER y\r\n')
        .client('USER z\r\n')
        .raw(0, { flags: 'PA', seq: 1_009, data: `PORT ${commas(V4)},5,6\r\n` }),
  },
];

function row({ name, family = 4, client, server, talk, expects }: Said): HelperRow {
  const said = plain(family);
  if (talk) talk(said);
  else said.client('USER x\r\n').server('331 ok\r\n');
  if (client) said.client(client);
  if (server) said.server(server);
  const text = rules('ftp', 'tcp', 21);
  return {
    name: `${name}${family === 6 && !name.includes('IPv6') ? ' over IPv6' : ''}`,
    scenario: { [`v${family}rules`]: text, steps: [...said.table().steps, { counters: true }] },
    expects: expects === '' ? [] : [expects],
  };
}

/** The data connection comes, and is RELATED; a second one, or one of somebody else, is NEW. */
function arrivals(family: Family): HelperRow {
  const client = end('client', family, 1_286);
  const talk = plain(family).client('USER x\r\n').server('331 ok\r\n');
  const port = family === 4 ? `PORT ${commas(V4)},5,6\r\n` : 'EPRT |2|fd00:1::5|1286|\r\n';
  talk
    .client(port)
    .also(
      packet(family, end('stranger', family, 20), client, 'syn'),
      packet(family, end('server', family, 20), client, 'syn'),
      packet(family, end('server', family, 21), client, 'syn'),
    );
  return {
    name: `what comes of it over IPv${family}`,
    scenario: { [`v${family}rules`]: rules('ftp', 'tcp', 21), steps: talk.table().steps },
    expects: [],
  };
}

/** What rules see of master and data connection: each counts. */
function asked(): HelperRow {
  const questions = [
    '-m helper --helper ftp',
    '-m helper ! --helper ftp',
    '-m helper --helper ftp-2121',
    '-m helper --helper tftp',
    '-m helper --helper ""',
    '-m conntrack --ctstatus EXPECTED',
    '-m conntrack ! --ctstatus EXPECTED',
    '-m conntrack --ctstatus EXPECTED,ASSURED',
    '-m conntrack --ctstate RELATED --ctproto tcp',
    '-m conntrack --ctstate RELATED --ctdir REPLY',
    `-m conntrack --ctstate RELATED --ctorigsrc ${HOSTS.server[4]} --ctrepldst ${HOSTS.server[4]}`,
    '-m conntrack --ctstate ESTABLISHED --ctorigdstport 1286',
    '-m conntrack --ctstate RELATED --ctexpire 0',
    '-m connmark --mark 7',
  ];
  const filter = `*filter\n${questions.map((words) => `-A FORWARD ${words}`).join('\n')}\nCOMMIT\n`;
  const text = rules('ftp', 'tcp', 21, filter).replace(
    '*mangle',
    '*mangle\n-A PREROUTING -p tcp --dport 21 -j CONNMARK --set-mark 7',
  );
  const talk = plain(4)
    .client('USER x\r\n')
    .server('331 ok\r\n')
    .client(`PORT ${commas(V4)},5,6\r\n`);
  const data = new Talk(4, { ...end('server', 4, 20), seq: 9 }, { ...end('client', 4, 1_286), seq: 30 })
    .open()
    .client('x');
  const steps = [...talk.steps, ...data.steps, { ct: true as const }, { counters: true as const }];
  return { name: 'what rules see of it', scenario: { v4rules: text, steps }, expects: [] };
}

/** The master ends: nothing more is expected. */
function goneMaster(): HelperRow {
  const talk = plain(4)
    .client('USER x\r\n')
    .client(`PORT ${commas(V4)},5,6\r\n`)
    .table();
  talk.also({ flush_ct: true }, packet(4, end('server', 4, 20), end('client', 4, 1_286), 'syn')).table();
  return { name: 'the master is gone', scenario: { v4rules: rules('ftp', 'tcp', 21), steps: talk.steps }, expects: [] };
}

// --- Translated -------------------------------------------------------------------------------------------------------

/** The client is masqueraded: the server sees the router. */
function masqueraded(family: Family, said: string, grows: number, dataPort: number): Talk {
  const server = end('server', family, 21, { address: HOSTS.outside[family], port: 40_000 });
  const talk = new Talk(family, end('client', family, 40_000), server).open().server('220 hi\r\n');
  talk.client('USER x\r\n').server('331 ok\r\n').raw(0, { flags: 'PA', data: said }, said.length);
  talk.shifted(1, grows).server('200 ok\r\n').client('LIST\r\n').client('a\r\n').server('150 coming\r\n');
  const data = { address: HOSTS.outside[family], port: dataPort };
  return talk
    .table()
    .also(packet(family, end('server', family, 20), data, 'syn'))
    .table();
}

const TRANSLATED: readonly HelperRow[] = [
  {
    name: 'PORT, masqueraded: the payload keeps its length',
    scenario: {
      v4rules: rules('ftp', 'tcp', 21, SNAT),
      steps: masqueraded(4, 'PORT 10,1,0,5,5,6\r\n', 0, 1_286).steps,
    },
    expects: [],
  },
  {
    name: 'PORT, masqueraded: it grows',
    scenario: {
      v4rules: rules('ftp', 'tcp', 21, '*nat\n-A POSTROUTING -o tunB -j SNAT --to-source 203.0.113.200\nCOMMIT\n'),
      steps: masqueraded(4, 'PORT 10,1,0,5,5,6\r\n', 0, 1_286).steps,
    },
    expects: [],
  },
  {
    name: 'EPRT, masqueraded',
    scenario: {
      v4rules: rules('ftp', 'tcp', 21, SNAT),
      steps: masqueraded(4, 'EPRT |1|10.1.0.5|1286|\r\n', 0, 1_286).steps,
    },
    expects: [],
  },
  {
    name: 'EPRT over IPv6, masqueraded: it grows',
    scenario: {
      v6rules: rules('ftp', 'tcp', 21, SNAT),
      steps: masqueraded(6, 'EPRT |2|fd00:1::5|1286|\r\n', 30, 1_286).steps,
    },
    expects: [],
  },
];

/** The server is behind DNAT, on side A; clients of side B see the router. */
function forwarded(family: Family, answer: string, grows: number): HelperRow {
  const inside = end('client', family, 2_121);
  const sees = { address: HOSTS.outside[family], port: 21 };
  const talk = new Talk(family, end('server', family, 40_000, sees), inside);
  talk.open().server('220 hi\r\n').client('USER x\r\n').server('331 ok\r\n').client('PASV\r\n');
  talk.raw(1, { flags: 'PA', data: answer }, answer.length).shifted(0, grows).client('LIST\r\n').server('150 ok\r\n');
  const data = { address: HOSTS.outside[family], port: 2_311 };
  talk
    .table()
    .also(packet(family, end('server', family, 4_000), data, 'syn'))
    .table();
  const to = family === 4 ? `${HOSTS.client[4]}:2121` : `[${HOSTS.client[6]}]:2121`;
  const nat = `*nat\n-A PREROUTING -i tunB -p tcp --dport 21 -j DNAT --to-destination ${to}\nCOMMIT\n`;
  return {
    name: `${answer.slice(0, 3)}, behind DNAT over IPv${family}`,
    scenario: { [`v${family}rules`]: rules('ftp', 'tcp', 21, nat), steps: talk.steps },
    expects: [],
  };
}

/** Errors about a connection whose client's numbers are shifted, twice: from the server's side, and from the client. */
function errors(from: 'client' | 'server'): Talk {
  const talk = new Talk(4, end('client', 4, 40_000), end('server', 4, 21, { address: OUTSIDE, port: 40_000 }));
  talk.open().server('220 hi\r\n').client('USER x\r\n').server('331 ok\r\n');
  for (const low of [6, 7]) {
    talk.raw(0, { flags: 'PA', data: `PORT 10,1,0,5,5,${low}\r\n` }, 19);
    talk.shifted(1, 5).server('200 ok\r\n');
  }
  const [client, server] = [HOSTS.client[4], HOSTS.server[4]];
  const about =
    from === 'client'
      ? ip(4, { src: server, dst: client }, tcp({ sport: 21, dport: 40_000, flags: 'A', seq: 5_018, ack: 1_028 }))
      : ip(4, { src: OUTSIDE, dst: server }, tcp({ sport: 40_000, dport: 21, flags: 'A', seq: 1_028, ack: 5_018 }));
  return talk.also({ in: from === 'client' ? 'A' : 'B', hex: toHex(icmpErrorAbout(about, { type: 3, code: 1 })) });
}
const OUTSIDE = '203.0.113.200';
const GROWING = `*nat\n-A POSTROUTING -o tunB -j SNAT --to-source ${OUTSIDE}\nCOMMIT\n`;

/** Somebody else expects the port already: another one is announced. */
function portTaken(): HelperRow {
  const one = masqueraded(4, 'PORT 10,1,0,5,5,6\r\n', 0, 1_286).steps.slice(0, -3);
  const server = end('server', 4, 21, { address: HOSTS.outside[4], port: 40_001 });
  const other = { ...end('client', 4, 40_001), address: '10.1.0.6' };
  const talk = new Talk(4, other, server).open().server('220 hi\r\n').client('USER x\r\n').server('331 ok\r\n');
  talk.raw(0, { flags: 'PA', data: 'PORT 10,1,0,6,255,255\r\n' }, 23);
  const steps = [...one, ...talk.steps, { ct: true as const }];
  return {
    name: 'two clients, two ports',
    scenario: { v4rules: rules('ftp', 'tcp', 21, SNAT), steps },
    expects: [
      `l3proto = 2 proto=6 src=${HOSTS.server[4]} dst=${HOSTS.outside[4]} sport=0 dport=1286 ftp`,
      `l3proto = 2 proto=6 src=${HOSTS.server[4]} dst=${HOSTS.outside[4]} sport=0 dport=65535 ftp`,
    ],
  };
}

export const ftpRows: readonly HelperRow[] = [
  ...PORTS.map(row),
  ...ANSWERS.map(row),
  ...LINES.map(row),
  arrivals(4),
  arrivals(6),
  goneMaster(),
  asked(),
  ...TRANSLATED,
  forwarded(4, '227 Entering Passive Mode (10,1,0,5,9,7)\r\n', 1),
  forwarded(4, '229 Entering Extended Passive Mode (|||2311|)\r\n', 0),
  forwarded(6, '229 Entering Extended Passive Mode (|||2311|)\r\n', 0),
  portTaken(),
  {
    name: 'an error of the server about shifted numbers',
    scenario: { v4rules: rules('ftp', 'tcp', 21, GROWING), steps: errors('server').steps },
    expects: [],
  },
  {
    name: 'an error of the client about shifted numbers',
    scenario: { v4rules: rules('ftp', 'tcp', 21, GROWING), steps: errors('client').steps },
    expects: [],
    differs: 'the kernel takes it for a TCP segment',
  },
];
