// Ten mistakes that people make with rules, each with the text that the failing test prints: read the files in golden/ as a user
// would. `npx vitest run -u` writes them anew.

import { expect, test } from 'vitest';
import * as claims from '../../testing/claims.ts';
import { type FirewallSetup, firewall, fragments, type TestFirewall, tcp, udp } from '../../testing/index.ts';

const filter = (policy: string, ...rules: string[]): string =>
  `*filter
:INPUT ${policy} [0:0]
:FORWARD ${policy} [0:0]
:OUTPUT ACCEPT [0:0]
${rules.join('\n')}
COMMIT
`;
const nat = (...rules: string[]): string =>
  `*nat
:PREROUTING ACCEPT [0:0]
:INPUT ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
${rules.join('\n')}
COMMIT
`;
const [A4, B4, A6, B6] = ['10.0.1.2', '192.0.2.9', 'fd00:a::2', '2001:db8::9'];
const ESTABLISHED = '-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT';

const MISTAKES: readonly [name: string, setup: FirewallSetup, claim: (fw: TestFirewall) => claims.Claim][] = [
  [
    'wrong-order: the general drop stands before the exception',
    { v4: filter('ACCEPT', '-A FORWARD -p tcp -j DROP', '-A FORWARD -p tcp -m tcp --dport 443 -j ACCEPT') },
    (fw) => claims.accepted(fw.send(tcp(A4, B4, { dport: 443 }))),
  ],
  [
    'missing-return-path: the question passes, the answer does not',
    { v6: filter('DROP', '-A FORWARD -i inside -p udp -m udp --dport 53 -j ACCEPT') },
    (fw) => claims.accepted(fw.flow(udp(A6, B6, { dport: 53 })).connect()),
  ],
  [
    'forgotten-v6: the rules are for IPv4 only',
    { v4: filter('DROP', ESTABLISHED) },
    (fw) => claims.dropped(fw.send(tcp(B6, A6, { dport: 22 }))),
  ],
  [
    'shadowed-rule: a wider rule takes the packets of a later one',
    {
      v4: filter(
        'DROP',
        '-A FORWARD -s 10.0.0.0/8 -p tcp -j ACCEPT',
        '-A FORWARD -s 10.0.1.2/32 -p tcp -m tcp --dport 25 -m comment --comment "no mail from the printer" -j DROP',
      ),
    },
    (fw) => claims.matchesRule(fw.send(tcp(A4, B4, { dport: 25 })), 'no mail from the printer'),
  ],
  [
    'wrong-interface: the rule names the device that the packet leaves by',
    { v6: filter('DROP', ESTABLISHED, '-A FORWARD -i outside -p tcp -m tcp --dport 443 -j ACCEPT') },
    (fw) => claims.accepted(fw.send(tcp(A6, B6, { dport: 443 }))),
  ],
  [
    'state-missing: replies are let in by port, so anybody is',
    { v4: filter('DROP', '-A FORWARD -i inside -j ACCEPT', '-A FORWARD -p tcp -m tcp --sport 443 -j ACCEPT') },
    (fw) => claims.dropped(fw.send(tcp(B4, A4, { sport: 443, dport: 22 }))),
  ],
  [
    'nat-before-filter: the filter asks for the address that the client used',
    {
      v4:
        nat('-A PREROUTING -d 10.0.2.1/32 -p tcp -m tcp --dport 80 -j DNAT --to-destination 10.0.1.80:8080') +
        filter('DROP', ESTABLISHED, '-A FORWARD -d 10.0.2.1/32 -p tcp -m tcp --dport 80 -j ACCEPT'),
    },
    (fw) => claims.accepted(fw.send(tcp(B4, '10.0.2.1', { dport: 80 }))),
  ],
  [
    'log-without-drop: the packet is logged as refused, and passes',
    { v4: filter('ACCEPT', '-A FORWARD -p tcp -m tcp --dport 23 -j LOG --log-prefix "refused: "') },
    (fw) => claims.dropped(fw.send(tcp(A4, B4, { dport: 23 }))),
  ],
  [
    'policy-accept: what no rule names passes',
    { v6: filter('ACCEPT', ESTABLISHED, '-A FORWARD -i outside -p tcp -j REJECT --reject-with tcp-reset') },
    (fw) => claims.dropped(fw.send(udp(B6, A6, { dport: 161 }))),
  ],
  [
    'fragment: without tracking a later fragment has no ports',
    { v4: filter('DROP', '-A FORWARD -p udp -m udp --dport 53 -j ACCEPT') },
    (fw) => claims.accepted(fw.sendAll(fragments(udp(A4, B4, { dport: 53, data: 64 }), 40))[1]),
  ],
];

test.each(MISTAKES)('%s', async (title, setup, claim) => {
  const made = claim(firewall(setup));
  expect(made.pass).toBe(false);
  await expect(made.message()).toMatchFileSnapshot(`golden/${title.split(':')[0]}.txt`);
});
