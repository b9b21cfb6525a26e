// Edits of a long save file are in its journal until the file is written: whatever becomes of the daemon meanwhile, what a tool was told of is there.

import { createHash } from 'node:crypto';
import { appendFileSync, existsSync, readdirSync, readFileSync, truncateSync } from 'node:fs';
import { dirname } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createEngine } from '../../control/live/engine.ts';
import { LiveRules } from '../../control/live/live-rules.ts';
import { changeOf } from '../../control/live/table-change.ts';
import { journalOf } from '../../control/paths.ts';
import type { ToolName } from '../../control/socket/protocol.ts';
import { editsSince, editText, RuleJournal, repeatEdits, storeWhole } from '../../control/stored/rule-journal.ts';
import { RuleStore } from '../../control/stored/rule-store.ts';
import { runTool } from '../../control/tool/tool.ts';
import { restore } from '../../engine/edit/restore.ts';
import { Ruleset } from '../../engine/edit/ruleset.ts';
import { noNames } from '../../grammar/names.ts';
import { atOnce } from './at-once.ts';
import { attempt, edits, registry } from './random-edits.ts';
import { State } from './state.ts';

let state: State;
beforeEach(() => {
  state = new State();
});
afterEach(() => state.close());

const path = (): string => state.paths.rules(6);
const hasEdits = (): boolean => existsSync(journalOf(path())) && journal().includes('COMMIT');
const journal = (): string => readFileSync(journalOf(path()), 'utf8');

const empty = (): Ruleset => new Ruleset(6, { lookup: registry });

