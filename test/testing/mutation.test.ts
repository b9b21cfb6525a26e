// Mutation testing: which mutants there are, which of them are proved to change nothing, and what the tests make of the rest.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { mutate as mutateCommand } from '../../bin/mutate.ts';
import { printSave } from '../../grammar/print.ts';
import { assertAccepted, assertDropped, assertRejectedWith } from '../../testing/assert.ts';
import {
  firewall,
  MutationError,
  type MutationTest,
  mutate,
  mutationText,
  type TestFirewall,
  tcp,
  udp,
} from '../../testing/index.ts';
import { parseAccepted } from '../../testing/mutation/accepted.ts';
import { Equivalence } from '../../testing/mutation/equivalent.ts';
import { mutantsOf } from '../../testing/mutation/mutants.ts';

const filter = (...rules: string[]): string =>
  `*filter\n:INPUT ACCEPT [0:0]\n:FORWARD DROP [0:0]\n:OUTPUT ACCEPT [0:0]\n:web - [0:0]\n${rules.join('\n')}\nCOMMIT\n`;
const changes = (...rules: string[]): string[] => {
  const fw = firewall({ v4: filter(...rules) });
  return [...mutantsOf(fw.rules.tables, fw.printing)].map(
    ({ kind, before, after }) =>
      `${kind}: ${after.join(' / ') || 'nothing'}${before.length > 1 ? ' (neighbours)' : ''}`,
  );
};

describe('what may slip', () => {
  test('in a rule', () => {
    expect(changes('-A FORWARD -s 10.0.1.0/24 ! -i eth0 -p tcp -m tcp --dport 80:90 -j ACCEPT')).toEqual([
      'flip a policy: -P FORWARD ACCEPT',
      'drop a rule: nothing',
      'flip a verdict: -A FORWARD -s 10.0.1.0/24 ! -i eth0 -p tcp -m tcp --dport 80:90 -j DROP',
      'widen a prefix: -A FORWARD -s 10.0.0.0/23 ! -i eth0 -p tcp -m tcp --dport 80:90 -j ACCEPT',
      'remove a condition: -A FORWARD ! -i eth0 -p tcp -m tcp --dport 80:90 -j ACCEPT',
      'remove a negation: -A FORWARD -s 10.0.1.0/24 -i eth0 -p tcp -m tcp --dport 80:90 -j ACCEPT',
      'remove a condition: -A FORWARD -s 10.0.1.0/24 ! -i eth0 -p tcp -j ACCEPT',
      'shift a number: -A FORWARD -s 10.0.1.0/24 ! -i eth0 -p tcp -m tcp --dport 80:91 -j ACCEPT',
    ]);
  });

  test.each([
    [
      '-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT',
      'remove a state: -A FORWARD -m conntrack --ctstate ESTABLISHED -j ACCEPT',
    ],
    ['-A FORWARD -m conntrack --ctstate NEW -j ACCEPT', 'remove a state: -A FORWARD -j ACCEPT'],
    [
      '-A FORWARD -p tcp -m multiport --dports 80,443 -j ACCEPT',
      'shorten a list: -A FORWARD -p tcp -m multiport --dports 443 -j ACCEPT',
    ],
    ['-A FORWARD -m mark ! --mark 0x2 -j ACCEPT', 'remove a negation: -A FORWARD -m mark --mark 0x2 -j ACCEPT'],
    ['-A FORWARD -m mark --mark 0x2/0x3 -j ACCEPT', 'shift a number: -A FORWARD -m mark --mark 0x3/0x3 -j ACCEPT'],
    ['-A FORWARD -p udp -j ACCEPT', 'remove a condition: -A FORWARD -j ACCEPT'],
    ['-A FORWARD -j REJECT --reject-with icmp-port-unreachable', 'flip a verdict: -A FORWARD -j DROP'],
    ['-A FORWARD -g web', 'goto becomes jump: -A FORWARD -j web'],
    [
      '-A FORWARD -p tcp -m tcp --dport 65535 -j ACCEPT',
      'shift a number: -A FORWARD -p tcp -m tcp --dport 65534 -j ACCEPT',
    ],
  ])('%s', (rule, expected) => {
    expect(changes(rule)).toContain(expected);
  });

  test('neighbours change places; comments and log prefixes are left alone', () => {
    expect(changes('-A FORWARD -p tcp -j ACCEPT', '-A FORWARD -s 10.0.0.0/8 -j DROP')).toContain(
      'swap neighbours: -A FORWARD -s 10.0.0.0/8 -j DROP / -A FORWARD -p tcp -j ACCEPT (neighbours)',
    );
    expect(changes('-A FORWARD -m comment --comment "rule 7" -j LOG --log-prefix "no 8"')).toEqual([
      'flip a policy: -P FORWARD ACCEPT',
      'drop a rule: nothing',
    ]);
  });
});

