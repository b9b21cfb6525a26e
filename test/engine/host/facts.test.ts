// What a firewall is told of its host, and rules that ask: the same facts that a configuration gives.

import { describe, expect, test } from 'vitest';
import { firewall, icmp, tcp, udp } from '../../../testing/index.ts';

const CLIENT = '10.0.1.2';
const SERVER = '10.9.9.9';
const table = (name: string, ...rules: readonly string[]): string =>
  `*${name}\n${rules.map((rule) => `-A ${rule}\n`).join('')}COMMIT\n`;
const hits = (fw: ReturnType<typeof firewall>): number[] =>
  fw.counters.filter(({ number }) => number !== undefined).map(({ packets }) => packets);

describe('sockets', () => {
  const rules = table(
    'mangle',
    'PREROUTING -m socket --transparent -j MARK --set-mark 1',
    'PREROUTING -p tcp --dport 80 -j TPROXY --on-port 8080 --on-ip 10.0.1.1 --tproxy-mark 2/2',
  );
  const syn = tcp(CLIENT, SERVER, { sport: 1_000, dport: 80, flags: 'S' });

  test('TPROXY gives a packet to the one that listens where the rule says', () => {
    const host = { sockets: [{ protocol: 'tcp', local: '10.0.1.1:8080', transparent: true }] } as const;
    expect(firewall({ v4: rules, host }).send(syn).verdict).toBe('accepted');
    const deaf = { sockets: [{ protocol: 'tcp', local: '10.0.1.1:8080' }] } as const;
    expect(firewall({ v4: rules, host: deaf }).send(syn).verdict).toBe('dropped');
    expect(firewall({ v4: rules }).send(syn).verdict).toBe('dropped');
  });

  test('the connected one comes first, and carries its mark', () => {
    const fw = firewall({
      v4: table('mangle', 'PREROUTING -m socket --restore-skmark', 'PREROUTING -m mark --mark 9 -j ACCEPT'),
      host: {
        sockets: [{ protocol: 'tcp', local: `${SERVER}:80`, remote: `${CLIENT}:1000`, transparent: true, mark: 9 }],
      },
    });
    fw.send(syn);
    fw.send(tcp(CLIENT, SERVER, { sport: 1_001, dport: 80, flags: 'S' }));
    expect(hits(fw)).toEqual([1, 1]);
  });
});

describe('IPsec', () => {
  const fw = firewall({
    v4: table(
      'filter',
      'FORWARD -m policy --dir in --pol ipsec --mode tunnel --reqid 1',
      'FORWARD -m policy --dir in --pol none -j DROP',
    ),
    host: {
      ipsec: [{ direction: 'in', source: '10.1.0.0/16', transforms: [{ proto: 'esp', mode: 'tunnel', reqid: 1 }] }],
    },
  });

  test('a flow is protected, and what a test says of a packet counts', () => {
    expect(fw.send(udp('10.1.1.1', SERVER, { dport: 53 })).verdict).toBe('accepted');
    expect(fw.send(udp(CLIENT, SERVER, { dport: 53 })).verdict).toBe('dropped');
    const ipsec = [{ proto: 'esp', mode: 'tunnel', reqid: 1 }] as const;
    expect(fw.send(udp(CLIENT, SERVER, { dport: 53 }), { ipsec }).verdict).toBe('accepted');
  });
});

describe('IPVS', () => {
  const fw = firewall({
    v4: table(
      'filter',
      'FORWARD -m conntrack --ctstate NEW',
      `FORWARD -m ipvs --vaddr ${SERVER} --vport 80 --vdir ORIGINAL`,
      'FORWARD -m ipvs --vdir REPLY --vmethod MASQ',
      'FORWARD -m ipvs ! --ipvs',
    ),
    host: { ipvs: [{ protocol: 'tcp', address: SERVER, port: 80 }] },
  });

  test('both directions of a connection to a service belong to it', () => {
    fw.send(tcp(CLIENT, SERVER, { sport: 1_000, dport: 80, flags: 'S' }));
    fw.send(tcp(SERVER, CLIENT, { sport: 80, dport: 1_000, flags: 'SA' }));
    fw.send(tcp(CLIENT, SERVER, { sport: 1_000, dport: 81, flags: 'S' }));
    expect(hits(fw)).toEqual([2, 1, 1, 1]);
  });
});

