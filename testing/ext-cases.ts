// Rows for extensions: `matchCases` and `targetCases` turn tables of readable rows into tests of an extension's text and of what it
// does to packets.
//
// A rule row is `[options, canonical]`, `[options, '=']` for text that is saved as written, or `[options, { fails: text }]`, where text
// is a part of the message and `<|...|>` marks where the caret belongs. Options stand without `-m name` or `-j name`. Words
// of the frame go before a semicolon: `'-p tcp ; --dport 80'`; the canonical text is then of the part behind it.
//
// A packet row is `[options, packet, answer]`. A packet is octets, or a setup with metadata around octets. The answer of a match is
// 'match', 'no match' or 'drop' (dropped at once); of a target the name of its verdict, or an object that says more.

import { describe, expect, it } from 'vitest';
import type { AnyMatch, AnyTarget, CompileContext } from '../engine/extension.ts';
import { Registry } from '../engine/registry.ts';
import type { Services } from '../engine/services.ts';
import { ACCEPT, CONTINUE, DROP, QUEUE, QUEUE_BYPASS, RETURN, STOLEN, type Verdict } from '../engine/verdict.ts';
import type { RuleError } from '../grammar/error.ts';
import { type Names, noNames } from '../grammar/names.ts';
import type { PrintScope } from '../grammar/options.ts';
import { parseCommand } from '../grammar/parse-rule.ts';
import type { RuleSpec } from '../grammar/rule-spec.ts';
import { HOOKS, type HookName, type TableName } from '../grammar/tables.ts';
import type { Family } from '../packet/numbers.ts';
import { Packet } from '../packet/packet.ts';
import { type BareServices, bareServices } from './bare-services.ts';
import { mark, refusal, unmark } from './marks.ts';

export interface PacketSetup {
  readonly packet: Uint8Array;
  readonly in?: string;
  readonly out?: string;
  readonly physIn?: string;
  readonly physOut?: string;
  readonly mark?: number;
  readonly hook?: HookName;
  /** One of the CT_ bits of packet.ts. */
  readonly ctState?: number;
  readonly linkHeader?: Uint8Array;
  readonly packetType?: number;
  /** Monotonic milliseconds. */
  readonly now?: number;
  readonly services?: Partial<Services>;
  /** Anything else. */
  set?(pkt: Packet): void;
}

export type PacketGiven = Uint8Array | PacketSetup;

export type RuleAnswer =
  | string
  | {
      /** Part of the message. */
      readonly fails: string;
      /** Part of the hint. */
      readonly hint?: string;
      /** 2 unless said. */
      readonly code?: number;
    };

/** `family`, where the extension has both and the row is of one only. */
export type RuleRow = readonly [options: string, answer: RuleAnswer, family?: Family];

export type MatchAnswer = 'match' | 'no match' | 'drop';
export type MatchPacketRow = readonly [options: string, packet: PacketGiven, answer: MatchAnswer];

interface CommonRows {
  readonly rules?: readonly RuleRow[];
  /** `[options, text of -L -n, text of -L if it differs]` */
  readonly lists?: readonly (readonly [options: string, numeric: string, named?: string])[];
  /** Words of the frame for every row, unless it has its own: '-p tcp'. */
  readonly frame?: string;
  readonly table?: TableName;
  readonly names?: Names;
  /** Beside what a row brings itself. */
  readonly services?: Partial<Services>;
  /** Extensions that a row's frame uses beside the one under test. */
  readonly beside?: { readonly matches?: readonly AnyMatch[]; readonly targets?: readonly AnyTarget[] };
}

export interface MatchRows extends CommonRows {
  readonly packets?: readonly MatchPacketRow[];
}

export type VerdictName = 'ACCEPT' | 'DROP' | 'STOLEN' | 'QUEUE' | 'QUEUE_BYPASS' | 'CONTINUE' | 'RETURN';

export interface TargetAnswer {
  readonly verdict?: VerdictName;
  /** The whole packet afterwards. */
  readonly packet?: Uint8Array;
  readonly mark?: number;
  /** Text of every line logged. */
  readonly logged?: readonly string[];
  /** Every packet sent. */
  readonly sent?: readonly Uint8Array[];
  /** Anything else; use expect(). */
  check?(pkt: Packet, services: BareServices): void;
}

export type TargetPacketRow = readonly [options: string, packet: PacketGiven, answer: VerdictName | TargetAnswer];