describe('equivalent is', () => {
  const equivalent = (...rules: string[]): string[] => {
    const fw = firewall({ v4: filter(...rules) });
    const proof = new Equivalence(fw.printing.lookup);
    return [...mutantsOf(fw.rules.tables, fw.printing)]
      .filter((mutant) => proof.proves(mutant, fw.rules.tables))
      .map(({ kind, index }) => `${index + 1} ${kind}`);
  };

  test.each<[why: string, rules: string[], proved: string[]]>([
    ['a drop in front of the policy DROP', ['-A FORWARD -p tcp -j DROP'], ['1 drop a rule', '1 remove a condition']],
    [
      'what an earlier rule takes',
      ['-A FORWARD -s 10.0.0.0/8 -j ACCEPT', '-A FORWARD -s 10.1.0.0/16 -p tcp -m tcp --dport 25 -j DROP'],
      [
        '2 drop a rule',
        '2 flip a verdict',
        '2 widen a prefix',
        '2 remove a condition',
        '2 remove a condition',
        '2 shift a number',
      ],
    ],
    [
      'the order of rules that have no packet in common',
      ['-A FORWARD -i a0 -j ACCEPT', '-A FORWARD -i b0 -j REJECT'],
      ['1 swap neighbours'],
    ],
    [
      'a jump to a chain whose rules say what the policy says',
      ['-A FORWARD -p tcp -j web', '-A web -p tcp -m tcp --dport 80 -j DROP'],
      ['1 drop a rule', '1 drop a rule', '1 remove a condition', '1 shift a number'],
    ],
    ['nothing where a limit is asked', ['-A FORWARD -m limit --limit 1/sec -j ACCEPT'], []],
    ['not the order of a log and a drop', ['-A FORWARD -j LOG', '-A FORWARD -p tcp -j ACCEPT'], []],
    [
      'an output device in a chain of INPUT, where there is none',
      ['-A INPUT -j web', '-A web -o eth0 -j DROP'],
      ['1 drop a rule', '1 flip a verdict'],
    ],
  ])('%s', (_why, rules, proved) => {
    const found = equivalent(...rules);
    for (const one of proved) expect(found).toContain(one);
    if (proved.length === 0) expect(found).toEqual([]);
  });

  test('never what some packet can tell apart', () => {
    const rule = fc
      .record({
        source: fc.constantFrom('', '-s 10.0.0.0/8 ', '-s 10.0.1.0/24 ', '! -s 10.0.1.0/25 '),
        device: fc.constantFrom('', '-i inside ', '! -i inside ', '-o outside ', '-i in+ '),
        rest: fc.constantFrom(
          '',
          '-p tcp ',
          '-p tcp -m tcp --dport 80 ',
          '-p tcp -m tcp --dport 80:443 ',
          '-p udp -m udp ! --dport 53 ',
          '-m conntrack --ctstate NEW ',
          '-p tcp -m multiport --dports 22,80,443 ',
        ),
        target: fc.constantFrom('ACCEPT', 'DROP', 'REJECT', 'RETURN', 'web'),
        chain: fc.constantFrom('FORWARD', 'FORWARD', 'web'),
      })
      .filter(({ chain, target }) => chain !== 'web' || target !== 'web')
      .map(({ source, device, rest, target, chain }) => `-A ${chain} ${source}${device}${rest}-j ${target}`);
    const packets = ['10.0.1.2', '10.0.1.200', '10.1.2.3', '192.0.2.7'].flatMap((src) =>
      ['10.0.1.9', '192.0.2.9'].flatMap((dst) => [
        ...[22, 80, 81, 443, 444].map((dport) => tcp(src, dst, { dport })),
        ...[53, 54].map((dport) => udp(src, dst, { dport })),
      ]),
    );
    const fates = (fw: TestFirewall): string[] => packets.map((octets) => fw.send(octets).verdict);
    fc.assert(
      fc.property(fc.array(rule, { minLength: 1, maxLength: 5 }), (rules) => {
        const fw = firewall({ v4: filter(...rules) });
        const proof = new Equivalence(fw.printing.lookup);
        const proved = [...mutantsOf(fw.rules.tables, fw.printing)].filter((one) => proof.proves(one, fw.rules.tables));
        if (proved.length === 0) return;
        const original = fates(fw);
        for (const mutant of proved.slice(0, 4)) {
          const made = firewall({ v4: printSave(mutant.tables(fw.rules.tables), fw.printing) });
          expect(fates(made), `${mutant.kind}: ${mutant.before} -> ${mutant.after}`).toEqual(original);
        }
      }),
      { seed: 20_261_123, numRuns: 8 },
    );
  });
});

