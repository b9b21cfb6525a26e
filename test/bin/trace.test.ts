// Whole walks as people see them. A walk's order is the specification (engine/pipeline.ts); these rows are what the command shows of it.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { trace } from '../../bin/trace.ts';
import { writePcap } from './pcap.ts';
import { sekisho } from './program.ts';

const RULES = `*raw
-A PREROUTING -p icmp -j DROP
COMMIT
*filter
:INPUT DROP
:FORWARD DROP
:web - [0:0]
-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A FORWARD -p tcp -j web
-A FORWARD -p udp --dport 53 -j REJECT
-A web -p tcp --dport 443 --syn -j ACCEPT
-A web -p tcp --dport 25 -j LOG --log-prefix "mail "
COMMIT
`;

let folder: string;
let rules: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'sekisho-trace-'));
  rules = join(folder, 'r');
  writeFileSync(rules, RULES);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const DEFAULTS = { mode: 'router', inside: 'in0', outside: 'out0' } as const;

/** What the command prints, the folder's name left out. */
async function traced(words: string, options: Partial<Parameters<typeof trace>[1]> = {}) {
  let stdout = '';
  let stderr = '';
  const { write } = process.stdout;
  const { write: writeError } = process.stderr;
  process.stdout.write = ((text: string) => (stdout += text)) as never;
  process.stderr.write = ((text: string) => (stderr += text)) as never;
  try {
    const code = await trace(words.split(' '), { ...DEFAULTS, rules: [rules], ...options });
    return { code, stdout: stdout.replaceAll(`${folder}/`, ''), stderr: stderr.replaceAll(`${folder}/`, '') };
  } finally {
    process.stdout.write = write;
    process.stderr.write = writeError;
  }
}

