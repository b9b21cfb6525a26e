// Helpers that come and go while packets flow, and walks on a copy of all that they know.

import { expect, test } from 'vitest';
import { ftp, ftpHelper } from '../../../conntrack/helpers/ftp.ts';
import { ip, tcp } from '../../../packet/build.ts';
import { toHex } from '../../../packet/bytes.ts';
import { firewall } from '../../../testing/index.ts';

const [CLIENT, SERVER] = ['192.168.1.30', '198.51.100.9'];
const RULES = `*raw
-A PREROUTING -p tcp --dport 21 -j CT --helper ftp
COMMIT
*nat
-A POSTROUTING -o wan0 -j MASQUERADE
COMMIT
*filter
:FORWARD DROP [0:0]
-A FORWARD -m helper --helper ftp -j ACCEPT
-A FORWARD -m conntrack --ctstate ESTABLISHED -j ACCEPT
-A FORWARD -p tcp --dport 21 -j ACCEPT
COMMIT
`;
const wall = () =>
  firewall({
    v4: RULES,
    devices: { lan0: ['192.168.1.1/24'], wan0: { addresses: ['203.0.113.7/24'], routes: ['default'] } },
  });

test('a helper in use stays; one that goes takes its expectations along, and its connections go on unread', () => {
  const fw = wall();
  const { core } = fw;
  const session = fw.ftp(CLIENT, SERVER);
  session.connect();
  expect(() => core.detach('ftp')).toThrow('helper "ftp" is in use: IPv4 raw PREROUTING rule 1');
  const early = session.active();
  expect(early.open().ctstate).toBe('RELATED');
  const late = session.active();
  expect(core.tracker.expectations.count).toBe(1);
  fw.iptables('-t raw -F');
  core.detach('ftp');
  expect(core.tracker.expectations.count).toBe(0);
  expect(late.open().ctstate).toBe('NEW');
  const said = session.control.send('PORT 192,168,1,30,4,1\r\n').out[0];
  expect(new TextDecoder().decode(said.payload)).toBe('PORT 192,168,1,30,4,1\r\n');
  // What came of it is an expected connection still, of a master without a helper.
  expect(early.connect().ctstate).toBe('ESTABLISHED');
  expect(() => fw.iptables('-t raw -A PREROUTING -p tcp --dport 21 -j CT --helper ftp')).toThrow();
  core.attach({ helpers: [ftp] });
  fw.iptables('-t raw -A PREROUTING -p tcp --dport 21 -j CT --helper ftp');
  const again = fw.ftp('192.168.1.31', SERVER);
  again.connect();
  expect(again.passive().open().ctstate).toBe('RELATED');
  expect(() => core.attach({ helpers: [ftp] })).toThrow('helper "ftp" is attached already');
});

test('a loose helper believes what is said of third hosts', () => {
  const fw = wall();
  fw.iptables('-t raw -F');
  fw.core.detach('ftp');
  fw.core.attach({ helpers: [ftpHelper({ loose: true })] });
  fw.iptables('-t raw -A PREROUTING -p tcp --dport 21 -j CT --helper ftp');
  fw.iptables('-t nat -F');
  const session = fw.ftp(CLIENT, SERVER);
  session.connect();
  const data = session.active({ says: 'PORT 192,168,1,99,4,1' });
  expect(data.open()).toMatchObject({ verdict: 'accepted', ctstate: 'RELATED' });
});

test('a trace of an announcement opens nothing', () => {
  const fw = wall();
  const session = fw.ftp(CLIENT, SERVER);
  session.connect();
  session.active();
  const { core } = fw;
  const before = toHex(core.tracker.table.slabs[6]!.octets);
  const layer = tcp({ sport: 40_000, dport: 21, flags: 'PA', seq: 46, ack: 7_040, data: 'PORT 192,168,1,30,4,1\r\n' });
  const trace = core.trace(ip(4, { src: CLIENT, dst: SERVER }, layer), { device: 'lan0' });
  expect(trace.steps.length).toBeGreaterThan(3);
  expect([...core.tracker.expectations.entries()].map(({ savedKey }) => savedKey)).toEqual([50_000]);
  expect(toHex(core.tracker.table.slabs[6]!.octets)).toBe(before);
  expect(session.control.send('NOOP\r\n').verdict).toBe('accepted');
});
