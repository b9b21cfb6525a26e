import type { Step } from '../../../testing/scenario/scenario-format.ts';
import { type End, end, type Family, type HelperRow, HOSTS, packet, rules, Talk } from './talk.ts';

const AT: Record<Family, Record<'client' | 'server' | 'stranger' | 'outside', string>> = {
  4: { client: '10.1.0.5', server: '192.0.2.9', stranger: '198.51.100.7', outside: '10.0.2.1' },
  6: { client: '[fd00:1::5]', server: '[2001:db8::9]', stranger: '[2001:db8:7::7]', outside: '[fd00:b::1]' },
};
const bare = (address: string): string => address.replace(/[[\]]/g, '');

const lines = (...text: readonly string[]): string => `${text.join('\r\n')}\r\n`;

interface Said {
  readonly family: Family;
  readonly cseq?: number;
  readonly via?: string;
  readonly contact?: string;
  readonly more?: readonly string[];
  readonly body?: string;
}

/** A request of the client, in the words that clients use. */
function request(method: string, { family, cseq = 1, via, contact, more = [], body = '' }: Said): string {
  const { client, server } = AT[family];
  return lines(
    `${method} sip:user@${server} SIP/2.0`,
    `Via: SIP/2.0/UDP ${via ?? `${client}:5060`};branch=z9hG4bK1`,
    `From: <sip:alice@${client}>;tag=1`,
    `To: <sip:bob@${server}>`,
    'Call-ID: 1@client',
    `CSeq: ${cseq} ${method}`,
    `Contact: ${contact ?? `<sip:alice@${client}:5060>`}`,
    ...more,
    `Content-Length: ${body.length}`,
    '',
  ).concat(body);
}

interface Answered extends Said {
  /** The client as the server knows it. */
  readonly client?: string;
}

function answer(
  code: string,
  method: string,
  { family, cseq = 1, client, contact, more = [], body = '' }: Answered,
): string {
  const { client: own, server } = AT[family];
  const known = client ?? own;
  return lines(
    `SIP/2.0 ${code}`,
    `Via: SIP/2.0/UDP ${known}:5060;branch=z9hG4bK1`,
    `From: <sip:alice@${known}>;tag=1`,
    `To: <sip:bob@${server}>;tag=2`,
    'Call-ID: 1@client',
    `CSeq: ${cseq} ${method}`,
    `Contact: ${contact ?? `<sip:alice@${known}:5060>`}`,
    ...more,
    `Content-Length: ${body.length}`,
    '',
  ).concat(body);
}

function sdp(family: Family, address: string, ...media: readonly string[]): string {
  const kind = `IN IP${family} ${bare(address)}`;
  return lines('v=0', `o=- 1 1 ${kind}`, 's=-', `c=${kind}`, 't=0 0', ...media);
}

const SDP = ['Content-Type: application/sdp'];
const LABELS = { 4: 'l3proto = 2', 6: 'l3proto = 10' };
const FULL: Readonly<Record<string, string>> = {
  'fd00:1::5': 'fd00:0001:0000:0000:0000:0000:0000:0005',
  '2001:db8::9': '2001:0db8:0000:0000:0000:0000:0000:0009',
  'fd00:b::1': 'fd00:000b:0000:0000:0000:0000:0000:0001',
};
type Who = 'client' | 'server' | 'outside';
const full = (who: Who, family: Family): string => FULL[HOSTS[who][family]] ?? HOSTS[who][family];
const expected = (family: Family, from: Who, to: Who, port: number, kind: string, flags = ''): string =>
  `${LABELS[family]} proto=17 src=${full(from, family)} dst=${full(to, family)} sport=0 dport=${port} ${flags}sip/${kind}`;

const [look]: Step[] = [{ ct: true }];

/** Messages to and fro between port 5060 of the client and of the server; `outside`: the server knows the client as the router. */
function talk(
  family: Family,
  outside: boolean,
  ...said: readonly (readonly [who: 'client' | 'server', text: string])[]
): Step[] {
  const [client, server] = [end('client', family, 5060), end('server', family, 5060)];
  const seen = outside ? end('outside', family, 5060) : client;
  return said.map(([who, text]) =>
    who === 'client' ? packet(family, client, server, text) : packet(family, server, seen, text),
  );
}

const NAT = '*nat\n-A POSTROUTING -o tunB -j MASQUERADE\nCOMMIT\n';

function row(
  name: string,
  family: Family,
  steps: readonly Step[],
  expects: readonly string[] = [],
  nat = '',
): HelperRow {
  return {
    name: `${name} over IPv${family}`,
    scenario: { [`v${family}rules`]: rules('sip', 'udp', 5060, nat), steps: [...steps, look] },
    expects,
  };
}