export interface TargetRows extends CommonRows {
  readonly packets?: readonly TargetPacketRow[];
}

export function matchCases(match: AnyMatch, rows: MatchRows): void {
  const kit = new Kit('match', match, rows);
  describe(`-m ${match.name}`, () => {
    kit.textRows();
    for (const [options, given, answer] of rows.packets ?? []) {
      const family = familyOf(octetsOf(given));
      it(`IPv${family} ${options || '(no options)'} : ${answer}`, () => {
        const { pkt, services } = packetOf(given, rows.services);
        const [spec] = kit.parse(options, family).rules;
        const predicate = match.compile(spec.matches.at(-1)!.checked, kit.compileContext(family, services));
        const matched = predicate(pkt);
        const drop = pkt.hotDropped ? 'drop' : matched ? 'match' : 'no match';
        expect(drop, pkt.reason).toBe(answer);
      });
    }
  });
}

export function targetCases(target: AnyTarget, rows: TargetRows): void {
  const kit = new Kit('target', target, rows);
  describe(`-j ${target.name}`, () => {
    kit.textRows();
    (rows.packets ?? []).forEach(([options, given, answer], index) => {
      const family = familyOf(octetsOf(given));
      const wanted: TargetAnswer = typeof answer === 'string' ? { verdict: answer } : answer;
      it(`packet ${index + 1}: IPv${family} ${options || '(no options)'} ${wanted.verdict ?? ''}`, () => {
        const { pkt, services } = packetOf(given, rows.services);
        const [spec] = kit.parse(options, family).rules;
        if (spec.target?.kind !== 'extension') throw new Error(`-j ${target.name} was not read as a target`);
        const action = target.compile(spec.target.checked, kit.compileContext(family, services));
        expectTarget(wanted, NAMES[action(pkt)], pkt, services);
      });
    });
  });
}

function expectTarget(wanted: TargetAnswer, verdict: string, pkt: Packet, services: BareServices): void {
  if (wanted.verdict) expect(verdict, pkt.reason).toBe(wanted.verdict);
  if (wanted.packet) expect(pkt.view()).toEqual(wanted.packet);
  if (wanted.mark !== undefined) expect(pkt.mark).toBe(wanted.mark);
  if (wanted.logged) expect(services.logged.map((record) => record.text)).toEqual(wanted.logged);
  if (wanted.sent) expect(services.sent.map((one) => one.octets)).toEqual(wanted.sent);
  wanted.check?.(pkt, services);
}

const NAMES: Record<Verdict, VerdictName> = {
  [ACCEPT]: 'ACCEPT',
  [DROP]: 'DROP',
  [STOLEN]: 'STOLEN',
  [QUEUE]: 'QUEUE',
  [QUEUE_BYPASS]: 'QUEUE_BYPASS',
  [CONTINUE]: 'CONTINUE',
  [RETURN]: 'RETURN',
};

const octetsOf = (given: PacketGiven): Uint8Array => (given instanceof Uint8Array ? given : given.packet);
const familyOf = (octets: Uint8Array): Family => (octets[0] >>> 4 === 4 ? 4 : 6);

function packetOf(given: PacketGiven, common?: Partial<Services>): { pkt: Packet; services: BareServices } {
  const setup: PacketSetup = given instanceof Uint8Array ? { packet: given } : given;
  const pkt = Packet.of(setup.packet);
  pkt.inDevice = setup.in ?? '';
  pkt.outDevice = setup.out ?? '';
  pkt.physIn = setup.physIn ?? '';
  pkt.physOut = setup.physOut ?? '';
  pkt.mark = setup.mark ?? 0;
  pkt.ctState = setup.ctState ?? 0;
  pkt.linkHeader = setup.linkHeader;
  pkt.packetType = setup.packetType ?? 0;
  pkt.now = setup.now ?? 0;
  pkt.hook = HOOKS.indexOf(setup.hook ?? 'INPUT');
  setup.set?.(pkt);
  return { pkt, services: bareServices({ ...common, ...setup.services }) };
}

/** What rows of both kinds share: the frame around options, parsing, printing. */
class Kit {
  private readonly extension: AnyMatch | AnyTarget;
  private readonly flag: string;
  private readonly kind: 'match' | 'target';
  private readonly rows: CommonRows;
  private readonly registry: Registry;