describe('labels of connections', () => {
  test('are of connections that were made while a rule asked for labels', () => {
    const rules = table('filter', 'FORWARD -m connlabel --label 5 --set', 'FORWARD -m connlabel --label 5 -j ACCEPT');
    const fw = firewall({ v4: rules });
    fw.send(udp(CLIENT, SERVER, { dport: 53 }));
    fw.send(udp(SERVER, CLIENT, { sport: 53, dport: 1_024 }));
    expect(hits(fw)).toEqual([2, 2]);
    expect([...(fw.core.tracker.connections.labels(0) ?? [])]).toEqual([1 << 5, 0, 0, 0]);
  });

  test('cost nothing where no rule asks for them', () => {
    const fw = firewall({ v4: table('filter', 'FORWARD -m conntrack --ctstate NEW -j ACCEPT') });
    fw.send(udp(CLIENT, SERVER, { dport: 53 }));
    expect(fw.core.tracker.connections.labels(0)).toBeUndefined();
    expect(fw.core.tracker.connections.labelling.size).toBe(0);
  });
});

describe('other facts', () => {
  const rules = table(
    'filter',
    'FORWARD -m devgroup --src-group 7',
    'FORWARD -m realm --realm 3',
    'FORWARD -m nfacct --nfacct-name web',
  );
  const ping = icmp(CLIENT, SERVER, { type: 8 });

  test('change while packets flow', () => {
    const fw = firewall({ v4: rules });
    fw.send(ping);
    fw.core.setHost({
      deviceGroups: { inside: 7 },
      realms: { '10.9.0.0/16': 3 },
      accounts: [{ name: 'web', quota: { of: 'packets', limit: 1 } }],
    });
    fw.send(ping);
    expect(hits(fw)).toEqual([1, 1, 2]);
    expect(fw.core.accounts.get('web')).toMatchObject({ packets: 2, over: true });
    fw.core.setHost({});
    fw.send(ping);
    expect(hits(fw)).toEqual([1, 1, 3]);
  });

  test('a trace moves no account', () => {
    const fw = firewall({ v4: rules });
    fw.send(ping);
    fw.core.trace(ping, { device: 'inside' });
    expect(fw.core.accounts.get('web')?.packets).toBe(1);
  });

  test.each([
    [{ sockets: [{ protocol: 'tcp', local: '80' }] } as const, '"80" is no end of a socket'],
    [{ sockets: [{ protocol: 'udp', local: '*:70000' }] } as const, '"*:70000" is no end of a socket'],
    [{ realms: { here: 1 } }, '"here" is no address or prefix'],
    [{ ipvs: [{ protocol: 'tcp', address: 'here', port: 1 }] } as const, '"here" is no address of a virtual service'],
    [{ fingerprints: '1:2:3\n' }, 'line 1 has not 8 colons: 1:2:3'],
    [
      { ipsec: [{ direction: 'in', source: '1.2.3.4/x', transforms: [] }] } as const,
      '"1.2.3.4/x" is no address or prefix',
    ],
  ])('%j is refused', (host, reason) => {
    const fw = firewall({ v4: rules, host: { deviceGroups: { inside: 7 } } });
    expect(() => fw.core.setHost(host)).toThrow(reason);
    expect(fw.core.host).toEqual({ deviceGroups: { inside: 7 } });
  });
});

test('a rule that names an estimator which is not there is refused', () => {
  expect(() =>
    firewall({ v4: table('mangle', 'PREROUTING -m rateest --rateest nosuch --rateest-lt --rateest-pps 5') }),
  ).toThrow('there is no estimator "nosuch"');
});

test('an estimator, and what rules say of it over time', () => {
  const fw = firewall({
    v4: table(
      'mangle',
      'PREROUTING -p udp -j RATEEST --rateest-name u --rateest-interval 1s --rateest-ewmalog 2s',
      'PREROUTING -p icmp -m rateest --rateest u --rateest-gt --rateest-pps 15',
      'PREROUTING -p icmp -m rateest --rateest u --rateest-lt --rateest-pps 15',
      'PREROUTING -p icmp -m rateest --rateest-delta --rateest u --rateest-pps1 100 --rateest-eq --rateest-pps2 80',
    ),
  });
  for (let count = 0; count < 40; count++) fw.send(udp(CLIENT, SERVER, { dport: 53 }));
  fw.send(icmp(CLIENT, SERVER, { type: 8 }));
  expect(hits(fw).slice(1)).toEqual([0, 1, 0]);
  fw.advance('1100ms');
  fw.send(icmp(CLIENT, SERVER, { type: 8 }));
  expect(hits(fw).slice(1)).toEqual([1, 1, 1]);
  fw.advance('1s');
  fw.send(icmp(CLIENT, SERVER, { type: 8 }));
  expect(hits(fw).slice(1)).toEqual([1, 2, 1]);
});
