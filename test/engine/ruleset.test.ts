// Editing tables: libiptc's refusals, what -L and -S print, load checks. The words were asked of ip6tables 1.8.9; random sequences run
// beside it in test/kernel/restore.test.ts.

import { describe, expect, it } from 'vitest';
import { Refusal } from '../../engine/edit/refusal.ts';
import { apply, emptyTable, Ruleset } from '../../engine/edit/ruleset.ts';
import { defineMatch, defineTarget } from '../../engine/extension.ts';
import { Registry } from '../../engine/registry.ts';
import { CONTINUE } from '../../engine/verdict.ts';
import { RuleError } from '../../grammar/error.ts';
import { parseCommand } from '../../grammar/parse-rule.ts';
import type { TableSpec } from '../../grammar/rule-spec.ts';
import { text, u8 } from '../../grammar/values.ts';

const local = defineMatch({
  name: 'local',
  families: [6],
  summary: 'Only where packets leave.',
  kernel: '',
  effect: 'pure',
  placement: { hooks: ['OUTPUT', 'POSTROUTING'] },
  options: {},
  check: () => ({}),
  save: () => '',
  list: () => 'local',
  compile: () => () => true,
});
const ports = defineMatch({
  name: 'ports',
  families: [6],
  summary: 'Wants a protocol.',
  kernel: '',
  effect: 'pure',
  placement: { protocols: [6, 17] },
  options: { port: u8({ help: 'port' }) },
  check: ({ port }) => ({ port: port?.value ?? 0 }),
  save: ({ port }) => `--port ${port}`,
  list: ({ port }) => `port ${port}`,
  compile: () => () => true,
});
const NOTE = defineTarget({
  name: 'NOTE',
  families: [6],
  summary: 'Only in mangle, and only with a text.',
  kernel: '',
  placement: {
    tables: ['mangle'],
    refuses: ({ note }: { note: string }) => (note === '' ? 'an empty note' : undefined),
  },
  options: { note: text()({ help: 'what to write' }) },
  check: ({ note }) => ({ note: note?.value ?? '' }),
  save: ({ note }) => `--note ${note}`,
  list: ({ note }) => `NOTE ${note}`,
  compile: () => () => CONTINUE,
});

const lookup = new Registry({ matches: [local, ports], targets: [NOTE] });

/** Runs command lines one after the other, each committed; answers what the last one printed, or its refusal. */
function run(...lines: string[]): string {
  return runOn(new Ruleset(6, { lookup }), ...lines);
}

function runOn(ruleset: Ruleset, ...lines: string[]): string {
  let said = '';
  for (const line of lines) said = one(ruleset, line);
  return said;
}

function one(ruleset: Ruleset, line: string): string {
  try {
    const command = parseCommand(line, { family: 6, lookup, isChain: (table, name) => ruleset.isChain(table, name) });
    const draft = ruleset.open(command.table)!;
    const said = apply(command, draft, ruleset.printing);
    ruleset.commit(draft);
    return said;
  } catch (error) {
    if (error instanceof Refusal) return error.line('ip6tables');
    if (error instanceof RuleError) return `${error.code}: ${error.message}`;
    throw error;
  }
}

const INVALID = "ip6tables: Invalid argument. Run `dmesg' for more information.";
const NO_CHAIN = 'ip6tables: No chain/target/match by that name.';
const BAD_RULE = 'ip6tables: Bad rule (does a matching rule exist in that chain?).';

