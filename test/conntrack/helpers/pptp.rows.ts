import { gre, ip } from '../../../packet/build.ts';
import { putU16, putU32, toHex } from '../../../packet/bytes.ts';
import type { Step } from '../../../testing/scenario/scenario-format.ts';
import { type End, end, type HelperRow, HOSTS, rules, Talk } from './talk.ts';

const CLIENT = 0x1111;
const SERVER = 0x2222;

/** A control message: the 16-bit numbers of its body from the beginning, and zeros up to its length. */
function message(type: number, length: number, ...numbers: readonly number[]): Uint8Array {
  const octets = new Uint8Array(12 + length);
  putU16(octets, 0, octets.length);
  putU16(octets, 2, 1);
  putU32(octets, 4, 0x1a2b3c4d);
  putU16(octets, 8, type);
  for (const [index, number] of numbers.entries()) putU16(octets, 12 + 2 * index, number);
  return octets;
}

const ACCEPTED = 0x0100;
const startRequest = message(1, 144, 0x0100);
const startReply = (result = ACCEPTED): Uint8Array => message(2, 144, 0x0100, result);
const outRequest = (client = CLIENT): Uint8Array => message(7, 156, client, 1);
const outReply = (client = CLIENT, server = SERVER, result = ACCEPTED): Uint8Array =>
  message(8, 20, server, client, result);
const inRequest = message(9, 208, SERVER, 1);
const inReply = (server = SERVER, result = ACCEPTED): Uint8Array => message(10, 12, CLIENT, server, result);
const connected = (client = CLIENT): Uint8Array => message(11, 16, client, 0);
const clear = message(12, 4, CLIENT, 0);
const disconnect = message(13, 136, CLIENT, ACCEPTED);

type Said = readonly [who: 'client' | 'server', what: Uint8Array];

const START: readonly Said[] = [
  ['client', startRequest],
  ['server', startReply()],
];
const OUT_CALL: readonly Said[] = [...START, ['client', outRequest()], ['server', outReply()]];
const IN_CALL: readonly Said[] = [...START, ['server', inRequest], ['client', inReply()], ['server', connected()]];

const expected = (
  from: 'client' | 'server',
  dst: string = from === 'client' ? HOSTS.server[4] : HOSTS.client[4],
): string => {
  const [sport, dport] = from === 'client' ? [CLIENT, SERVER] : [SERVER, CLIENT];
  return `l3proto = 2 proto=47 src=${HOSTS[from][4]} dst=${dst} srckey=0x${sport.toString(16)} dstkey=0x${dport.toString(16)} pptp`;
};
const BOTH = [expected('client'), expected('server')];

function talked(said: readonly Said[], sees?: End['sees']): Talk {
  const talk = new Talk(4, end('client', 4, 40_000), end('server', 4, 1723, sees)).open();
  for (const [who, what] of said) talk[who](what);
  return talk;
}

/** A packet of the call, with the id of its receiver. */
const data = (from: End, to: string, callId: number): Step => ({
  in: from.side,
  hex: toHex(ip(4, { src: from.address, dst: to }, gre({ version: 1, callId, seq: 1, data: 'frame' }))),
});

const row = (name: string, said: readonly Said[], expects: readonly string[] = []): HelperRow => ({
  name,
  scenario: { v4rules: rules('pptp', 'tcp', 1723), steps: talked(said).table().steps },
  expects,
});

const [client, server] = [end('client', 4, 0), end('server', 4, 0)];
const up = data(client, server.address, SERVER);
const down = data(server, client.address, CLIENT);
const look: Step = { ct: true };

/** A call, what goes through it, and perhaps its end. */
const call = (name: string, said: readonly Said[], frames: readonly Step[], end: readonly Said[] = []): HelperRow => ({
  name,
  scenario: {
    v4rules: rules('pptp', 'tcp', 1723),
    steps: [...talked(said).steps, look, ...frames, look, ...ended(said, end), look],
  },
  expects: [],
});

/** The steps of what is said behind a conversation. */
const ended = (said: readonly Said[], more: readonly Said[], sees?: End['sees']): readonly Step[] =>
  talked([...said, ...more], sees).steps.slice(talked(said, sees).steps.length);

const waiting = (src: string, dst: string, key: number): string =>
  `l3proto = 2 proto=47 src=${src} dst=${dst} srckey=0x${key.toString(16)} dstkey=0x${SERVER.toString(16)} pptp`;

/** The server knows the client as the router, and its call by the port of the control connection. */
function masqueraded(name: string, incoming: boolean, first: 'up' | 'down'): HelperRow {
  const sees = { address: HOSTS.outside[4], port: 40_000 };
  const said: readonly Said[] = incoming
    ? [...START, ['server', inRequest], ['client', inReply()], ['server', connected()]]
    : [...START, ['client', outRequest()], ['server', outReply(40_000)]];
  const inbound = data(server, sees.address, incoming ? CLIENT : 40_000);
  const frames = first === 'up' ? [up, inbound] : [inbound, up];
  return {
    name,
    scenario: {
      v4rules: rules('pptp', 'tcp', 1723, '*nat\n-A POSTROUTING -o tunB -j MASQUERADE\nCOMMIT\n'),
      steps: [
        ...talked(said, sees).steps,
        look,
        ...frames,
        look,
        ...ended(said, [['server', message(13, 136, 40_000, ACCEPTED)]], sees),
        look,
      ],
    },
    // That of the client's direction is still there.
    expects: first === 'up' ? [] : [waiting(HOSTS.client[4], HOSTS.server[4], incoming ? 0 : CLIENT)],
  };
}