test('edits that are repeated make the rules that there were', async () => {
  const steps = fc.array(fc.array(edits, { minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 6 });
  await fc.assert(
    fc.asyncProperty(steps, async (commits) => {
      const [here, there] = [empty(), empty()];
      let before = here.open('filter') && here.table('filter')!;
      there.open('filter');
      for (const commit of commits) {
        const draft = here.open('filter')!;
        for (const edit of commit) attempt(draft, edit);
        const now = draft.finish();
        if (!now) continue;
        here.adopt(now);
        const text = editText(changeOf(before, now), now, here.printing);
        before = now;
        // A chain that is renamed, or made again, is not for the journal.
        if (text !== undefined) await repeatEdits('rules', text, there);
        else restore(here.save({ counters: true }), there, { program: 'restore', counters: true });
        expect(there.save({ counters: true })).toBe(here.save({ counters: true }));
      }
    }),
    { numRuns: 80, seed: 3 },
  );
});

describe('the journal of a save file', () => {
  const TEXT = '*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\nCOMMIT\n';
  const FIRST = '*filter\n[0:0] -I FORWARD 1 -j DROP\nCOMMIT\n';
  const SECOND = '*filter\n-D FORWARD 1\nCOMMIT\n';

  function begin(): RuleJournal {
    state.write(TEXT);
    const made = new RuleJournal(path(), TEXT);
    made.write(FIRST);
    made.write(SECOND);
    return made;
  }

  test('says what was done since, up to the last edit that is whole', () => {
    begin().close();
    expect(editsSince(path(), TEXT)).toBe(FIRST + SECOND);
    const second = journal().indexOf(SECOND);
    for (const left of [SECOND.length - 1, 3, 0]) {
      truncateSync(journalOf(path()), second + left);
      expect(editsSince(path(), TEXT)).toBe(FIRST);
    }
    for (const left of [20, 0]) {
      truncateSync(journalOf(path()), left);
      expect(editsSince(path(), TEXT)).toBe('');
    }
  });

  test('without edits says nothing, even beside a file that was changed by hand', () => {
    new RuleJournal(path(), TEXT).close();
    expect([TEXT, `${TEXT}\n`].map((text) => editsSince(path(), text))).toEqual(['', '']);
    appendFileSync(journalOf(path()), FIRST.slice(0, -1));
    expect([TEXT, `${TEXT}\n`].map((text) => editsSince(path(), text))).toEqual(['', '']);
  });

  test('goes with its writer when it has no edits', () => {
    state.write(TEXT);
    new RuleJournal(path(), TEXT).end();
    expect(existsSync(journalOf(path()))).toBe(false);
    begin().end();
    expect(editsSince(path(), TEXT)).toBe(FIRST + SECOND);
  });

  test('ends when the file is written', () => {
    begin().close();
    storeWhole(path(), `${TEXT}\n`);
    expect([state.read(), existsSync(journalOf(path()))]).toEqual([`${TEXT}\n`, false]);
  });

  test('a crash while the file is written leaves the old one with its edits, or the new one', () => {
    begin().close();
    const next = `${TEXT}\n`;
    const digest = createHash('sha256').update(next).digest('hex');
    appendFileSync(journalOf(path()), `# taken over into the save file with sha256 ${digest}\n`);
    expect(editsSince(path(), TEXT)).toBe(FIRST + SECOND);
    expect(editsSince(path(), next)).toBe('');
    // The writing failed, and there are more edits: that line counts for nothing any more.
    appendFileSync(journalOf(path()), FIRST);
    expect(editsSince(path(), TEXT)).toMatch(/-I FORWARD 1[\s\S]*-D FORWARD 1[\s\S]*-I FORWARD 1/);
    expect(() => editsSince(path(), next)).toThrow('changed by hand');
  });

  test('beside a file that was changed by hand, both stay', async () => {
    begin().close();
    state.write(TEXT.replace('FORWARD ACCEPT', 'FORWARD DROP'));
    const { exitCode, stderr } = await state.call('ip6tables -A INPUT -j DROP');
    expect([exitCode, stderr]).toEqual([3, expect.stringContaining('was changed by hand, while')]);
    expect([state.read(), journal()]).toEqual([
      expect.stringContaining('FORWARD DROP'),
      expect.stringContaining(FIRST),
    ]);
  });

  test('is read by tools where no daemon serves any more, and ended by the first that changes something', async () => {
    const made = begin();
    made.write(FIRST.replace('DROP', 'ACCEPT'));
    expect(await state.says('ip6tables -S FORWARD')).toBe('-P FORWARD ACCEPT\n-A FORWARD -j ACCEPT\n');
    expect(existsSync(journalOf(path()))).toBe(true);
    await state.call('ip6tables -A FORWARD -j DROP');
    expect(existsSync(journalOf(path()))).toBe(false);
    expect(state.read()).toContain('[0:0] -A FORWARD -j ACCEPT\n[0:0] -A FORWARD -j DROP\n');
  });
});

/** A daemon as far as its rules go; `end` is what becomes of it when it is killed. */
class Kept {
  readonly problems: string[] = [];
  readonly rules = new LiveRules({
    registry,
    names: noNames,
    ask: async (request) => {
      if (this.refuses) throw new Error('the engine says no');
      return structuredClone(atOnce(this.engine.handle(structuredClone(request))));
    },
  });
  refuses = false;
  readonly store = new RuleStore(this.rules, state.paths, ({ message }) => this.problems.push(message));
  private readonly engine = createEngine({
    devices: [],
    options: { mode: { kind: 'bridge', ports: ['inside', 'outside'] } },
    transmit: () => true,
    emit: () => true,
  });

  async call(line: string, stdin?: string): Promise<string> {
    const [program, ...argv] = line.split(' ');
    const { answer } = await this.rules.edit(
      6,
      (ruleset) => runTool({ program: program as ToolName, argv, stdin, date: new Date(0) }, ruleset),
      (changed, inForce) => this.store.keep(6, changed, inForce),
    );
    return answer.stdout + answer.stderr;
  }
}

describe('a daemon with a long save file', () => {
  const many = Array.from({ length: 1_700 }, (_, at) => `-A FORWARD -s fd00::${(at + 1).toString(16)}/128 -j DROP`);
  const LONG = `*filter\n:FORWARD DROP [0:0]\n${many.join('\n')}\nCOMMIT\n`;

  test('stores edits beside it, and writes it when it is told to', async () => {
    const daemon = new Kept();
    await daemon.call('ip6tables-restore', LONG);
    const before = state.read();
    await daemon.call('ip6tables -I FORWARD 1000 -p tcp -j ACCEPT');
    await daemon.call('ip6tables -D FORWARD 1');
    await daemon.call('ip6tables -t raw -N web');
    expect(state.read()).toBe(before);
    expect(journal()).toContain('[0:0] -I FORWARD 1000 -p tcp -j ACCEPT\nCOMMIT\n');
    // Killed: the next one has them all.
    const next = new Kept();
    await next.store.load([]);
    for (const line of ['ip6tables-save', 'ip6tables -vS']) expect(await next.call(line)).toBe(await daemon.call(line));
    expect([hasEdits(), state.read()]).toEqual([false, await next.call('ip6tables-save -c').then(bare)]);
  });

  test('has a journal at hand for the next edit, and none when it ends', async () => {
    const daemon = new Kept();
    await daemon.call('ip6tables-restore', LONG);
    await expect.poll(() => existsSync(journalOf(path()))).toBe(true);
    const begun = journal();
    await daemon.call('ip6tables -D FORWARD 1');
    expect(journal().startsWith(`${begun}*filter\n`)).toBe(true);
    await daemon.store.save();
    expect(existsSync(journalOf(path()))).toBe(false);
    await expect.poll(() => existsSync(journalOf(path()))).toBe(true);
    daemon.store.close();
    expect(existsSync(journalOf(path()))).toBe(false);
  });

  test('writes it anew for what the journal cannot have, or when that grows long', async () => {
    const daemon = new Kept();
    await daemon.call('ip6tables-restore', LONG);
    for (const line of ['-N a', '-A a -j DROP', '-E a b', '-Z FORWARD']) {
      await daemon.call(`ip6tables ${line}`);
      expect([line, hasEdits()]).toEqual([line, /^-[NA]/.test(line)]);
    }
    const before = state.read();
    const sources = Array.from({ length: 50 }, (_, at) => `fd00:1::${at + 1}`).join();
    for (let edits = 0; edits < 10; edits++) await daemon.call(`ip6tables -I FORWARD -s ${sources} -j DROP`);
    // After the answer to the last one.
    await expect.poll(() => state.read()).not.toBe(before);
    expect(state.read()).toContain('fd00:1::50/128');
  });

  test('a chain that is filled anew is not written rule by rule', async () => {
    const daemon = new Kept();
    await daemon.call(
      'ip6tables-restore',
      LONG.replace('COMMIT', ':web - [0:0]\n-A web -p tcp\n-A web -p udp\nCOMMIT'),
    );
    await daemon.call('ip6tables-restore -n', '*filter\n:web - [0:0]\n-A web -p sctp\nCOMMIT\n');
    await daemon.call('ip6tables -F web');
    expect(journal()).toContain('-F web\n[0:0] -A web -p sctp\nCOMMIT\n');
    expect(journal()).toMatch(/\n-F web\nCOMMIT\n$/);
    const next = new Kept();
    await next.store.load([]);
    expect(await next.call('ip6tables -S web')).toBe('-N web\n');
  });

  test('what the engine refuses is not stored, by neither way', async () => {
    const daemon = new Kept();
    await daemon.call('ip6tables-restore', LONG);
    await daemon.call('ip6tables -A FORWARD -p tcp');
    const files = (): string[] => [...readdirSync(dirname(path())), state.read(), journal()];
    const before = files();
    daemon.refuses = true;
    for (const words of ['-p udp', '-m limit --limit 1/s', '-j LOG'])
      expect(await daemon.call(`ip6tables -A FORWARD ${words}`)).toContain('The rules were not changed.');
    expect(await daemon.call('ip6tables-restore', LONG.replace('DROP', 'ACCEPT'))).toContain('not changed');
    expect(files()).toEqual(before);
    daemon.refuses = false;
    await daemon.call('ip6tables -A FORWARD -p icmpv6');
    expect(journal()).toContain(`-A FORWARD -p tcp\nCOMMIT\n`);
    expect(journal()).toMatch(/-A FORWARD -p ipv6-icmp\nCOMMIT\n$/);
  });

  test('a rule that no save file can hold is refused to be stored, and the next edit stores the others', async () => {
    const daemon = new Kept();
    await daemon.call('ip6tables-restore', LONG);
    await expect(daemon.call('ip6tables -A FORWARD -m comment --comment a\nb')).rejects.toThrow('cannot hold');
    await expect(daemon.call('ip6tables -I FORWARD -p sctp')).rejects.toThrow('cannot hold');
    await daemon.call(`ip6tables -D FORWARD ${many.length + 2}`);
    expect(state.read()).toContain('[0:0] -A FORWARD -p sctp\n');
  });
});

const bare = (saved: string): string => saved.replace(/^#.*\n/gm, '');