/** What is said once each, over both families. */
function once(name: string, text: (family: Family) => string, ...expects: ((family: Family) => string)[]): HelperRow[] {
  return ([4, 6] as const).map((family) =>
    row(
      name,
      family,
      talk(family, false, ['client', text(family)]),
      expects.map((line) => line(family)),
    ),
  );
}

const call =
  (kind: string, flags = ''): ((family: Family) => string) =>
  (family) =>
    expected(family, 'server', 'client', 5060, kind, flags);
const INACTIVE = call('signalling', 'PERMANENT,INACTIVE ');
const media =
  (port: number, kind = 'audio'): ((family: Family) => string) =>
  (family) =>
    expected(family, 'server', 'client', port, kind);

const offer = (family: Family, ...streams: readonly string[]): string =>
  request('INVITE', { family, more: SDP, body: sdp(family, AT[family].client, ...streams) });
const registration =
  (said: Partial<Said> = {}) =>
  (family: Family): string =>
    request('REGISTER', { family, more: ['Expires: 600'], ...said });
const contactOf =
  (text: string) =>
  (family: Family): string =>
    request('REGISTER', {
      family,
      contact: text.replace('CLIENT', AT[family].client).replace('OTHER', AT[family].stranger),
    });

/** Registered, and called by the server. */
const registered = (family: Family, outside: boolean, granted: string): Step[] => {
  const known = outside ? AT[family].outside : AT[family].client;
  return talk(
    family,
    outside,
    ['client', registration()(family)],
    [
      'server',
      answer('200 OK', 'REGISTER', { family, client: known, contact: `<sip:alice@${known}:5060>;expires=${granted}` }),
    ],
  );
};

const STREAM = 'm=audio 30000 RTP/AVP 0';

/** An offer, its answer, and the streams of both. */
function session(family: Family, outside: boolean): Step[] {
  const known = outside ? AT[family].outside : AT[family].client;
  const { server } = AT[family];
  const to = outside ? HOSTS.outside[family] : HOSTS.client[family];
  return [
    ...talk(
      family,
      outside,
      ['client', offer(family, STREAM)],
      ['server', answer('180 Ringing', 'INVITE', { family, client: known })],
      [
        'server',
        answer('200 OK', 'INVITE', {
          family,
          client: known,
          contact: `<sip:bob@${server}:5060>`,
          more: SDP,
          body: sdp(family, server, 'm=audio 40000 RTP/AVP 0'),
        }),
      ],
      ['client', request('ACK', { family })],
    ),
    look,
    packet(family, end('server', family, 40_000), { address: to, port: 30_000 }, 'rtp'),
    packet(family, end('client', family, 30_000), end('server', family, 40_000), 'rtp'),
    packet(family, end('client', family, 30_001), end('server', family, 40_001), 'rtcp'),
    look,
    ...talk(family, outside, ['client', request('BYE', { family, cseq: 2 })]),
  ];
}

/** Several messages in one segment, one over two, and what comes behind. */
function stream(family: Family, outside: boolean): HelperRow {
  const sees: End['sees'] | undefined = outside ? { address: HOSTS.outside[family], port: 40_000 } : undefined;
  const tcp = (text: string): string => text.replaceAll('/UDP', '/TCP').replaceAll(':5060', ':40000');
  const one = tcp(offer(family, STREAM));
  const two = tcp(request('INFO', { family, cseq: 2 }));
  const conversation = new Talk(family, end('client', family, 40_000), end('server', family, 5060, sees)).open();
  conversation.raw(0, { flags: 'PA', data: one + two }, one.length + two.length).table();
  conversation.raw(0, { flags: 'PA', data: two.slice(0, 100) }, 100);
  conversation.raw(0, { flags: 'PA', data: two.slice(100) }, two.length - 100);
  return {
    name: `two messages in one segment${outside ? ', masqueraded,' : ''} over IPv${family}`,
    scenario: {
      [`v${family}rules`]: rules('sip', 'tcp', 5060, outside ? NAT : ''),
      steps: [...conversation.steps, look],
    },
    expects: outside
      ? [30_000, 30_001].map((port) => expected(family, 'server', 'outside', port, 'audio'))
      : [30_000, 30_001].map((port) => media(port)(family)),
  };
}

/** A phone that listens at another port than it sends from, as a Via for datagrams says: answers in its stream do not come through. */
function listensElsewhere(family: Family): HelperRow {
  const { client } = AT[family];
  const sees = { address: HOSTS.outside[family], port: 40_000 };
  const conversation = new Talk(family, end('client', family, 40_000), end('server', family, 5060, sees)).open();
  conversation.client(request('OPTIONS', { family })).server(answer('200 OK', 'OPTIONS', { family }));
  conversation.client(request('INVITE', { family, cseq: 2, via: `${client}:5061` }));
  conversation.server(answer('180 Ringing', 'INVITE', { family, cseq: 2 }));
  return {
    name: `another port in Via, in a stream, masqueraded, over IPv${family}`,
    scenario: { [`v${family}rules`]: rules('sip', 'tcp', 5060, NAT), steps: [...conversation.steps, look] },
    expects: [],
  };
}

