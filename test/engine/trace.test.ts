import { describe, expect, test } from 'vitest';
import { dump } from '../../conntrack/format.ts';
import { traceText } from '../../engine/trace/trace-text.ts';
import { fragments6, icmp6, ip6, tcp, udp } from '../../packet/build.ts';
import { toHex } from '../../packet/bytes.ts';
import { filter, firewallOf, ROUTER, type TestFirewall } from './firewall-of.ts';

const RULES = `*raw
:PREROUTING ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
-A PREROUTING -i tunB -p udp -m udp --sport 7 -j DROP
COMMIT
${filter(
  `:web - [0:0]
-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A FORWARD ! -s fd00:a::/64 -j DROP
-A FORWARD -p udp -m udp --dport 53 -m limit --limit 1/hour --limit-burst 2 -j ACCEPT
-A FORWARD -p tcp -g web
-A web -p tcp -m tcp --dport 443 -j ACCEPT
-A web -j LOG --log-prefix "web "
-A web -p tcp -j REJECT --reject-with tcp-reset`,
  'DROP',
)}`;

const walled = (): TestFirewall => {
  const wall = firewallOf(ROUTER);
  wall.load(6, RULES);
  return wall;
};

test('every hook, table and rule met, why not, what was seen, and the packets that it caused', () => {
  const wall = walled();
  const trace = wall.firewall.trace(ip6({}, tcp({ dport: 80, flags: 'S' })), { device: 'tunA' });
  const line = 'IP6 fd00:a::2.1024 > fd00:b::2.80: Flags [S], seq 0, win 65535, length 0';
  const answer = 'IP6 fd00:b::2.80 > fd00:a::2.1024: Flags [R.], seq 0, ack 1, win 0, length 0';
  expect(traceText(trace, wall.rulesets[6].printing).split('\n')).toEqual([
    'packet 0',
    `  PREROUTING  tunA  ${line}`,
    '    raw',
    '      PREROUTING 1  -A PREROUTING -i tunB -p udp -m udp --sport 7 -j DROP',
    '                    no: in-interface saw tunA',
    '      PREROUTING policy: ACCEPT',
    '    tracker: NEW, connection 0',
    '  route: forward by tunB',
    `  FORWARD  tunA -> tunB  ${line}`,
    '    filter',
    '      FORWARD 1  -A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT',
    '                 no: -m conntrack saw ctstate NEW ctproto 6 ctstatus NONE ctdir ORIGINAL',
    '      FORWARD 2  -A FORWARD ! -s fd00:a::/64 -j DROP',
    '                 no: source saw fd00:a::2',
    '      FORWARD 3  -A FORWARD -p udp -m udp --dport 53 -m limit --limit 1/hour --limit-burst 2 -j ACCEPT',
    '                 no: protocol saw protocol 6',
    '      FORWARD 4  -A FORWARD -p tcp -g web',
    '                 yes: goes to web',
    '      web 1  -A web -p tcp -m tcp --dport 443 -j ACCEPT',
    '             no: -m tcp saw sport 1024 dport 80 flags SYN',
    '      web 2  -A web -j LOG --log-prefix "web "',
    '             yes: CONTINUE',
    expect.stringMatching(/^ {6}log <4> web IN=tunA OUT=tunB .* PROTO=TCP SPT=1024 DPT=80 /),
    '      web 3  -A web -p tcp -j REJECT --reject-with tcp-reset',
    '             yes: DROP',
    'packet 1',
    `  OUTPUT  own -> tunA  ${answer}`,
    '    raw',
    '      OUTPUT policy: ACCEPT',
    '    tracker: RELATED, connection 0',
    '    filter',
    '      OUTPUT policy: ACCEPT',
    `  POSTROUTING  own -> tunA  ${answer}`,
    `  out by tunA  ${answer}`,
    'packet 0',
    '  DROP: filter web rule 3',
    'packet 0 was dropped: filter web rule 3',
    '',
  ]);
});