describe('a packet through the rules', () => {
  test('that passes: every rule met, and why it matched or not', async () => {
    expect((await traced('tcp 2001:db8::1 > fd00:b::2 dport 443 syn')).stdout).toBe(`packet 0
  PREROUTING  in0  IP6 2001:db8::1.1024 > fd00:b::2.443: Flags [S], seq 0, win 65535, length 0
    raw
      PREROUTING 1  -A PREROUTING -p icmp -j DROP  (r:2)
                    no: protocol saw protocol 6
      PREROUTING policy: ACCEPT
    tracker: NEW, connection 0
  route: forward by out0
  FORWARD  in0 -> out0  IP6 2001:db8::1.1024 > fd00:b::2.443: Flags [S], seq 0, win 65535, length 0
    filter
      FORWARD 1  -A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT  (r:8)
                 no: -m conntrack saw ctstate NEW ctproto 6 ctstatus NONE ctdir ORIGINAL
      FORWARD 2  -A FORWARD -p tcp -j web  (r:9)
                 yes: jumps to web
      web 1  -A web -p tcp -m tcp --dport 443 --tcp-flags FIN,SYN,RST,ACK SYN -j ACCEPT  (r:11)
             yes: ACCEPT
  POSTROUTING  in0 -> out0  IP6 2001:db8::1.1024 > fd00:b::2.443: Flags [S], seq 0, win 65535, length 0
  out by out0  IP6 2001:db8::1.1024 > fd00:b::2.443: Flags [S], seq 0, win 65535, length 0
packet 0 was sent
`);
  });

  test('that is refused: the answer is a packet of its own', async () => {
    const { stdout } = await traced('udp 10.0.1.5 > 10.0.2.9 dport 53');
    expect(stdout.slice(stdout.indexOf('      FORWARD 2'))).toBe(`      FORWARD 2  -A FORWARD -p tcp -j web  (r:9)
                 no: protocol saw protocol 17
      FORWARD 3  -A FORWARD -p udp -m udp --dport 53 -j REJECT --reject-with icmp-port-unreachable  (r:10)
                 yes: DROP
packet 1
  OUTPUT  own -> in0  IP 10.0.1.1 > 10.0.1.5: ICMP port-unreachable, length 36, about: IP 10.0.1.5.1024 > 10.0.2.9.53 UDP
    raw
      OUTPUT policy: ACCEPT
    tracker: RELATED, connection 0
    filter
      OUTPUT policy: ACCEPT
  POSTROUTING  own -> in0  IP 10.0.1.1 > 10.0.1.5: ICMP port-unreachable, length 36, about: IP 10.0.1.5.1024 > 10.0.2.9.53 UDP
  out by in0  IP 10.0.1.1 > 10.0.1.5: ICMP port-unreachable, length 36, about: IP 10.0.1.5.1024 > 10.0.2.9.53 UDP
packet 0
  DROP: filter FORWARD rule 3
packet 0 was dropped: filter FORWARD rule 3
`);
  });

  test.each([
    [
      'a user chain that ends, a policy',
      'tcp 10.0.1.5 > 10.0.2.9 dport 25 syn',
      [
        '      web 2  -A web -p tcp -m tcp --dport 25 -j LOG --log-prefix "mail "  (r:12)\n',
        '      log <4> mail IN=in0 OUT=out0 ',
        '      FORWARD policy: DROP\n  DROP: filter FORWARD policy\npacket 0 was dropped: filter FORWARD policy\n',
      ],
    ],
    [
      'a drop before the tracker',
      'icmp 10.0.1.5 > 10.0.2.9 echo-request',
      [
        '      PREROUTING 1  -A PREROUTING -p icmp -j DROP  (r:2)\n                    yes: DROP\n',
        'packet 0 was dropped: raw PREROUTING rule 1\n',
      ],
    ],
    [
      'to the router itself',
      'tcp 10.0.1.5 > 10.0.1.1 dport 22 syn',
      ['  route: input\n  INPUT  in0  ', '      INPUT policy: DROP\n'],
    ],
    ['as hex', '4500001c0001000040010000 0a000105 0a000209 0800000000010001', ['  DROP: IPv4 header checksum wrong\n']],
  ])('%s', async (_, words, parts) => {
    const { stdout } = await traced(words);
    let at = 0;
    for (const part of parts) {
      expect(stdout.slice(at)).toContain(part);
      at = stdout.indexOf(part, at);
    }
  });

  test('--after: what went before makes the connection, in both directions', async () => {
    const after = [
      'tcp 10.0.1.5 > 10.0.2.9 sport 1000 dport 443 syn seq 1',
      'out0: tcp 10.0.2.9 > 10.0.1.5 sport 443 dport 1000 syn ack seq 7',
    ];
    const { stdout } = await traced('tcp 10.0.1.5 > 10.0.2.9 sport 1000 dport 443 ack seq 2', { after });
    expect(stdout).toContain('tracker: ESTABLISHED, connection 0\n');
    expect(stdout).toContain('--ctstate RELATED,ESTABLISHED -j ACCEPT  (r:8)\n                 yes: ACCEPT\n');
  });

  test('bridge mode, from the other side', async () => {
    const { stdout } = await traced('tcp 10.0.2.9 > 10.0.1.5 dport 443 syn', { mode: 'bridge', in: 'out0' });
    expect(stdout).toMatch(/^ {2}FORWARD {2}out0 -> in0 {2}IP 10\.0\.2\.9/m);
  });

  test('a frame of a capture', async () => {
    const path = join(folder, 'two.pcap');
    writePcap(path, ['tcp 10.0.1.5 > 10.0.2.9 dport 1 syn', 'udp 10.0.1.5 > 10.0.2.9 dport 2']);
    expect((await traced(`${path}#2`)).stdout).toMatch(
      /PREROUTING {2}in0 {2}IP 10\.0\.1\.5\.1024 > 10\.0\.2\.9\.2: UDP/,
    );
    expect(await traced(`${path}#3`)).toEqual({ code: 2, stdout: '', stderr: 'sekisho: two.pcap has no frame 3\n' });
  });

  test('--json: rules as text with their place, octets as hex', async () => {
    const { stdout } = await traced('icmp 10.0.1.5 > 10.0.2.9 echo-request', { json: true });
    const { steps, fate, reason } = JSON.parse(stdout);
    expect({ fate, reason }).toEqual({ fate: 'dropped', reason: 'raw PREROUTING rule 1' });
    expect(steps[0]).toMatchObject({
      kind: 'hook',
      hook: 'PREROUTING',
      in: 'in0',
      octets: expect.stringMatching(/^45[0-9a-f]+$/),
    });
    expect(steps[2]).toMatchObject({
      kind: 'rule',
      table: 'raw',
      chain: 'PREROUTING',
      number: 1,
      rule: '-A PREROUTING -p icmp -j DROP',
      file: 'r',
      line: 2,
      verdict: 'DROP',
    });
  });
});