const both = (make: (family: Family) => HelperRow): HelperRow[] => ([4, 6] as const).map(make);

export const sipRows: readonly HelperRow[] = [
  ...once('a registration', registration(), INACTIVE),
  ...once('a registration without a time', registration({ more: [] })),
  ...once('a registration that is taken back', registration({ more: ['Expires: 0'] })),
  ...once('a registration with its time at the contact', contactOf('<sip:a@CLIENT:5060>;expires=60'), INACTIVE),
  ...once('a time in hexadecimal, which is 0', contactOf('<sip:a@CLIENT:5060>;expires=0x10')),
  ...once('a time that is no number', contactOf('<sip:a@CLIENT:5060>;expires=soon')),
  ...once('a contact elsewhere', contactOf('<sip:a@OTHER:5060>;expires=60')),
  ...once('a contact with a low port', contactOf('<sip:a@CLIENT:80>;expires=60')),
  ...once('a contact without an address', contactOf('<sip:a@example.org>;expires=60')),
  ...once(
    'the second of two contacts, the first with a low port',
    contactOf('<sip:a@OTHER:80>\r\nContact: <sip:a@CLIENT:5060>;expires=60'),
    INACTIVE,
  ),
  ...once('a port of too many digits', contactOf('<sip:a@CLIENT:005060>;expires=60')),
  ...once('the second of two contacts', contactOf('<sip:example.org>, <sip:a@CLIENT:5060>;expires=60'), INACTIVE),
  ...once('a transport of another protocol', contactOf('<sip:a@CLIENT:5060;transport=TCP>;expires=60')),
  ...once('the transport of the connection', contactOf('<sip:a@CLIENT:5060;transport=udp>;expires=60'), INACTIVE),
  ...once(
    'short names of headers',
    (family) => registration()(family).replace('Contact:', 'm:').replace('Via:', 'v:'),
    INACTIVE,
  ),
  ...once(
    'names in small letters',
    (family) => registration()(family).toLowerCase().replace('register', 'REGISTER'),
    INACTIVE,
  ),
  ...once('a folded header', (family) => registration()(family).replace('Contact: ', 'Contact:\r\n  '), INACTIVE),
  ...once('a tab behind the name', (family) => registration()(family).replace('CSeq: ', 'CSeq:\t'), INACTIVE),
  ...once('a tab in front of the colon', (family) => registration()(family).replace('CSeq:', 'CSeq\t:'), INACTIVE),
  ...both(listensElsewhere),
  ...both((family) =>
    row(
      'two images at a time are one: the second takes the place of the first',
      family,
      talk(family, false, [
        'client',
        request('INVITE', {
          family,
          more: SDP,
          body: sdp(family, AT[family].client, 'm=image 30000 udptl t38', 'm=image 30002 udptl t38'),
        }),
      ]),
      [30_002, 30_003].map((port) => expected(family, 'server', 'client', port, 'image')),
    ),
  ),
  ...once('lines that end with a newline alone', (family) => registration()(family).replaceAll('\r\n', '\n'), INACTIVE),
  ...once('no CSeq', (family) => registration()(family).replace('CSeq', 'Seq')),
  ...once('a CSeq that is no number', (family) => registration()(family).replace('CSeq: 1', 'CSeq: x')),
  ...once('another method', (family) => registration()(family).replaceAll('REGISTER', 'OPTIONS')),
  ...once('a method in small letters', (family) => registration()(family).replace('REGISTER', 'register'), INACTIVE),
  ...once('no address behind the method', (family) => registration()(family).replace('REGISTER ', 'REGISTER  ')),
  ...once('next to nothing', () => 'REGISTER'),
  ...both((family) =>
    row('a registration that is granted', family, registered(family, false, '60'), [
      call('signalling', 'PERMANENT ')(family),
    ]),
  ),
  ...both((family) => row('a registration that is granted for no time', family, registered(family, false, '0'))),
  ...both((family) =>
    row(
      'a registration that is refused',
      family,
      talk(
        family,
        false,
        ['client', registration()(family)],
        ['server', answer('403 Forbidden', 'REGISTER', { family })],
      ),
    ),
  ),
  ...both((family) =>
    row(
      'a registration not yet answered',
      family,
      talk(family, false, ['client', registration()(family)], ['server', answer('100 Trying', 'REGISTER', { family })]),
      [INACTIVE(family)],
    ),
  ),
  ...both((family) =>
    row(
      'an answer to another registration',
      family,
      talk(
        family,
        false,
        ['client', registration()(family)],
        ['server', answer('403 No', 'REGISTER', { family, cseq: 9 })],
      ),
      [INACTIVE(family)],
    ),
  ),
  ...both((family) =>
    row(
      'an answer without a code',
      family,
      talk(family, false, ['client', registration()(family)], ['server', answer('OK', 'REGISTER', { family })]),
      [INACTIVE(family)],
    ),
  ),
  ...both((family) =>
    row(
      'a call to one who has registered',
      family,
      [
        ...registered(family, false, '60'),
        packet(family, end('server', family, 6_000), end('client', family, 5060), 'INVITE sip:x SIP/2.0\r\n\r\n'),
      ],
      [call('signalling', 'PERMANENT ')(family)],
    ),
  ),
  ...both((family) =>
    row(
      'a call to one who has registered, masqueraded',
      family,
      [
        ...registered(family, true, '60'),
        packet(family, end('server', family, 6_000), end('outside', family, 5060), 'INVITE sip:x SIP/2.0\r\n\r\n'),
      ],
      [expected(family, 'server', 'outside', 5060, 'signalling', 'PERMANENT ')],
      NAT,
    ),
  ),
  ...once('an offer of sound', (family) => offer(family, STREAM), media(30_000), media(30_001)),
  ...once(
    'an offer at an odd port',
    (family) => offer(family, 'm=audio 30001 RTP/AVP 0'),
    media(30_000),
    media(30_001),
  ),
  ...once(
    'an offer of sound and pictures',
    (family) => offer(family, STREAM, 'm=video 31000 RTP/AVP 96', 'm=image 32000 udptl t38'),
    media(30_000),
    media(30_001),
    media(31_000, 'video'),
    media(31_001, 'video'),
    media(32_000, 'image'),
    media(32_001, 'image'),
  ),
  ...once(
    'an offer of something else',
    (family) => offer(family, 'm=application 30000 RTP/AVP 0', STREAM),
    media(30_000),
    media(30_001),
  ),
  ...once('an offer of nothing', (family) => offer(family, 'm=audio 0 RTP/AVP 0')),
  ...once('an offer at a low port', (family) => offer(family, 'm=audio 1023 RTP/AVP 0')),
  ...once('an offer at no port', (family) => offer(family, 'm=audio 65536 RTP/AVP 0')),
  ...once('an offer with an address of its own', (family) =>
    offer(family, STREAM, `c=IN IP${family} ${bare(AT[family].stranger)}`),
  ),
  ...once('an offer at another address', (family) =>
    offer(family, STREAM).replace(/c=.*/, `c=IN IP${family} ${bare(AT[family].stranger)}`),
  ),
  ...once('an offer without an address', (family) => offer(family, STREAM).replace('c=', 'x=')),
  ...once(
    'the same port for two kinds',
    (family) => offer(family, STREAM, 'm=video 30000 RTP/AVP 96'),
    media(30_000),
    media(30_001),
  ),
  ...both((family) => row('a session', family, session(family, false))),
  ...both((family) => row('a session, masqueraded', family, session(family, true), [], NAT)),
  ...both((family) =>
    row(
      'an offer that is declined',
      family,
      talk(family, false, ['client', offer(family, STREAM)], ['server', answer('486 Busy Here', 'INVITE', { family })]),
    ),
  ),
  ...both((family) =>
    row(
      'an offer, and another one',
      family,
      talk(family, false, ['client', offer(family, STREAM)], ['client', offer(family, 'm=audio 34000 RTP/AVP 0')]),
      [media(34_000)(family), media(34_001)(family)],
    ),
  ),
  ...both((family) =>
    row(
      'an update',
      family,
      talk(family, false, [
        'client',
        request('UPDATE', { family, more: SDP, body: sdp(family, AT[family].client, STREAM) }),
      ]),
      [media(30_000)(family), media(30_001)(family)],
    ),
  ),
  ...both((family) =>
    row(
      'a phone that listens elsewhere',
      family,
      talk(
        family,
        true,
        ['client', registration({ via: `${AT[family].client}:7000` })(family)],
        ['server', answer('200 OK', 'REGISTER', { family, client: AT[family].outside })],
      ),
      [],
      NAT,
    ),
  ),
  ...both((family) =>
    row(
      'what the answer tells of the way',
      family,
      talk(
        family,
        true,
        ['client', request('OPTIONS', { family, via: `${AT[family].client}:5060;rport;maddr=${AT[family].client}` })],
        [
          'server',
          answer('200 OK', 'OPTIONS', { family, client: AT[family].outside }).replace(
            ';branch',
            `;rport=5060;received=${bare(AT[family].outside)};branch`,
          ),
        ],
      ),
      [],
      NAT,
    ),
  ),
  ...both((family) => stream(family, false)),
  ...both((family) => stream(family, true)),
];
