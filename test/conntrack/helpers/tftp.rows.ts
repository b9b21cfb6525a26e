import { end, type Family, type HelperRow, HOSTS, packet, rules } from './talk.ts';

const request = (opcode: number): Uint8Array => Uint8Array.of(0, opcode, ...new TextEncoder().encode('boot\0octet\0'));

const FULL = {
  'fd00:1::5': 'fd00:0001:0000:0000:0000:0000:0000:0005',
  '2001:db8::9': '2001:0db8:0000:0000:0000:0000:0000:0009',
};
const expected = (family: Family): string =>
  family === 4
    ? `l3proto = 2 proto=17 src=${HOSTS.server[4]} dst=${HOSTS.client[4]} sport=0 dport=2000 tftp`
    : `l3proto = 10 proto=17 src=${FULL[HOSTS.server[6]]} dst=${FULL[HOSTS.client[6]]} sport=0 dport=2000 tftp`;

/** A request, and who answers; then the answer of the answered one once more in the other direction. */
function row(name: string, family: Family, data: Uint8Array | string, answer: boolean, nat = ''): HelperRow {
  const [client, server] = [end('client', family, 2_000), end('server', family, 69)];
  const back = nat === '' ? client : { address: HOSTS.outside[family], port: 2_000 };
  const steps = [packet(family, client, server, data), { ct: true as const }];
  const answers = [
    packet(family, end('stranger', family, 3_000), back, 'x'),
    packet(family, end('server', family, 3_000), back, 'data'),
    packet(family, client, { ...server, port: 3_000 }, 'ack'),
    { ct: true as const },
  ];
  return {
    name: `${name} over IPv${family}`,
    scenario: { [`v${family}rules`]: rules('tftp', 'udp', 69, nat), steps: answer ? [...steps, ...answers] : steps },
    expects: answer || name.startsWith('no') ? [] : [expected(family)],
  };
}

const SNAT = '*nat\n-A POSTROUTING -o tunB -j MASQUERADE\nCOMMIT\n';

export const tftpRows: readonly HelperRow[] = ([4, 6] as const).flatMap((family) => [
  row('a request to read', family, request(1), false),
  row('a request to write', family, request(2), false),
  row('nothing of data', family, request(3), false),
  row('nothing of an empty datagram', family, '', false),
  row('nothing of one octet', family, '\0', false),
  row('what comes of a request', family, request(1), true),
  row('what comes of it, masqueraded', family, request(1), true, SNAT),
]);