describe('what cannot be traced', () => {
  test('a word that is none, with a caret', async () => {
    expect(await traced('tcp 10.0.1.5 > 10.0.2.9 dprot 25')).toEqual({
      code: 2,
      stdout: '',
      stderr: `sekisho: "dprot" is not a word for packets
  tcp 10.0.1.5 > 10.0.2.9 dprot 25
                          ^^^^^
hint: did you mean "dport"?
`,
    });
  });

  test('rules that are wrong, in the words of restore', async () => {
    const wrong = join(folder, 'wrong');
    writeFileSync(wrong, '*filter\n-A FORWARD -j FOO\nCOMMIT\n');
    const { code, stderr } = await traced('udp 10.0.1.5 > 10.0.2.9', { rules: [wrong] });
    expect([code, stderr]).toEqual([2, expect.stringContaining("Couldn't load target `FOO'")]);
  });

  test.each([
    ['another device', { in: 'in7' }, 'sekisho: --in in7: the devices are in0 and out0\n'],
    ['a packet before from nowhere', { after: ['in7: udp 10.0.1.5 > 10.0.2.9'] }, 'no device in7'],
    ['a file that is not there', { rules: ['/nowhere/at/all'] }, 'sekisho: /nowhere/at/all: no such file\n'],
  ])('%s', async (_, options, said) => {
    const { code, stderr } = await traced('udp 10.0.1.5 > 10.0.2.9', options);
    expect([code, stderr]).toEqual([2, expect.stringContaining(said)]);
  });
});

describe('without rules, through those that are in force', () => {
  const env = (): Record<string, string> => ({ SEKISHO_STATE_DIR: join(folder, 'state') });
  const packet = ['udp', '192.0.2.9', '>', '10.0.1.5', 'dport', '9'];

  test('with their sets', () => {
    const nothing = sekisho(['trace', ...packet], { env: env() });
    expect([nothing.code, nothing.stdout]).toEqual([0, expect.stringContaining('packet 0 was sent')]);
    for (const words of ['create bad hash:net', 'add bad 192.0.2.0/24'])
      sekisho(['ipset', ...words.split(' ')], { env: env() });
    sekisho(['iptables', ...'-A FORWARD -m set --match-set bad src -j DROP'.split(' ')], { env: env() });
    const { stdout } = sekisho(['trace', '--in', 'outside', ...packet], { env: env() });
    expect(stdout).toContain('packet 0 was dropped: filter FORWARD rule 1\n');
  });

  test('as a daemon of a configuration file', () => {
    const config = join(folder, 'sekisho.yaml');
    const devices = 'devices:\n  lan0: { addresses: 10.0.1.1/24 }\n  ppp0: { addresses: 192.0.2.1/24 }\n';
    writeFileSync(config, `mode: router\nstate: ${join(folder, 'other')}\n${devices}`);
    sekisho(['iptables', '-P', 'FORWARD', 'DROP'], { env: { SEKISHO_STATE_DIR: join(folder, 'other') } });
    const { code, stdout } = sekisho(['trace', '--config', config, '--in', 'ppp0', ...packet]);
    expect([code, stdout]).toEqual([0, expect.stringContaining('packet 0 was dropped: filter FORWARD policy\n')]);
    writeFileSync(config, `mode: ruoter\n${devices}`);
    const wrong = sekisho(['trace', '--config', config, ...packet]);
    expect([wrong.code, wrong.stderr]).toEqual([2, expect.stringContaining('did you mean "router"?')]);
  });
});

test('on the command line', () => {
  const { code, stdout } = sekisho(['trace', '--rules', rules, 'udp', '10.0.1.5', '>', '10.0.2.9', 'dport', '53']);
  expect([code, stdout]).toEqual([0, expect.stringContaining('packet 0 was dropped: filter FORWARD rule 3\n')]);
});
