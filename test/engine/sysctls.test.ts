// Settings by their kernel names, taken back to what they are without anybody's doing.

import { describe, expect, test } from 'vitest';
import { Defragmenter } from '../../conntrack/defrag/defragmenter.ts';
import { Sysctls } from '../../conntrack/sysctl.ts';
import { icmp, ip4, udp } from '../../packet/build.ts';
import { BRIDGE, firewallOf, ROUTER } from './firewall-of.ts';

const REASSEMBLY = ['high_thresh', 'low_thresh', 'time'].map((name) => `net.ipv4.ipfrag_${name}`);

describe('settings taken back', () => {
  test('are those of a new firewall, every one of the tracker', () => {
    const { firewall: fw } = firewallOf(BRIDGE);
    const names = new Sysctls().names();
    for (const name of names) fw.setSysctl(name, (fw.sysctl(name) ?? 0) === 1 ? 0 : 1);
    fw.resetSysctls(names);
    const first = new Sysctls();
    expect(Object.fromEntries(names.map((name) => [name, fw.sysctl(name)]))).toEqual(
      Object.fromEntries(names.map((name) => [name, first.get(name)])),
    );
  });

  test.each([
    ['lower', 1_000, 500],
    ['higher', 90_000_000, 80_000_000],
  ])('of reassembly that bound each other, from %s ones', (_, high, low) => {
    const { firewall: fw } = firewallOf(BRIDGE);
    const inOrder = high < 2_000 ? [low, high] : [high, low];
    for (const value of inOrder) fw.setSysctl(`net.ipv4.ipfrag_${value === high ? 'high' : 'low'}_thresh`, value);
    fw.resetSysctls(REASSEMBLY);
    expect(REASSEMBLY.map((name) => fw.sysctl(name))).toEqual(
      REASSEMBLY.map((name) => new Defragmenter().getSysctl(name)),
    );
  });

  test('of the router and its host', () => {
    const { firewall: fw, receive } = firewallOf(ROUTER);
    const passed = (): number => receive('tunA', ip4({ src: '10.0.1.2', dst: '10.0.2.2' }, udp({ dport: 9 }))).length;
    const answered = (): number => receive('tunA', ip4({ src: '10.0.1.2', dst: '10.0.1.1' }, icmp({ type: 8 }))).length;
    expect([passed(), answered()]).toEqual([1, 1]);
    fw.setSysctl('net.ipv4.ip_forward', 0);
    fw.setSysctl('net.ipv4.icmp_echo_ignore_all', 1);
    expect([passed(), answered()]).toEqual([0, 0]);
    fw.resetSysctls(['net.ipv4.ip_forward', 'net.ipv4.icmp_echo_ignore_all']);
    expect([passed(), answered()]).toEqual([1, 1]);
  });

  test('that nobody knows are refused', () => {
    expect(() => firewallOf(BRIDGE).firewall.resetSysctls(['net.ipv4.tcp_syncookies'])).toThrow('not known here');
  });
});
