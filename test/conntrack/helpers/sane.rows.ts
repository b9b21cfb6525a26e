import { end, type Family, type HelperRow, HOSTS, packet, rules, Talk } from './talk.ts';

const START = Uint8Array.of(0, 0, 0, 7, 0, 0, 0, 1);
const answer = (status: number, port: number, zero = 0): Uint8Array =>
  Uint8Array.of(0, 0, 0, status, 0, zero, port >>> 8, port & 0xff, 1, 2, 3, 4);

const FULL = {
  'fd00:1::5': 'fd00:0001:0000:0000:0000:0000:0000:0005',
  '2001:db8::9': '2001:0db8:0000:0000:0000:0000:0000:0009',
};
const expected = (family: Family): string =>
  family === 4
    ? `l3proto = 2 proto=6 src=${HOSTS.client[4]} dst=${HOSTS.server[4]} sport=0 dport=7000 sane`
    : `l3proto = 10 proto=6 src=${FULL[HOSTS.client[6]]} dst=${FULL[HOSTS.server[6]]} sport=0 dport=7000 sane`;

function row(name: string, talk: (of: Talk) => Talk, expects: boolean, family: Family = 4): HelperRow {
  const said = talk(new Talk(family, end('client', family, 40_000), end('server', family, 6566)).open());
  return {
    name: `${name} over IPv${family}`,
    scenario: { [`v${family}rules`]: rules('sane', 'tcp', 6566), steps: said.table().steps },
    expects: expects ? [expected(family)] : [],
  };
}

export const saneRows: readonly HelperRow[] = [
  row('a picture begins', (of) => of.client(START).server(answer(0, 7000)), true),
  row('a picture begins', (of) => of.client(START).server(answer(0, 7000)), true, 6),
  row('refused', (of) => of.client(START).server(answer(3, 7000)), false),
  row('not zero', (of) => of.client(START).server(answer(0, 7000, 1)), false),
  row(
    'an answer to something else',
    (of) => of.client(Uint8Array.of(0, 0, 0, 6, 0, 0, 0, 1)).server(answer(0, 7000)),
    false,
  ),
  row(
    'asked for, and then something else',
    (of) =>
      of
        .client(START)
        .client(Uint8Array.of(0, 0, 0, 6, 0, 0, 0, 1))
        .server(answer(0, 7000)),
    false,
  ),
  row('a request and more', (of) => of.client(Uint8Array.of(...START, 0, 0)).server(answer(0, 7000)), false),
  row(
    'asked for, and then something long',
    (of) =>
      of
        .client(START)
        .client(Uint8Array.of(0, 0, 0, 6, 0, 0, 0, 1, 2))
        .server(answer(0, 7000)),
    true,
  ),
  row('a request cut short', (of) => of.client(START.slice(0, 7)).server(answer(0, 7000)), false),
  row('a short word between', (of) => of.client(START).client('xyz').server(answer(0, 7000)), true),
  row('an answer cut short', (of) => of.client(START).server(answer(0, 7000).slice(0, 7)), false),
  row('the second answer', (of) => of.client(START).server(answer(3, 7000)).server(answer(0, 7000)), false),
  {
    name: 'what comes of it',
    scenario: {
      v4rules: rules('sane', 'tcp', 6566),
      steps: new Talk(4, end('client', 4, 40_000), end('server', 4, 6566))
        .open()
        .client(START)
        .server(answer(0, 7000))
        .also(packet(4, end('client', 4, 41_000), { address: HOSTS.server[4], port: 7000 }, 'syn'))
        .table().steps,
    },
    expects: [],
  },
];
