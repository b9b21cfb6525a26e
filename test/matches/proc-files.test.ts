// Files of /proc that matches keep, read and written through the firewall.

import { expect, test } from 'vitest';
import { ip4, ip6, udp } from '../../packet/build.ts';
import { firewall, type TestFirewall } from '../../testing/firewall.ts';

const ROUTE = 'fd00:000b:0000:0000:0000:0000:0000:0002';

function loaded(...rules: string[]): TestFirewall {
  const text = `*mangle\n${rules.map((rule) => `-A PREROUTING ${rule}\n`).join('')}COMMIT\n`;
  return firewall({ v4: text, v6: text });
}

/** Two packets of each family, a second apart. */
function used(...rules: string[]): TestFirewall {
  const fw = loaded(...rules);
  for (let round = 0; round < 2; round++) {
    fw.send(ip4({ src: '10.0.1.2', dst: '10.0.2.2' }, udp({ sport: 7, dport: 53 })), { in: 'inside' });
    fw.send(ip6({ src: 'fd00:b::2', dst: 'fd00:a::2' }, udp({ sport: 7, dport: 53 })), { in: 'outside' });
    fw.advance('1s');
  }
  return fw;
}

test('recent: one list for both families, with times in jiffies', () => {
  const { core } = used('-m recent --set');
  expect(core.procFiles()).toEqual(['xt_recent/DEFAULT']);
  const text = core.readProc('xt_recent/DEFAULT')!.replace(/ \d{4,}/g, ' T');
  expect(text).toBe(
    `src=10.0.1.2 ttl: 64 last_seen: T oldest_pkt: 2 T, T\nsrc=${ROUTE} ttl: 64 last_seen: T oldest_pkt: 2 T, T\n`,
  );
});

test('recent: edits count for the rules at once', () => {
  const fw = loaded('-m recent --rcheck -j DROP');
  const packet = ip4({ src: '10.0.1.2', dst: '10.0.2.2' }, udp());
  const verdict = (): string => fw.send(packet, { in: 'inside' }).verdict;
  expect(verdict()).toBe('accepted');
  fw.core.writeProc('xt_recent/DEFAULT', '+10.0.1.2\n');
  expect(verdict()).toBe('dropped');
  expect(fw.recent('DEFAULT', '-10.0.1.2')).toBe('');
  expect(verdict()).toBe('accepted');
  expect(fw.recent('DEFAULT', '+10.0.1.2')).toMatch(/^src=10.0.1.2 ttl: 0 last_seen: \d+ oldest_pkt: 1 \d+\n$/);
  fw.recent('DEFAULT', '/');
  expect(verdict()).toBe('accepted');
});

test('recent: what is no edit changes nothing, and says so', () => {
  const { core } = used('-m recent --set');
  const before = core.readProc('xt_recent/DEFAULT');
  for (const text of ['10.0.1.2', '+', '+10.0.1', '-x', ' /', '+fd00::g']) {
    expect(() => core.writeProc('xt_recent/DEFAULT', text), text).toThrow('Invalid argument');
  }
  expect(core.readProc('xt_recent/DEFAULT')).toBe(before);
});

test('hashlimit: a table for each family; reading lets time pass, but keeps no entry alive', () => {
  const fw = used(
    '-m hashlimit --hashlimit 1/min --hashlimit-burst 2 --hashlimit-name x --hashlimit-mode srcip,dstport',
  );
  const { core } = fw;
  expect(core.procFiles()).toEqual(['ipt_hashlimit/x', 'ip6t_hashlimit/x']);
  const cost = (60_000_000n * 137_438_953n).toString();
  const cap = (120_000_000n * 137_438_953n).toString();
  // Two packets taken, two seconds of 250 ticks given back.
  const left = (2n ** 39n * 500n).toString();
  expect(core.readProc('ipt_hashlimit/x')).toBe(`59 10.0.1.2:0->0.0.0.0:53 ${left} ${cap} ${cost}\n`);
  expect(fw.hashlimit('x', 6)).toBe(`59 ${ROUTE}:0->${'0000:'.repeat(7)}0000:53 ${left} ${cap} ${cost}\n`);
  core.advance(core.now + 61_000);
  expect(core.readProc('ipt_hashlimit/x')).toBe('');
});

test('files go with the last rule; others are not there', () => {
  const fw = used('-m recent --set --name a');
  expect(fw.core.readProc('xt_recent/b')).toBeUndefined();
  expect(() => fw.recent('b')).toThrow('no rule keeps xt_recent/b; there are xt_recent/a');
  expect(() => fw.core.writeProc('xt_recent/b', '/')).toThrow('no rule keeps such a file');
  fw.iptables('-t mangle -F');
  expect(fw.core.procFiles()).toEqual(['xt_recent/a']);
  fw.ip6tables('-t mangle -F');
  expect(fw.core.procFiles()).toEqual([]);
});

test('hashlimit: is for reading only', () => {
  const { core } = used('-m hashlimit --hashlimit 1/min --hashlimit-name x');
  expect(() => core.writeProc('ipt_hashlimit/x', '/')).toThrow('for reading only');
});

test('hashlimit: of rules that share a table, the first one in the order of chains makes it', () => {
  const rule = (burst: number): string =>
    `-m hashlimit --hashlimit 1/min --hashlimit-burst ${burst} --hashlimit-name x`;
  const text = `*mangle\n:c - [0:0]\n-A PREROUTING -j c\n-A POSTROUTING ${rule(1)}\n-A c ${rule(5)}\nCOMMIT\n`;
  const fw = firewall({ v4: text });
  fw.send(ip4({ src: '10.0.1.2', dst: '10.0.2.2' }, udp()), { in: 'inside' });
  // What the credit is capped at is what a packet costs: a burst of one.
  expect(fw.hashlimit('x', 4)).toMatch(/ (\d+) \1\n$/);
});
