import { end, type HelperRow, HOSTS, packet, rules, Talk } from './talk.ts';

/** 10.1.0.5, 192.0.2.9, 10.0.2.1 as DCC writes them. */
const CLIENT = 0x0a010005;
const SERVER = 0xc0000209;
const ROUTER = 0x0a000201;

const dcc = (kind: string, address: number | string, port: number | string, tail = '\x01\r\n'): string =>
  `PRIVMSG nick :\x01DCC ${kind} file.txt ${address} ${port}${tail}`;

const expected = (port: number, dst: string = HOSTS.client[4]): string =>
  `l3proto = 2 proto=6 src=0.0.0.0 dst=${dst} sport=0 dport=${port} irc`;

function row(name: string, said: string, ...expects: string[]): HelperRow {
  const talk = new Talk(4, end('client', 4, 40_000), end('server', 4, 6667)).open().server(':hi\r\n').client(said);
  return { name, scenario: { v4rules: rules('irc', 'tcp', 6667), steps: talk.table().steps }, expects };
}

function fromServer(): HelperRow {
  const talk = new Talk(4, end('client', 4, 40_000), end('server', 4, 6667)).open().client('x\r\n');
  const steps = talk.server(dcc('SEND', SERVER, 5000)).table().steps;
  return {
    name: 'nothing of what the server says',
    scenario: { v4rules: rules('irc', 'tcp', 6667), steps },
    expects: [],
  };
}

/** Nine of them: the ninth takes the place of the first. */
function many(): HelperRow {
  const talk = new Talk(4, end('client', 4, 40_000), end('server', 4, 6667)).open().server(':hi\r\n');
  for (let port = 5_000; port < 5_009; port++) talk.client(dcc('SEND', CLIENT, port));
  const expects = Array.from({ length: 8 }, (_, index) => expected(5_001 + index));
  return { name: 'nine of them', scenario: { v4rules: rules('irc', 'tcp', 6667), steps: talk.table().steps }, expects };
}

/** The connection comes from anybody; then the second message goes on with shifted numbers. */
function masqueraded(name: string, address: number): HelperRow {
  const sees = { address: HOSTS.outside[4], port: 40_000 };
  const talk = new Talk(4, end('client', 4, 40_000), end('server', 4, 6667, sees)).open().server(':hi\r\n');
  const said = dcc('SEND', address, 5000);
  talk.raw(0, { flags: 'PA', data: said }, said.length);
  talk.server(':more\r\n').client('PING\r\n').server(':yet more\r\n').client('PONG\r\n').table();
  talk.also(packet(4, end('stranger', 4, 20), { address: HOSTS.outside[4], port: 5000 }, 'syn')).table();
  const nat = '*nat\n-A POSTROUTING -o tunB -j MASQUERADE\nCOMMIT\n';
  return { name, scenario: { v4rules: rules('irc', 'tcp', 6667, nat), steps: talk.steps }, expects: [] };
}

export const ircRows: readonly HelperRow[] = [
  row('SEND', dcc('SEND', CLIENT, 5000), expected(5000)),
  row('CHAT', dcc('CHAT', CLIENT, 5000), expected(5000)),
  row('MOVE', dcc('MOVE', CLIENT, 5000), expected(5000)),
  row('TSEND', dcc('TSEND', CLIENT, 5000), expected(5000)),
  row('SCHAT', dcc('SCHAT', CLIENT, 5000), expected(5000)),
  row('an unknown kind', dcc('RESUME', CLIENT, 5000)),
  row('a kind in small letters', dcc('send', CLIENT, 5000)),
  row('a command in small letters', dcc('SEND', CLIENT, 5000).replace('PRIVMSG', 'privmsg'), expected(5000)),
  row('blank lines before', `\r\n \r\n${dcc('SEND', CLIENT, 5000)}`, expected(5000)),
  row('another command', dcc('SEND', CLIENT, 5000).replace('PRIVMSG', 'NOTICES')),
  row('not at the start of the message', dcc('SEND', CLIENT, 5000).replace(' :', ' :hello ')),
  row('a colon in the nick', dcc('SEND', CLIENT, 5000).replace('nick', 'n:ck'), expected(5000)),
  row('a size behind the port', dcc('SEND', CLIENT, '5000 123456'), expected(5000)),
  row('several blanks before the port', dcc('SEND', CLIENT, '   5000'), expected(5000)),
  row('no newline', dcc('SEND', CLIENT, 5000, '\x01')),
  row('a newline in the next segment', dcc('SEND', CLIENT, 5000, '\x01\r')),
  row('a newline alone', dcc('SEND', CLIENT, 5000, '\x01\n'), expected(5000)),
  row("somebody else's address", dcc('SEND', SERVER, 5000)),
  row('an address that wraps', dcc('SEND', CLIENT + 2 ** 32, 5000), expected(5000)),
  row('an address in dots', dcc('SEND', '10.1.0.5', 5000)),
  row('port 0', dcc('SEND', CLIENT, 0)),
  row('a port that wraps', dcc('SEND', CLIENT, 65_536 + 5000), expected(5000)),
  row('no name', `PRIVMSG nick :\x01DCC SEND ${CLIENT} 5000\x01\r\n`),
  row('cut short', dcc('SEND', CLIENT, 5000).slice(0, 30)),
  row('nothing in it', '\r\n'),
  fromServer(),
  many(),
  masqueraded('masqueraded', CLIENT),
  masqueraded('masqueraded, and the client knows its address', ROUTER),
];
