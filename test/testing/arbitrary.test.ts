// Random traffic and rules: everything that is drawn can be sent and loaded; broken promises are found, and told in as few packets as it takes.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import '../../testing/vitest.ts';
import {
  BrokenPromise,
  conversations,
  forAllTraffic,
  packets,
  play,
  rulesets,
  traffic,
  vocabularyOf,
} from '../../testing/arbitrary.ts';
import { firewall, type Outcome } from '../../testing/index.ts';

const filter = (...rules: string[]): string =>
  `*filter\n:INPUT DROP [0:0]\n:FORWARD DROP [0:0]\n:OUTPUT ACCEPT [0:0]\n${rules.join('\n')}\nCOMMIT\n`;
const ESTABLISHED = '-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT';
const OUT = '-A FORWARD -i inside -j ACCEPT';
const seed = 20_261_123;

describe('words', () => {
  test('come from the rules and the devices, with neighbours just outside', () => {
    const words = vocabularyOf(
      firewall({ v4: filter('-A FORWARD -s 192.0.2.128/25 -p tcp -m multiport --dports 8443,9000:9010 -j ACCEPT') }),
    );
    expect(words.addresses[4]).toEqual(
      expect.arrayContaining(['192.0.2.128', '192.0.2.130', '192.0.2.254', '192.0.3.0']),
    );
    expect(words.addresses[4]).toEqual(expect.arrayContaining(['10.0.1.1', '10.0.1.2', '10.0.2.0']));
    expect(words.ports).toEqual(expect.arrayContaining([22, 8443, 8444, 9000, 9010]));
    expect(words.devices).toEqual(['inside', 'outside']);
  });
});

describe('what is drawn', () => {
  const fw = firewall({ v4: filter(ESTABLISHED, OUT), v6: filter(ESTABLISHED, OUT) });

  test('rule sets load, packets and traffic pass through them', () => {
    fc.assert(
      fc.property(rulesets(4), rulesets(6), (v4, v6) => {
        const wall = firewall({ v4, v6 });
        const [steps] = fc.sample(traffic(wall), { numRuns: 1, seed });
        for (const { outcome } of play(wall, steps)) expect(outcome?.verdict).not.toBe('stolen');
      }),
      { seed, numRuns: 10 },
    );
  });

  test('packets are of all kinds', () => {
    const drawn = fc.sample(packets(fw), { numRuns: 300, seed });
    const kinds = new Set(
      drawn.map(({ octets }) => `${octets[0] >>> 4} ${octets[0] >>> 4 === 4 ? octets[9] : octets[6]}`),
    );
    expect([...kinds]).toEqual(expect.arrayContaining(['4 6', '4 17', '4 1', '6 6', '6 17', '6 58', '6 44']));
    expect(new Set(drawn.map(({ device }) => device)).size).toBe(2);
    const some = fc.sample(packets(fw, { from: ['outside'], families: [6] }), { numRuns: 50, seed });
    expect(some.every(({ octets, device }) => octets[0] >>> 4 === 6 && device === 'outside')).toBe(true);
  });

  test('conversations begin with what opens one', () => {
    for (const { opener, sides } of fc.sample(conversations(fw, { from: ['inside'] }), { numRuns: 40, seed })) {
      const flow = fw.fresh().flow(opener.octets, { in: opener.device });
      if (flow.open().verdict !== 'accepted') continue;
      for (const side of sides) expect(side === 'reply' ? flow.reply() : flow.send()).toHaveCtstate('ESTABLISHED');
      break;
    }
  });
});

describe('promises', () => {
  /** Nothing from outside reaches port 22 unless somebody inside began. */
  const noSsh = (outcome: Outcome): void => {
    if (outcome.device !== 'outside' || outcome.last.dport !== 22 || outcome.verdict !== 'accepted') return;
    expect(outcome).not.toHaveCtstate('NEW');
  };

  test('that are kept hold', () => {
    forAllTraffic(firewall({ v4: filter(ESTABLISHED, OUT) }), noSsh, { seed, runs: 25 });
  });

  test('that one packet breaks are shown with that packet and its walk', () => {
    const fw = firewall({ v4: filter(ESTABLISHED, '-A FORWARD -p tcp -m tcp --dport 20:25 -j ACCEPT', OUT) });
    const broken = thrown(() => forAllTraffic(fw, noSsh, { seed }));
    expect(broken.steps).toHaveLength(1);
    expect(broken.message).toMatch(
      /^a promise is broken; the shortest way found \(seed 20261123, run \d+, \d+ times shortened\):\n {2}1\. outside: IP /,
    );
    expect(broken.message).toContain('expected the ctstate not to be NEW, but it is');
    expect(broken.message).toContain('yes  -A FORWARD -p tcp -m tcp --dport 20:25 -j ACCEPT');
  });

  test('that take more are shown in as few steps as it takes', () => {
    // Whoever was spoken to once gets in everywhere.
    const fw = firewall({
      v4: filter(
        '-A FORWARD -i inside -m recent --set --rdest --name met -j ACCEPT',
        '-A FORWARD -m recent --rcheck --name met -j ACCEPT',
      ),
    });
    const kept = (outcome: Outcome): boolean =>
      !(outcome.device === 'outside' && outcome.verdict === 'accepted' && outcome.packet.flags === 'S');
    const broken = thrown(() => forAllTraffic(fw, kept, { seed, runs: 400, vocabulary: { protocols: ['tcp'] } }));
    expect(broken.steps.length).toBe(2);
    expect(broken.message).toContain('  1. inside: ');
    expect(broken.message).toContain('  2. outside: ');
  });

  function thrown(run: () => void): BrokenPromise {
    try {
      run();
    } catch (error) {
      expect(error).toBeInstanceOf(BrokenPromise);
      return error as BrokenPromise;
    }
    throw new Error('the promise was kept');
  }
});
