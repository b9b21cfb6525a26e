// Coverage within the rules: answers of conditions, ways back from chains, ctstates; and how it is shown.

import { describe, expect, test } from 'vitest';
import '../../testing/vitest.ts';
import { assertCovers } from '../../testing/assert.ts';
import { Coverage, firewall, icmp, tcp, udp } from '../../testing/index.ts';

const RULES = `*filter
:INPUT ACCEPT [0:0]
:FORWARD DROP [0:0]
:OUTPUT ACCEPT [0:0]
:last - [0:0]
:web - [0:0]
-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -m comment --comment "answers" -j ACCEPT
-A FORWARD -i inside -p tcp -j web
-A FORWARD -m conntrack ! --ctstate NEW -j DROP
-A FORWARD -p udp -j last
-A last -j REJECT
-A web -p tcp -m tcp --dport 443 -j ACCEPT
COMMIT
`;
const [A, B] = ['10.0.1.2', '192.0.2.9'];
const wall = () => firewall({ v4: { text: RULES, name: 'border.v4' } });
const lineOf = (coverage: Coverage, text: string) => coverage.all.find((line) => line.text.includes(text))!;

describe('a rule tells', () => {
  test('which of its conditions said yes, and which no', () => {
    const fw = wall();
    fw.send(tcp(A, B, { dport: 443 }));
    fw.send(tcp(A, B, { dport: 80 }));
    fw.send(icmp(B, A));
    const coverage = new Coverage().add(fw);
    expect(lineOf(coverage, '-j web').predicates).toEqual([
      { text: '-i inside', outcomes: { yes: 2, no: 1 } },
      { text: '-p tcp', outcomes: { yes: 2, no: 0 } }, // not asked of the one from outside
    ]);
    expect(lineOf(coverage, '--dport 443').predicates).toEqual([
      { text: '-p tcp', outcomes: { yes: 2, no: 0 } },
      { text: '-m tcp --dport 443', outcomes: { yes: 1, no: 1 } },
    ]);
  });

  test('whether the walk came back from its chain, where it can', () => {
    const fw = wall();
    fw.send(tcp(A, B, { dport: 443 }));
    expect(lineOf(new Coverage().add(fw), '-j web').edges).toEqual([
      { text: 'comes back from web', outcomes: { seen: 0 } },
    ]);
    fw.send(tcp(A, B, { dport: 80 }));
    const coverage = new Coverage().add(fw);
    expect(lineOf(coverage, '-j web').edges[0].outcomes).toEqual({ seen: 1 });
    expect(lineOf(coverage, '-j last').edges).toEqual([]); // it ends with a REJECT of everything
  });

  test('with which ctstates it was met, of those that it names', () => {
    const fw = wall();
    fw.flow(tcp(A, B, { dport: 443 })).connect();
    const coverage = new Coverage().add(fw);
    expect(lineOf(coverage, 'answers').states).toEqual([
      { text: 'RELATED', outcomes: { seen: 0 } },
      { text: 'ESTABLISHED', outcomes: { seen: 2 } },
    ]);
    expect(lineOf(coverage, '! --ctstate').states).toEqual([]); // what it does not name is no list to go through
    expect(lineOf(coverage, '--dport 443').ctstates).toEqual({ NEW: 1 });
  });
});

describe('all together', () => {
  const coverage = new Coverage();
  const fw = wall();
  fw.flow(tcp(A, B, { dport: 443 })).connect();
  coverage.add(fw);
  fw.reset();
  fw.send(tcp(A, B, { dport: 80 }));
  coverage.add(fw);

  test('measures, and what is below a threshold', () => {
    expect(coverage.measures).toMatchObject({
      rules: { reached: 3, of: 6, percent: 50 },
      policies: { reached: 1, of: 3 },
      predicates: { reached: 9, of: 14 },
      edges: { reached: 1, of: 1 },
      states: { reached: 1, of: 2 },
    });
    expect(coverage.below({ rules: 50, edges: 100, states: 51 })).toEqual([
      '50.0 % of the ctstates named were reached, 51 % are asked for',
    ]);
  });

  test('matcher and assert function, which say what is missing', () => {
    expect(coverage).toCover({ rules: 50 });
    assertCovers(coverage, { edges: 100 });
    expect(fw).not.toCover({ rules: 100 });
    expect(() => assertCovers(coverage, { rules: 80 })).toThrow(`expected more to be reached:
  50.0 % of the rules were reached, 80 % are asked for

  -A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -m comment --comment answers -j ACCEPT   [border.v4:7]
      never with ctstate RELATED
`);
  });

  test('as a table with the gaps', () => {
    const text = coverage.toText({ gaps: true });
    expect(text).toContain(
      '        2  -A FORWARD -i inside -p tcp -j web  border.v4:8\n             never no: -i inside\n',
    );
    expect(text).toMatch(
      /1 of 3 policies, 9 of 14 conditions' answers, 1 of 1 ways back from chains, 1 of 2 ctstates named\n3 of 6 rules reached \(50\.0 %\)\n$/,
    );
  });

  test('as lcov: chains are functions, answers branches', () => {
    const lcov = coverage.toLcov();
    expect(lcov).toContain('FN:12,IPv4 filter web\n');
    expect(lcov).toContain('FNDA:2,IPv4 filter web\nFNF:3\nFNH:2\n');
    expect(lcov).toContain('BRDA:12,0,0,2\nBRDA:12,0,1,0\nBRDA:12,1,0,1\nBRDA:12,1,1,1\n');
    expect(lcov).toContain('BRF:17\nBRH:11\nDA:2,0\n');
  });

  test('as a page that holds the save file, and nothing from elsewhere', () => {
    const html = coverage.toHtml();
    expect(html).toContain('<h2>border.v4</h2>');
    for (const line of RULES.trimEnd().split('\n')) {
      expect(html).toContain(`<code>${line.replaceAll('"', '&quot;')}</code>`);
    }
    expect(html).toContain('<tr class="none" id="L9">');
    expect(html).toContain('<code>-m tcp --dport 443</code> yes 1, no 1');
    expect(html).not.toMatch(/<script|https?:/);
  });

  test('rows of several files are kept apart', () => {
    const other = firewall({ v4: { text: RULES, name: 'other.v4' } });
    other.send(udp(A, B));
    const both = new Coverage().add(fw).add(other);
    expect(both.rules).toHaveLength(12);
  });
});