  constructor(kind: 'match' | 'target', extension: AnyMatch | AnyTarget, rows: CommonRows) {
    this.kind = kind;
    this.extension = extension;
    this.flag = kind === 'match' ? '-m' : '-j';
    this.rows = rows;
    const own = kind === 'match' ? { matches: [extension as AnyMatch] } : { targets: [extension as AnyTarget] };
    this.registry = new Registry(own);
    if (rows.beside) this.registry.attach(rows.beside);
  }

  textRows(): void {
    for (const row of this.rows.rules ?? []) {
      for (const family of row[2] ? [row[2]] : this.extension.families) this.textRow(row, family);
    }
    for (const [options, numeric, named] of this.rows.lists ?? []) {
      for (const family of this.extension.families) {
        it(`-L of IPv${family} ${options || '(no options)'}`, () => {
          const scope = this.scope(options, family);
          const checked = this.checked(options, family);
          expect(this.extension.list(checked, { ...scope, numeric: true })).toBe(numeric);
          expect(this.extension.list(checked, { ...scope, numeric: false })).toBe(named ?? numeric);
        });
      }
    }
  }

  private textRow([row, answer]: RuleRow, family: Family): void {
    const title = `IPv${family} ${row || '(no options)'}`;
    if (typeof answer !== 'string') {
      it(`${title} is refused: ${answer.fails}`, () => this.expectRefusal(row, answer, family));
      return;
    }
    const behind = row.includes(';') ? row.slice(row.indexOf(';') + 1).trim() : row;
    const canonical = answer === '=' ? behind : answer;
    it(`${title} -> ${answer}`, () => {
      const saved = this.saved(row, family);
      expect(saved).toBe(canonical);
      // What is printed must be read back as the same.
      const frame = row.includes(';') ? `${row.slice(0, row.indexOf(';')).trim()} ; ` : '';
      expect(this.saved(frame + saved, family)).toBe(canonical);
    });
  }

  private expectRefusal(row: string, answer: Exclude<RuleAnswer, string>, family: Family): void {
    const { text: command, span } = unmark(this.command(row));
    const error: RuleError = refusal(() => this.parseText(command, family));
    expect(error.message).toContain(answer.fails);
    expect(error.code).toBe(answer.code ?? 2);
    if (answer.hint) expect(error.hint).toContain(answer.hint);
    if (span) expect(mark(command, error.span)).toBe(mark(command, span));
  }

  /** `-A CHAIN frame -m name options` */
  private command(row: string): string {
    const cut = row.indexOf(';');
    const frame = cut < 0 ? (this.rows.frame ?? '') : row.slice(0, cut).trim();
    const options = cut < 0 ? row : row.slice(cut + 1).trim();
    return ['-A CHAIN', frame, `${this.flag} ${this.extension.name}`, options].filter((part) => part !== '').join(' ');
  }

  parse(row: string, family: Family): { rules: readonly RuleSpec[] } {
    return this.parseText(this.command(row), family);
  }

  private parseText(command: string, family: Family): { rules: readonly RuleSpec[] } {
    const { names, table } = this.rows;
    const parsed = parseCommand(command, {
      family,
      lookup: this.registry,
      names: names ?? noNames,
      table: table ?? 'filter',
    });
    if (parsed.kind !== 'append') throw new Error(`read as ${parsed.kind}`);
    return parsed;
  }

  private saved(row: string, family: Family): string {
    return this.extension.save(this.checked(row, family), this.scope(row, family));
  }

  private checked(row: string, family: Family): unknown {
    const [spec] = this.parse(row, family).rules;
    if (this.kind === 'match') return spec.matches.at(-1)!.checked;
    if (spec.target?.kind !== 'extension') throw new Error(`-j ${this.extension.name} was not read as a target`);
    return spec.target.checked;
  }

  private scope(row: string, family: Family): PrintScope {
    const [spec] = this.parse(row, family).rules;
    return { family, names: this.rows.names ?? noNames, protocol: spec.protocol };
  }

  compileContext(family: Family, services: Services): CompileContext {
    const shared = new Map<string, unknown>();
    return {
      family,
      table: this.rows.table ?? 'filter',
      services,
      state: (make) => make(),
      shared<T>(name: string, make: () => T): T {
        if (!shared.has(name)) shared.set(name, make());
        return shared.get(name) as T;
      },
    };
  }
}
