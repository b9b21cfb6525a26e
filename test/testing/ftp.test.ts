import { describe, expect, test } from 'vitest';
import { firewall } from '../../testing/index.ts';

const V4 = { client: '192.168.1.30', server: '198.51.100.9' };
const V6 = { client: 'fd00:1::30', server: '2001:db8::9' };

const devices = {
  lan0: ['192.168.1.1/24', 'fd00:1::1/64'],
  wan0: { addresses: ['203.0.113.7/24', '2001:db8:1::7/64'], routes: ['default', '::/0'] },
};

/** Only control connections, and what is expected. */
const wall = (nat = '', helper = '-j CT --helper ftp') => `*raw
-A PREROUTING -p tcp --dport 21 ${helper}
COMMIT
*nat
${nat}
COMMIT
*filter
:FORWARD DROP [0:0]
-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A FORWARD -p tcp --dport 21 -m conntrack --ctstate NEW -j ACCEPT
COMMIT
`;

describe.each([
  ['as it is', '', ''],
  ['masqueraded', '-A POSTROUTING -o wan0 -j MASQUERADE', '-A POSTROUTING -o wan0 -j MASQUERADE'],
])('a session, %s', (_name, nat4, nat6) => {
  const fw = firewall({ v4: wall(nat4), v6: wall(nat6), devices });

  test.each([
    ['PORT', V4, 'active', false],
    ['EPRT', V4, 'active', true],
    ['227', V4, 'passive', false],
    ['229', V4, 'passive', true],
    ['EPRT', V6, 'active', true],
    ['229', V6, 'passive', true],
  ] as const)('%s of %o', (_command, { client, server }, way, extended) => {
    fw.reset();
    const session = fw.ftp(client, server);
    expect(session.connect().verdict).toBe('accepted');
    for (let transfer = 0; transfer < 3; transfer++) {
      const data = session[way]({ extended });
      const first = data.open();
      expect([first.verdict, first.ctstate]).toEqual(['accepted', 'RELATED']);
      expect(data.connect().verdict).toBe('accepted');
      expect(data.reply(1_000).ctstate).toBe('ESTABLISHED');
      expect(data.close().verdict).toBe('accepted');
      // The control connection goes on with shifted numbers.
      expect(session.control.send('NOOP\r\n').ctstate).toBe('ESTABLISHED');
      expect(session.control.reply('200 ok\r\n').ctstate).toBe('ESTABLISHED');
    }
  });
});

test('without a helper, nothing is RELATED', () => {
  const fw = firewall({ v4: wall('', '-j ACCEPT'), devices });
  const session = fw.ftp(V4.client, V4.server);
  session.connect();
  const outcome = session.passive().open();
  expect([outcome.verdict, outcome.ctstate]).toEqual(['dropped', 'NEW']);
});

test('what is said of another host is not believed', () => {
  const fw = firewall({ v4: wall(), devices });
  const session = fw.ftp(V4.client, V4.server);
  session.connect();
  const data = session.active({ says: 'PORT 192,168,1,31,4,1' });
  expect(session.announcement?.verdict).toBe('accepted');
  expect(data.open().verdict).toBe('dropped');
});

test('a server behind the router', () => {
  const fw = firewall({
    v4: wall('-A PREROUTING -i wan0 -p tcp --dport 21 -j DNAT --to-destination 192.168.1.20'),
    devices,
  });
  const session = fw.ftp(V4.server, '203.0.113.7');
  session.connect();
  const data = session.passive();
  expect(data.open().out[0]).toMatchObject({ dst: '192.168.1.20', dport: 50_000, device: 'lan0' });
});