const refusals: [lines: string[], said: string][] = [
  [['-A nowhere'], NO_CHAIN],
  [['-I nowhere'], NO_CHAIN],
  [['-R nowhere 1'], NO_CHAIN],
  [['-D nowhere 1'], NO_CHAIN],
  [['-F nowhere'], NO_CHAIN],
  [['-Z nowhere'], NO_CHAIN],
  [['-L nowhere'], NO_CHAIN],
  [['-S nowhere'], NO_CHAIN],
  [['-X nowhere'], NO_CHAIN],
  [['-E nowhere x'], NO_CHAIN],
  [['-E INPUT x'], NO_CHAIN],
  [['-N a', '-N b', '-E a b'], 'ip6tables: File exists.'],
  [['-N a', '-E a ACCEPT'], 'ip6tables: File exists.'],
  [['-N a', '-N a'], 'ip6tables: Chain already exists.'],
  [['-N INPUT'], 'ip6tables: Chain already exists.'],
  [['-X INPUT'], INVALID],
  [['-N a', '-A a', '-X a'], 'ip6tables: Directory not empty.'],
  [['-N a', '-A INPUT -j a', '-X a'], 'ip6tables: Too many links.'],
  [['-N a', '-N b', '-A b', '-X'], 'ip6tables: Directory not empty.'],
  [['-P web ACCEPT'], 'ip6tables: Bad built-in chain name.'],
  [['-P INPUT REJECT'], "ip6tables: Bad policy name. Run `dmesg' for more information."],
  [['-I INPUT 5'], 'ip6tables: Index of insertion too big.'],
  [['-R INPUT 1'], 'ip6tables: Index of replacement too big.'],
  [['-D INPUT 1'], 'ip6tables: Index of deletion too big.'],
  [['-Z INPUT 1'], 'ip6tables: Index of counter too big.'],
  [['-C INPUT -j ACCEPT'], BAD_RULE],
  [['-D nowhere -j ACCEPT'], BAD_RULE],
  [['-N a', '-A INPUT -g a', '-D INPUT -j a'], NO_CHAIN],
  [['-A INPUT -p all', '-C INPUT'], BAD_RULE],
  [['-A INPUT -j OUTPUT'], INVALID],
  [['-A INPUT -j nowhere'], "2: Couldn't load target `nowhere':No such file or directory"],
  [['-A nowhere -j neither'], "2: Couldn't load target `neither':No such file or directory"],
  [['-A INPUT -g nowhere'], "2: goto 'nowhere' is not a chain"],
  [['-N a', '-A a -j a', '-A INPUT -j a'], 'ip6tables: Too many levels of symbolic links.'],
  [['-N a', '-N b', '-A a -g b', '-A b -j a', '-A OUTPUT -g b'], 'ip6tables: Too many levels of symbolic links.'],
  [['-A INPUT -m local'], INVALID],
  [['-N a', '-A a -m local', '-A INPUT -j a'], INVALID],
  [['-A INPUT -m ports'], INVALID],
  [['-A INPUT ! -p tcp -m ports'], INVALID],
  [['-N a', '-A a -m ports'], INVALID],
  [['-A INPUT -j NOTE --note x'], INVALID],
  [['-t mangle -A INPUT -j NOTE'], INVALID],
  [['-N a', '-A a -j NOTE --note x'], INVALID],
];

const allowed: string[][] = [
  ['-N a', '-A a -j a'],
  ['-N a', '-A a -m local', '-A OUTPUT -j a'],
  ['-N a', '-A a -m local'],
  // Nothing gets past a bare verdict, so what stands behind it is reached by no hook.
  ['-N a', '-A a -j a', '-A INPUT -j DROP', '-A INPUT -j a'],
  ['-A INPUT -p udp -m ports --port 5'],
  ['-t mangle -A INPUT -j NOTE --note x'],
  ['-I INPUT 1'],
  ['-A INPUT -i +', '-C INPUT'],
  ['-N a', '-A INPUT -g a', '-C INPUT -g a'],
];