/** The server stands behind the router, under its address. */
function behind(first: 'client' | 'server'): HelperRow {
  const outside = { address: HOSTS.outside[4], port: 1723 };
  const talk = new Talk(4, end('server', 4, 40_000, outside), end('client', 4, 1723)).open();
  talk.client(startRequest).server(startReply()).client(outRequest()).server(outReply(40_000)).table();
  const frames = [data(server, outside.address, SERVER), data(client, server.address, 40_000)];
  talk.also(...(first === 'client' ? frames : frames.toReversed()), look);
  const nat = `*nat\n-A PREROUTING -i tunB -p tcp --dport 1723 -j DNAT --to-destination ${HOSTS.client[4]}\nCOMMIT\n`;
  return {
    name: `frames of a call to a server behind the router, the ${first} first`,
    scenario: { v4rules: rules('pptp', 'tcp', 1723, nat), steps: talk.steps },
    expects: first === 'client' ? [] : [waiting(HOSTS.server[4], outside.address, CLIENT)],
  };
}

export const pptpRows: readonly HelperRow[] = [
  row('a call of the client', OUT_CALL, BOTH),
  row('a call of the server', IN_CALL, BOTH),
  row('nothing before the session is agreed', [
    ['client', startRequest],
    ['client', outRequest()],
    ['server', outReply()],
  ]),
  row('a session that is asked for again goes on', [...START, ['client', startRequest], ...OUT_CALL.slice(2)], BOTH),
  row('nothing of a session that is asked for while it ends', [
    ['client', startRequest],
    ['client', message(3, 4, 0x0100)],
    ['client', startRequest],
    ['server', startReply()],
    ...OUT_CALL.slice(2),
  ]),
  row('nothing of a session that is refused', [
    ['client', startRequest],
    ['server', startReply(0x0200)],
    ...OUT_CALL.slice(2),
  ]),
  row('nothing of an answer that nobody asked for', [...START, ['server', outReply()]]),
  row('nothing of an answer to another call', [...START, ['client', outRequest()], ['server', outReply(0x3333)]]),
  row('nothing of a call that is refused', [
    ...START,
    ['client', outRequest()],
    ['server', outReply(CLIENT, SERVER, 0x0200)],
  ]),
  row('nothing of an incoming call that the client refuses', [
    ...START,
    ['server', inRequest],
    ['client', inReply(SERVER, 0x0200)],
    ['server', connected()],
  ]),
  row('nothing of an incoming call of another id', [
    ...START,
    ['server', inRequest],
    ['client', inReply(0x3333)],
    ['server', connected()],
  ]),
  row('nothing when another call is connected', [
    ...START,
    ['server', inRequest],
    ['client', inReply()],
    ['server', connected(0x3333)],
  ]),
  row('nothing of a message cut short', [...START, ['client', outRequest().subarray(0, 100)], ['server', outReply()]]),
  row('nothing without the magic cookie', [...START, ['client', outRequest().with(5, 0)], ['server', outReply()]]),
  row('nothing of what is no control message', [...START, ['client', outRequest().with(3, 2)], ['server', outReply()]]),
  row('nothing of the client in the words of the server', [...START, ['client', outReply()], ['server', outRequest()]]),
  row('a call that is cleared is still expected', [...OUT_CALL, ['client', clear]], BOTH),
  row('a call that is disconnected is not', [...OUT_CALL, ['server', disconnect]]),
  row(
    'a session that ends',
    [
      ...OUT_CALL,
      ['client', message(3, 4, ACCEPTED)],
      ['server', message(4, 4, ACCEPTED)],
      ['client', outRequest(0x3333)],
      ['server', outReply(0x3333)],
    ],
    BOTH,
  ),
  row('nothing of a second call, which has other ids', [
    ...OUT_CALL,
    ['client', outRequest(0x3333)],
    ['server', outReply(0x3333, 0x4444)],
  ]),
  row(
    'messages of other kinds',
    [
      ...OUT_CALL,
      ['client', message(15, 12, SERVER)],
      ['server', message(14, 28, CLIENT)],
      ['client', message(5, 4)],
      ['server', message(6, 8)],
      ['client', message(16, 4)],
      ['client', message(0, 4)],
    ],
    BOTH,
  ),
  call('frames of the call, the client first', OUT_CALL, [up, down, up]),
  call('frames of the call, the server first', OUT_CALL, [down, up, down]),
  call('a call that is disconnected ends its frames', OUT_CALL, [up, down], [['server', disconnect]]),
  call('frames of an incoming call', IN_CALL, [down, up]),
  masqueraded('frames of a masqueraded call, the client first', false, 'up'),
  masqueraded('frames of a masqueraded call, the server first', false, 'down'),
  masqueraded('frames of an incoming call, masqueraded', true, 'up'),
  masqueraded('frames of an incoming call, masqueraded, the server first', true, 'down'),
  behind('client'),
  behind('server'),
];
