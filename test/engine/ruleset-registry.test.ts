// Attaching and detaching extensions while running, and what that does to the language.

import { describe, expect, it } from 'vitest';
import { defineMatch } from '../../engine/extension.ts';
import { Registry } from '../../engine/registry.ts';
import { parseCommand } from '../../grammar/parse-rule.ts';
import { flag, u8, u16 } from '../../grammar/values.ts';

const sample = (name: string, options: Parameters<typeof defineMatch>[0]['options'], aliases: string[] = []) =>
  defineMatch({
    name,
    aliases,
    families: [4, 6],
    summary: '',
    kernel: '',
    effect: 'pure',
    options,
    check: (given) => Object.entries(given).map(([option, one]) => `${option}=${one?.value}`),
    save: () => '',
    list: () => '',
    compile: () => () => true,
  });

const first = sample('first', { level: u8({ help: '' }), wide: u8({ help: '' }) });
const second = sample('second', { level: u16({ help: '' }), width: flag({ help: '' }) }, ['zweite']);

const checked = (registry: Registry, line: string): unknown => {
  const command = parseCommand(line, { family: 6, lookup: registry });
  return command.kind === 'append'
    ? command.rules[0].matches.map((match) => [match.name, match.checked])
    : command.kind;
};

describe('the language', () => {
  it('grows with an attached extension and shrinks when it is detached', () => {
    const registry = new Registry();
    expect(() => checked(registry, '-A INPUT -m first --level 3')).toThrow("Couldn't load match `first'");
    registry.attach({ matches: [first] });
    expect(checked(registry, '-A INPUT -m first --level 3')).toEqual([['first', ['level=3']]]);
    registry.detach('first');
    expect(() => checked(registry, '-A INPUT -m first --level 3')).toThrow("Couldn't load match `first'");
  });

  const both = new Registry({ matches: [first, second] });

  it('gives a shared option name to the extension that was loaded last', () => {
    expect(checked(both, '-A INPUT -m first --level 3 -m second --level 4')).toEqual([
      ['first', ['level=3']],
      ['second', ['level=4']],
    ]);
    expect(checked(both, '-A INPUT -m first -m second --level 400')).toEqual([
      ['first', []],
      ['second', ['level=400']],
    ]);
  });

  it('knows an option only behind the extension that has it', () => {
    expect(() => checked(both, '-A INPUT --level 3 -m first')).toThrow('unknown option "--level"');
  });

  it('takes short forms where they mean one option only', () => {
    expect(checked(both, '-A INPUT -m first --wid 3')).toEqual([['first', ['wide=3']]]);
    expect(() => checked(both, '-A INPUT -m first -m second --wid')).toThrow('unknown option "--wid"');
    expect(checked(both, '-A INPUT -m first --level 1 -m first --lev 2')).toEqual([
      ['first', ['level=1']],
      ['first', ['level=2']],
    ]);
  });

  it('loads the match of a protocol when an option of it is missing, once', () => {
    const registry = new Registry({ matches: [sample('tcp', { syn: flag({ help: '' }) }), first] });
    expect(checked(registry, '-A INPUT -p tcp --syn')).toEqual([['tcp', ['syn=true']]]);
    expect(checked(registry, '-A INPUT -p 6 -m first --syn')).toEqual([
      ['first', []],
      ['tcp', ['syn=true']],
    ]);
    expect(() => checked(registry, '-A INPUT --syn -p tcp')).toThrow('unknown option "--syn"');
    expect(() => checked(registry, '-A INPUT -p udp --syn')).toThrow('unknown option "--syn"');
  });

  it('lets any word be a value', () => {
    expect(() => checked(both, '-A INPUT -m first --level --wide')).toThrow('bad value for option "--level"');
  });
});

describe('a registry', () => {
  it('refuses a name that is taken, and then attaches nothing of that module', () => {
    const registry = new Registry({ matches: [first] });
    expect(() => registry.attach({ matches: [second, first] })).toThrow('match "first" is attached already');
    expect(registry.match('second', 6)).toBeUndefined();
  });

  it('finds an extension by its aliases and lists every word', () => {
    const registry = new Registry({ matches: [second] });
    expect(registry.match('zweite', 4)).toBe(second);
    expect(registry.names('match', 6)).toEqual(['second', 'zweite']);
    expect(registry.all('match')).toEqual([second]);
  });

  it('does not detach what an owner still uses', () => {
    const registry = new Registry({ matches: [first] });
    const leave = registry.ask((_kind, name) => (name === 'first' ? 'IPv6 filter INPUT rule 1' : undefined));
    expect(() => registry.detach('first')).toThrow('match "first" is in use: IPv6 filter INPUT rule 1');
    leave();
    registry.detach('first');
    expect(() => registry.detach('first')).toThrow('no extension "first" is attached');
  });
});