describe('a command', () => {
  it.each(refusals)('%j ends with %s', (lines, said) => {
    expect(run(...lines)).toBe(said);
  });

  it.each(allowed.map((lines) => ({ lines })))('$lines is carried out', ({ lines }) => {
    expect(run(...lines)).toBe('');
  });

  it('that fails leaves the table as it was, however far it came', () => {
    const ruleset = new Ruleset(6, { lookup });
    expect(runOn(ruleset, '-A INPUT -s ::1,::2', '-D INPUT -s ::1,::3')).toBe(BAD_RULE);
    expect(ruleset.save()).toContain('-A INPUT -s ::1/128\n-A INPUT -s ::2/128\n');
  });

  it('with a list of addresses makes a rule of each pair; -I puts them in one before the other', () => {
    expect(run('-I INPUT -s ::1,::2', '-S INPUT')).toBe('-P INPUT ACCEPT\n-A INPUT -s ::2/128\n-A INPUT -s ::1/128\n');
  });

  it('that renames a chain takes the jumps and their counters along', () => {
    expect(run('-N a', '-N c', '-A INPUT -j a -c 5 6', '-A c -g a', '-E a b', '-S -v')).toBe(
      '-P INPUT ACCEPT -c 0 0\n-P FORWARD ACCEPT -c 0 0\n-P OUTPUT ACCEPT -c 0 0\n-N b\n-N c\n-A INPUT -c 5 6 -j b\n-A c -c 0 0 -g b\n',
    );
  });

  it('on a renamed chain touches the new table alone', () => {
    const ruleset = new Ruleset(6, { lookup });
    runOn(ruleset, '-N a', '-A a');
    const before = ruleset.table('filter')!;
    const draft = ruleset.open('filter')!;
    draft.rename('a', 'b');
    draft.append('b', before.chains.get('a')!.rules[0]);
    expect(before.chains.get('a')!.rules).toHaveLength(1);
  });

  it('that changes anything starts the counters of policies anew, as the real tool does', () => {
    expect(run('-P INPUT DROP -c 5 6', '-S INPUT -v')).toBe('-P INPUT DROP -c 5 6\n');
    expect(run('-P INPUT DROP -c 5 6', '-A OUTPUT', '-S INPUT -v')).toBe('-P INPUT DROP -c 0 0\n');
  });

  it('-Z sets the counters of a rule, a chain or all to zero', () => {
    const rules = ['-A INPUT -c 1 2', '-A INPUT -c 3 4', '-A OUTPUT -c 5 6'];
    const counters = (zero: string): string[] =>
      [...run(...rules, zero, '-S -v').matchAll(/-A .* -c (\d+)/g)].map((found) => found[1]);
    expect(counters('-Z INPUT 2')).toEqual(['1', '0', '5']);
    expect(counters('-Z INPUT')).toEqual(['0', '0', '5']);
    expect(counters('-Z')).toEqual(['0', '0', '0']);
  });

  it('-v says what is done', () => {
    expect(run('-N a', '-A INPUT -v -s ::1 -g a')).toBe('a  all opt -- in * out *  ::1  -> ::/0  [goto] \n');
    expect(run('-F -v')).toBe("Flushing chain `INPUT'\nFlushing chain `FORWARD'\nFlushing chain `OUTPUT'\n");
  });
});

describe('-L', () => {
  const rules = [
    '-N web',
    '-A INPUT -s ::1 -j ACCEPT',
    '-A INPUT ! -i eth0 ! -p udp -c 1234567 98765432109 -g web',
    '-A web -p tcp -m ports --port 9 -c 99999 100000',
    '-P FORWARD DROP',
  ];

  it('shows columns', () => {
    expect(run(...rules, '-L')).toBe(
      [
        'Chain INPUT (policy ACCEPT)',
        'target     prot opt source               destination         ',
        'ACCEPT     all  --  ::1                  anywhere            ',
        'web       !udp  --  anywhere             anywhere            [goto] ',
        '',
        'Chain FORWARD (policy DROP)',
        'target     prot opt source               destination         ',
        '',
        'Chain OUTPUT (policy ACCEPT)',
        'target     prot opt source               destination         ',
        '',
        'Chain web (1 references)',
        'target     prot opt source               destination         ',
        '           tcp  --  anywhere             anywhere             port 9',
        '',
      ].join('\n'),
    );
  });

  it('with -n -v adds devices and counters, shortened', () => {
    expect(run(...rules, '-nvL INPUT --line-numbers')).toBe(
      [
        'Chain INPUT (policy ACCEPT 0 packets, 0 bytes)',
        'num   pkts bytes target     prot opt in     out     source               destination         ',
        '1        0     0 ACCEPT     0    --  *      *       ::1                  ::/0                ',
        '2    1235K   99G web       !17   --  !eth0  *       ::/0                 ::/0                [goto] ',
        '',
      ].join('\n'),
    );
    expect(run(...rules, '-nvxL web')).toBe(
      [
        'Chain web (1 references)',
        '    pkts      bytes target     prot opt in     out     source               destination         ',
        '   99999   100000            6    --  *      *       ::/0                 ::/0                 port 9',
        '',
      ].join('\n'),
    );
  });

  it('with a number shows that rule alone', () => {
    expect(run(...rules, '-nL INPUT 1')).toBe('ACCEPT     0    --  ::1                  ::/0                \n');
  });
});