/** Everything that a walk may change. */
const state = ({ firewall, save, logged }: TestFirewall): string =>
  JSON.stringify([save(6), dump(firewall.tracker, firewall.now), firewall.dropCounts(), logged, firewall.now]);

describe('a trace says what will happen, and changes nothing', () => {
  const [first, second] = fragments6(ip6({}, udp({ sport: 9, dport: 53, data: new Uint8Array(200) })), 104, 5);
  // One session in order: each packet is traced, then let in.
  const session: readonly (readonly [string, string, Uint8Array, string, number])[] = [
    ['a SYN', 'tunA', ip6({}, tcp({ sport: 5, dport: 443, flags: 'S', seq: 10 })), 'sent', 1],
    ['its answer', 'tunB', turned(tcp({ sport: 443, dport: 5, flags: 'SA', seq: 90, ack: 11 })), 'sent', 1],
    ['an ACK', 'tunA', ip6({}, tcp({ sport: 5, dport: 443, flags: 'A', seq: 11, ack: 91 })), 'sent', 1],
    [
      'one out of the window',
      'tunB',
      turned(tcp({ sport: 443, dport: 5, flags: 'A', seq: 5e8, ack: 11 })),
      'dropped',
      0,
    ],
    ['a query within the limit', 'tunA', ip6({}, udp({ sport: 8, dport: 53 })), 'sent', 1],
    ['the first of two fragments', 'tunA', first, 'held', 0],
    ['the second one', 'tunA', second, 'sent', 2],
    ['a query above the limit', 'tunA', ip6({}, udp({ sport: 10, dport: 53 })), 'dropped', 0],
    ['a SYN that is rejected', 'tunA', ip6({}, tcp({ sport: 6, dport: 80, flags: 'S' })), 'dropped', 1],
    ['a ping of the router', 'tunA', ip6({ dst: 'fd00:a::1' }, icmp6({ type: 128 })), 'delivered', 1],
    ['the end of its time', 'tunA', ip6({ hopLimit: 1 }, udp()), 'dropped', 1],
    ['from outside', 'tunB', turned(udp({ sport: 7 })), 'dropped', 0],
  ];
  function turned(layer: ReturnType<typeof tcp>): Uint8Array {
    return ip6({ src: 'fd00:b::2', dst: 'fd00:a::2' }, layer);
  }

  const wall = walled();
  test.each(session)('%s', (_name, device, octets, fate, packets) => {
    const before = state(wall);
    const trace = wall.firewall.trace(octets, { device });
    expect(state(wall)).toBe(before);
    expect(wall.sent()).toEqual([]);
    expect(trace.fate).toBe(fate);
    const predicted = trace.steps.flatMap((step) =>
      step.kind === 'sent' ? [`${step.device} ${toHex(step.octets)}`] : [],
    );
    expect(predicted).toHaveLength(packets);
    // Next header 44: the new identification of the fragments is random.
    const masked = (line: string) => line.replace(/^(tunB .{12}2c.{74}).{8}/, '$1');
    expect(wall.receive(device, octets).map(masked)).toEqual(predicted.map(masked));
  });
});

test('a live trace counts, tracks and sends', () => {
  const wall = walled();
  wall.firewall.trace(ip6({}, tcp({ dport: 443, flags: 'S' })), { device: 'tunA', live: true });
  expect(wall.sent()).toHaveLength(1);
  expect(wall.save(6)).toContain('[1:60] -A web -p tcp -m tcp --dport 443 -j ACCEPT');
  expect(dump(wall.firewall.tracker, 0)).toHaveLength(1);
});

test('a trace of what the router itself sends', () => {
  const wall = walled();
  const octets = ip6({ src: 'fd00:b::1' }, udp({ dport: 53 }));
  const hooks = wall.firewall.trace(octets).steps.flatMap((step) => (step.kind === 'hook' ? [step.hook] : []));
  expect(hooks).toEqual(['OUTPUT', 'POSTROUTING']);
});
