import { end, type Family, type HelperRow, HOSTS, packet, rules } from './talk.ts';

const CONNECT = 'Amanda 2.4 REP HANDLE 0 SEQ 1\nCONNECT DATA 1001 MESG 1002 INDEX 1003\n';
const expected = (port: number, dst: string = HOSTS.server[4]): string =>
  `l3proto = 2 proto=6 src=${HOSTS.client[4]} dst=${dst} sport=0 dport=${port} amanda`;

const FULL = {
  'fd00:1::5': 'fd00:0001:0000:0000:0000:0000:0000:0005',
  '2001:db8::9': '2001:0db8:0000:0000:0000:0000:0000:0009',
};

function row(name: string, said: string, expects: readonly number[], family: Family = 4): HelperRow {
  const [client, server] = [end('client', family, 900), end('server', family, 10_080)];
  const steps = [packet(family, client, server, 'REQ'), packet(family, server, client, said), { ct: true as const }];
  return {
    name: `${name} over IPv${family}`,
    scenario: { [`v${family}rules`]: rules('amanda', 'udp', 10_080), steps },
    expects: expects.map((port) =>
      family === 4
        ? expected(port)
        : `l3proto = 10 proto=6 src=${FULL[HOSTS.client[6]]} dst=${FULL[HOSTS.server[6]]} sport=0 dport=${port} amanda`,
    ),
  };
}

/** The machine that is backed up is behind DNAT; two clients, so that ports are taken. */
function forwarded(): HelperRow {
  const nat = `*nat\n-A PREROUTING -i tunB -p udp --dport 10080 -j DNAT --to-destination ${HOSTS.client[4]}\nCOMMIT\n`;
  const backed = end('client', 4, 10_080);
  const outside = { address: HOSTS.outside[4], port: 10_080 };
  const server = end('server', 4, 900);
  const steps = [
    packet(4, server, outside, 'REQ'),
    packet(4, backed, server, CONNECT),
    { ct: true as const },
    packet(4, end('server', 4, 5_000), { ...outside, port: 1_002 }, 'syn'),
    { ct: true as const },
  ];
  const expects = [1001, 1003].map(
    (port) => `l3proto = 2 proto=6 src=${HOSTS.server[4]} dst=${HOSTS.outside[4]} sport=0 dport=${port} amanda`,
  );
  return { name: 'behind DNAT', scenario: { v4rules: rules('amanda', 'udp', 10_080, nat), steps }, expects };
}

export const amandaRows: readonly HelperRow[] = [
  row('three streams', CONNECT, [1001, 1002, 1003]),
  row('three streams', CONNECT, [1001, 1002, 1003], 6),
  row('state too', 'CONNECT STATE 1004 DATA 1001\n', [1004, 1001]),
  row('no line end', 'CONNECT DATA 1001', []),
  row('another line', 'CONNECTED DATA 1001\n', []),
  row('streams of the next line', 'CONNECT\nDATA 1001\n', []),
  row('no port', 'CONNECT DATA x MESG 1002\n', []),
  row('port 0 ends it', 'CONNECT DATA 1001 MESG 0 INDEX 1003\n', [1001]),
  row('a port that wraps', 'CONNECT DATA 66537\n', [1001]),
  row('six digits', 'CONNECT DATA 100123\n', [10012]),
  row('nothing', '', []),
  forwarded(),
];