describe('a commit', () => {
  it('keeps the objects of rules that nobody touched, so that an engine finds their counters and state', () => {
    const installed: TableSpec[] = [];
    const ruleset = new Ruleset(6, { lookup, install: (table) => installed.push(table) });
    runOn(ruleset, '-A INPUT -s ::1', '-A INPUT -s ::2', '-A OUTPUT', '-I INPUT 1 -s ::3');
    const [before, after] = installed.slice(-2);
    expect(after.chains.get('INPUT')!.rules.slice(1)).toEqual(before.chains.get('INPUT')!.rules);
    expect(after.chains.get('INPUT')!.rules[1]).toBe(before.chains.get('INPUT')!.rules[0]);
    expect(after.chains.get('OUTPUT')!.rules).toBe(before.chains.get('OUTPUT')!.rules);
    expect(before.chains.get('INPUT')!.rules).toHaveLength(2);
  });

  it('that the installer refuses leaves the old table', () => {
    let full = false;
    const install = (): void => {
      if (full) throw new RuleError('no room', undefined, undefined, 4);
    };
    const ruleset = new Ruleset(6, { lookup, install });
    runOn(ruleset, '-A INPUT -s ::1');
    full = true;
    expect(runOn(ruleset, '-A INPUT -s ::2')).toBe('4: no room');
    expect(ruleset.save()).not.toContain('::2');
  });

  it('prints tables the latest first', () => {
    const ruleset = new Ruleset(6, { lookup });
    runOn(ruleset, '-t raw -L', '-L', '-t mangle -L', '-t raw -L');
    expect(ruleset.tables.map((table) => table.name)).toEqual(['mangle', 'filter', 'raw']);
  });

  it('finds loops however deep the chains are nested', () => {
    const table = emptyTable(6, 'filter');
    const jump = (to: string) => {
      const command = parseCommand(`-A INPUT -j ${to}`, { family: 6, lookup });
      return command.kind === 'append' ? [...command.rules] : [];
    };
    for (let chain = 0; chain < 20_000; chain++) {
      const name = `c${chain}`;
      table.chains.set(name, {
        name,
        builtin: undefined,
        policy: undefined,
        counters: { packets: 0, bytes: 0 },
        rules: jump(`c${chain + 1}`),
      });
    }
    table.chains.set('c20000', {
      name: 'c20000',
      builtin: undefined,
      policy: undefined,
      counters: { packets: 0, bytes: 0 },
      rules: jump('c7'),
    });
    const ruleset = new Ruleset(6, { lookup });
    ruleset.adopt(table);
    expect(runOn(ruleset, '-A INPUT -j c0')).toBe('ip6tables: Too many levels of symbolic links.');
  });
});

describe('the nearest target or chain is proposed', () => {
  const hints: [line: string, hint: string][] = [
    ['-A INPUT -j ACEPT', 'did you mean "ACCEPT"?'],
    ['-A INPUT -j NOET', 'did you mean "NOTE"?'],
    ['-A INPUT -j wbe-in', 'did you mean "web-in"?'],
    ['-A INPUT -g web-inn', 'did you mean "web-in"?'],
    ['-A INPUT -j elsewhere', 'no chain and no target of that name; a chain is declared before the first jump to it'],
  ];
  it.each(hints)('%s: %s', (line, hint) => {
    const ruleset = new Ruleset(6, { lookup });
    one(ruleset, '-N web-in');
    const command = parseCommand(line, { family: 6, lookup, isChain: (table, name) => ruleset.isChain(table, name) });
    let said: string | undefined;
    try {
      apply(command, ruleset.open('filter')!, ruleset.printing);
    } catch (error) {
      said = (error as RuleError).hint;
    }
    expect(said).toBe(hint);
  });
});