describe('tests against mutants', () => {
  const setup = {
    v4: {
      name: 'site.v4',
      text: filter(
        '-A FORWARD -m conntrack --ctstate ESTABLISHED -j ACCEPT',
        '-A FORWARD -i inside -p tcp -m tcp --dport 443 -j ACCEPT',
        '-A FORWARD -i inside -p tcp -j REJECT --reject-with tcp-reset',
      ),
    },
  };
  const [A, B] = ['10.0.1.2', '192.0.2.9'];
  const careless: Record<string, MutationTest> = {
    'https goes out': (fw) => assertAccepted(fw.flow(tcp(A, B, { dport: 443 })).connect()),
  };
  const careful: Record<string, MutationTest> = {
    ...careless,
    'telnet is refused, http as well': (fw) => {
      assertRejectedWith(fw.send(tcp(A, B, { dport: 23 })), 'tcp-reset');
      assertRejectedWith(fw.send(tcp(A, B, { dport: 444 })), 'tcp-reset');
    },
    'udp goes nowhere': (fw) => {
      assertDropped(fw.send(udp(A, B)));
      assertDropped(fw.send(udp(B, A)));
    },
    'nothing comes in': (fw) => assertDropped(fw.send(tcp(B, A, { dport: 443 }))),
  };

  test('careless ones let many live, which are shown as differences', () => {
    const result = mutate(setup, careless);
    expect(result.score).toBeLessThan(60);
    const text = mutationText(result);
    expect(text).toContain(`survived: remove a condition   site.v4:7  (IPv4 filter)
  - -A FORWARD -i inside -p tcp -m tcp --dport 443 -j ACCEPT
  + -A FORWARD -p tcp -m tcp --dport 443 -j ACCEPT
  1 test comes to it, and does not notice
`);
    expect(text).toContain('  no packet of the tests comes to it\n');
    expect(text).toMatch(/\d+ mutants: \d+ killed, \d+ survived.*; score \d+\.\d % \(\d+ mutants a second\)\n$/);
  });

  test('careful ones kill them all', () => {
    const result = mutate(setup, careful);
    expect(result.survivors.map(({ before, after }) => [before, after])).toEqual([]);
    expect(result.score).toBe(100);
    expect(result.mutants.find(({ kind }) => kind === 'remove a state')).toMatchObject({
      status: 'killed',
      by: 'telnet is refused, http as well',
    });
  });

  test('survivors may be accepted, with a reason; entries for none are stale', () => {
    const { 'nothing comes in': _left, ...most } = careful;
    const accepted = parseAccepted(
      `- kind: remove a condition
  rule: -A FORWARD -i inside -p tcp -m tcp --dport 443 -j ACCEPT
  becomes: -A FORWARD -p tcp -m tcp --dport 443 -j ACCEPT
  reason: nobody outside speaks https
- kind: drop a rule
  rule: -A FORWARD -j GONE
  reason: was there once
`,
      'accepted.yaml',
    );
    const result = mutate(setup, most, { accepted });
    expect(result.mutants.filter(({ status }) => status === 'accepted')).toMatchObject([
      { reason: 'nobody outside speaks https' },
    ]);
    expect(result.stale).toMatchObject([{ rule: '-A FORWARD -j GONE' }]);
    expect(mutationText(result)).toContain('accepted, but no such mutant survives any more: drop a rule');
    expect(() => parseAccepted('- kind: drop a rule\n', 'a.yaml')).toThrow('a.yaml: entry 1 has no rule');
  });

  test('tests must hold before', () => {
    const failing = { 'http goes out': (fw: TestFirewall) => assertAccepted(fw.send(tcp(A, B, { dport: 80 }))) };
    expect(() => mutate(setup, failing)).toThrow(MutationError);
    expect(() => mutate(setup, {})).toThrow('there are no tests');
  });
});

