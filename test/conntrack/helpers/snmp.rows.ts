import { end, type HelperRow, HOSTS, packet, rules } from './talk.ts';

// --- BER --------------------------------------------------------------------------------------------------------------

const tlv = (tag: number, ...contents: (number | Uint8Array)[]): Uint8Array => {
  const inner = contents.flatMap((one) => (typeof one === 'number' ? [one] : [...one]));
  const length = inner.length < 0x80 ? [inner.length] : [0x82, inner.length >>> 8, inner.length & 0xff];
  return Uint8Array.of(tag, ...length, ...inner);
};
const integer = (value: number) => tlv(0x02, value);
const text = (value: string) => tlv(0x04, new TextEncoder().encode(value));
const oid = (...arcs: number[]) => tlv(0x06, ...arcs);
const address = (dotted: string, tag = 0x40) => tlv(tag, ...dotted.split('.').map(Number));
const binding = (value: Uint8Array) => tlv(0x30, oid(43, 6, 1), value);
const bindings = (...values: Uint8Array[]) => tlv(0x30, ...values.map(binding));
const message = (pdu: Uint8Array, version = 0) => tlv(0x30, integer(version), text('public'), pdu);
const told = (...values: Uint8Array[]) => tlv(0xa7, integer(9), integer(0), integer(0), bindings(...values));
const response = (...values: Uint8Array[]) => tlv(0xa2, integer(9), integer(0), integer(0), bindings(...values));
const trap = (agent: string, ...values: Uint8Array[]) =>
  tlv(0xa4, oid(43, 6), address(agent), integer(6), integer(1), tlv(0x43, 1, 2, 3), bindings(...values));

// --- Rows -------------------------------------------------------------------------------------------------------------

const CLIENT = HOSTS.client[4];
const SNAT = '*nat\n-A POSTROUTING -o tunB -j SNAT --to-source 203.0.113.99\nCOMMIT\n';
const OUTSIDE = '203.0.113.99';

/** A trap of an agent whose address is translated. */
function trapped(name: string, data: Uint8Array, nat = SNAT): HelperRow {
  const steps = [packet(4, end('client', 4, 1_062), end('server', 4, 162), data), { ct: true as const }];
  return { name: `trap: ${name}`, scenario: { v4rules: rules('snmp_trap', 'udp', 162, nat), steps }, expects: [] };
}

/** The agent answers a question of a manager whose address is translated. */
function answered(name: string, data: Uint8Array, nat = SNAT): HelperRow {
  const [client, server] = [end('client', 4, 1_061), end('server', 4, 161)];
  const back = nat === '' ? client : { address: OUTSIDE, port: 1_061 };
  const question = message(tlv(0xa0, integer(9), integer(0), integer(0), bindings(tlv(0x05))));
  const steps = [packet(4, client, server, question), packet(4, server, back, data), { ct: true as const }];
  return { name: `answer: ${name}`, scenario: { v4rules: rules('snmp', 'udp', 161, nat), steps }, expects: [] };
}

/** The agent is behind DNAT. */
function behind(name: string, data: Uint8Array): HelperRow {
  const nat = `*nat\n-A PREROUTING -i tunB -p udp --dport 161 -j DNAT --to-destination ${CLIENT}\nCOMMIT\n`;
  const [manager, agent] = [end('server', 4, 1_061), end('client', 4, 161)];
  const question = message(tlv(0xa0, integer(9), integer(0), integer(0), bindings(tlv(0x05))));
  const steps = [
    packet(4, manager, { address: HOSTS.outside[4], port: 161 }, question),
    packet(4, agent, manager, data),
    { ct: true as const },
  ];
  return { name: `behind DNAT: ${name}`, scenario: { v4rules: rules('snmp', 'udp', 161, nat), steps }, expects: [] };
}

const OTHERS = [
  integer(5),
  text('odd'),
  oid(43, 6),
  tlv(0x41, 1),
  tlv(0x42, 1),
  tlv(0x43, 1),
  tlv(0x44, 1),
  tlv(0x46, 1),
];
const NONE = [tlv(0x05), tlv(0x80), tlv(0x81), tlv(0x82)];

const TRAPS_OF_1 = 'the kernel drops traps of version 1';

export const snmpRows: readonly HelperRow[] = [
  trapped(
    'an address among the values, at an odd offset too',
    message(told(address(CLIENT), text('a'), address(CLIENT))),
  ),
  trapped("somebody else's addresses stay", message(told(address(HOSTS.stranger[4])))),
  trapped('an address as a text stays', message(told(address(CLIENT, 0x04)))),
  trapped('without translation', message(told(address(CLIENT))), ''),
  trapped('all kinds of values', message(told(...OTHERS, ...NONE))),
  trapped('an address of three octets', message(told(tlv(0x40, 1, 2, 3)))),
  trapped('version 2c', message(told(address(CLIENT)), 1)),
  trapped('version 3', message(told(address(CLIENT)), 3)),
  trapped('a version of two octets', tlv(0x30, tlv(0x02, 0, 1), text('public'), told(integer(1)))),
  trapped('no message', new TextEncoder().encode('hello')),
  trapped('nothing', new Uint8Array(0)),
  trapped('cut short', message(told(integer(1))).slice(0, -1)),
  trapped('octets behind', Uint8Array.of(...message(told(address(CLIENT))), 0, 0)),
  trapped('nothing in it', tlv(0x30, integer(0), text('public'))),
  trapped('two of them', tlv(0x30, integer(0), text('public'), told(integer(1)), told(integer(1)))),
  trapped('a kind of its own', message(tlv(0xa9, integer(1), integer(0), integer(0), bindings(integer(1))))),
  trapped(
    'a kind that does not say it has parts',
    message(tlv(0x82, integer(1), integer(0), integer(0), bindings(address(CLIENT)))),
  ),
  trapped('a value of an unknown kind', message(told(tlv(0x45, 1)))),
  trapped(
    'a value too many',
    message(tlv(0xa2, integer(1), integer(0), integer(0), tlv(0x30, tlv(0x30, oid(43), integer(1), integer(2))))),
  ),
  trapped('no values', message(told())),
  trapped(
    'a name without a value',
    message(tlv(0xa2, integer(1), integer(0), integer(0), tlv(0x30, tlv(0x30, oid(43))))),
  ),
  trapped('no name', message(tlv(0xa2, integer(1), integer(0), integer(0), tlv(0x30, tlv(0x30))))),
  trapped('a long message', message(told(text('x'.repeat(300)), address(CLIENT)))),
  { ...trapped('the address of the agent', message(trap(CLIENT))), differs: TRAPS_OF_1 },
  { ...trapped('the address of the agent and others', message(trap(CLIENT, address(CLIENT)))), differs: TRAPS_OF_1 },
  answered('its values', message(response(address(CLIENT), address(OUTSIDE), address(HOSTS.server[4])))),
  answered('without translation', message(response(address(CLIENT))), ''),
  answered('no message', Uint8Array.of(0x30, 0x05)),
  behind('its values', message(response(address(CLIENT), address(HOSTS.outside[4]), address(HOSTS.server[4])))),
];
