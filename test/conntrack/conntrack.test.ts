// Connections for programs and tests: testing's fw.conntrack.

import { describe, expect, test } from 'vitest';
import { IPCT_NEW, IPCT_REPLY } from '../../conntrack/status.ts';
import { firewall } from '../../testing/firewall.ts';
import { tcp, udp } from '../../testing/packets.ts';

const TRACKING =
  '*filter\n-A FORWARD -m conntrack --ctstate NEW\nCOMMIT\n*nat\n-A POSTROUTING -p udp -j MASQUERADE\nCOMMIT\n';

const started = () => {
  const fw = firewall({ v4: TRACKING, v6: TRACKING.slice(0, TRACKING.indexOf('*nat')) });
  fw.send(tcp('10.1.0.2', '10.9.0.2', { sport: 4000, dport: 80, flags: 'S' }));
  fw.send(udp('10.1.0.3', '10.9.0.53', { sport: 5000, dport: 53 }));
  fw.send(udp('fd00:1::2', 'fd00:9::53', { sport: 5000, dport: 53 }));
  return fw;
};

describe('fw.conntrack', () => {
  test('filters by every word', () => {
    const ct = started().conntrack;
    expect(ct.count()).toBe(3);
    const rows = [
      [{ protocol: 'tcp' }, 1],
      [{ protocol: 17 }, 2],
      [{ family: 6 }, 1],
      [{ src: '10.1.0.0/16' }, 2],
      [{ dst: '10.9.0.53' }, 1],
      [{ src: '::/0' }, 1],
      [{ dport: 53, sport: 5000 }, 2],
      [{ state: 'SYN_SENT' }, 1],
      [{ replied: false }, 3],
      [{ status: ['ASSURED'] }, 0],
      [{ translated: 'source' }, 1],
      [{ translated: 'not' }, 2],
      [{ replyDst: '10.0.2.1' }, 1],
      [{ zone: 0, mark: 0 }, 3],
    ] as const;
    for (const [filter, count] of rows) expect([filter, ct.count(filter)]).toEqual([filter, count]);
    expect(() => ct.count({ protocol: 'nothing' })).toThrow(/no protocol/);
    expect(() => ct.count({ src: '10.0.0.0/99' })).toThrow(/no address or network/);
  });

  test('makes, changes and ends connections, and says no as the kernel does', () => {
    const ct = started().conntrack;
    const flow = {
      protocol: 'tcp',
      src: '10.1.0.9',
      dst: '10.9.0.9',
      sport: 1,
      dport: 22,
      timeout: 600,
      state: 'ESTABLISHED',
    };
    expect(ct.create(flow)).toMatchObject({ state: 'ESTABLISHED', timeout: 600, orig: { dport: 22 } });
    expect(() => ct.create(flow)).toThrow('EEXIST');
    expect(ct.update({ src: '10.1.0.9' }, { mark: 7, status: ['ASSURED'], timeout: 30 })).toBe(1);
    expect(ct.list({ mark: 7 })).toMatchObject([{ timeout: 30, status: ['ASSURED'] }]);
    expect(ct.create({ protocol: 'icmp', src: '10.1.0.9', dst: '10.9.0.9', id: 5, timeout: 9 }).orig).toMatchObject({
      type: 8,
      id: 5,
    });
    expect(ct.delete({ src: '10.1.0.9' })).toBe(2);
    expect(ct.delete()).toBe(3);
  });

  test('a connection made by hand takes packets as any other', () => {
    const fw = started();
    fw.conntrack.create({
      protocol: 'tcp',
      src: '10.1.0.9',
      dst: '10.9.0.9',
      sport: 1,
      dport: 22,
      timeout: 600,
      state: 'ESTABLISHED',
    });
    fw.send(tcp('10.9.0.9', '10.1.0.9', { sport: 22, dport: 1, flags: 'A', seq: 9, ack: 9 }));
    expect(fw.conntrack.list({ dport: 22 })).toMatchObject([{ status: ['SEEN_REPLY'], state: 'ESTABLISHED' }]);
  });

  test('tells of births, changes and ends', () => {
    const fw = firewall({ v4: TRACKING });
    const seen: unknown[] = [];
    const end = fw.conntrack.listen(({ type, bits, flow }) => seen.push([type, bits, flow.orig.sport]));
    fw.send(udp('10.1.0.3', '10.9.0.53', { sport: 5000, dport: 53 }));
    fw.send(udp('10.9.0.53', '10.0.2.1', { sport: 53, dport: 5000 }));
    fw.conntrack.delete();
    end();
    fw.send(udp('10.1.0.3', '10.9.0.53', { sport: 5001, dport: 53 }));
    expect(seen).toEqual([
      ['new', IPCT_NEW, 5000],
      ['update', IPCT_REPLY, 5000],
      ['destroy', 4, 5000],
    ]);
  });
});