describe('sekisho mutate', () => {
  let folder = '';
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'sekisho-mutate-'));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  const SUITE = `v4: |
  *filter
  :INPUT ACCEPT
  :FORWARD DROP
  :OUTPUT ACCEPT
  -A FORWARD -i inside -p udp -m udp --dport 53 -j ACCEPT
  COMMIT
tests:
  - rows:
      - udp 10.0.1.2 > 192.0.2.9 dport 53 -> accepted
      - udp 10.0.1.2 > 192.0.2.9 dport 54 -> dropped
`;
  const command = async (text: string, options: Parameters<typeof mutateCommand>[1]) => {
    const file = join(folder, 'test.yaml');
    writeFileSync(file, text);
    const [out, err] = [process.stdout, process.stderr].map((one) => vi.spyOn(one, 'write').mockReturnValue(true));
    try {
      const code = await mutateCommand([file], options);
      const said = (spy: typeof out): string => spy.mock.calls.map(([chunk]) => String(chunk)).join('');
      return { code, out: said(out), err: said(err) };
    } finally {
      out.mockRestore();
      err.mockRestore();
    }
  };

  test('exit codes: 0 nothing survives, 1 something does, 2 a mistake', async () => {
    const low = await command(SUITE, {});
    expect(low).toMatchObject({
      code: 1,
      out: expect.stringContaining('+ -A FORWARD -p udp -m udp --dport 53 -j ACCEPT'),
    });
    const more = `${SUITE}      - udp 192.0.2.9 > 10.0.1.2 dport 53 -> dropped\n`;
    expect(await command(more, {})).toMatchObject({ code: 0 });
    expect(await command(SUITE, { minScore: '60' })).toMatchObject({ code: 0 });
    expect(await command(SUITE, { minScore: 'all' })).toMatchObject({ code: 2 });
    expect(await command(SUITE.replace('54 -> dropped', '54 -> accepted'), {})).toMatchObject({
      code: 2,
      err: '"group 1" fails on the rules as they are: mend that first\n',
    });
  });

  test('accepted survivors from a file, and JSON', async () => {
    const accepted = join(folder, 'accepted.yaml');
    writeFileSync(
      accepted,
      '- kind: remove a condition\n  rule: -A FORWARD -i inside -p udp -m udp --dport 53 -j ACCEPT\n  reason: as an example\n',
    );
    const { code, out } = await command(SUITE, { accepted, json: true });
    expect(code).toBe(0);
    const { mutants, score, stale } = JSON.parse(out);
    expect({ score, stale }).toEqual({ score: 100, stale: [] });
    expect(mutants.find((one: { status: string }) => one.status === 'accepted')).toMatchObject({
      kind: 'remove a condition',
      number: 1,
      reason: 'as an example',
    });
  });
});
