// A command as data: what one line of a save file, or one command line, asks for. Parsing makes these, engine/edit/ruleset.ts carries them out.

import type { Family } from '../packet/numbers.ts';
import type { Span } from './error.ts';
import type { AnySyntax } from './lookup.ts';
import type { RuleSpec } from './rule-spec.ts';

/** Options that are of the command, not of the rule. */
export interface Flags {
  /** How often -v stood. */
  readonly verbose: number;
  readonly numeric: boolean;
  readonly exact: boolean;
  readonly lineNumbers: boolean;
  /** Seconds to wait for the lock: undefined without -w, -1 for ever. */
  readonly wait: number | undefined;
}

/** What every command has. */
export interface Common {
  readonly family: Family;
  readonly table: string;
  readonly flags: Flags;
  /** All words of the command. */
  readonly span: Span;
  /** Where the chain's name stands; the whole command where none is given. */
  readonly chainSpan: Span;
  /** Where the target's name stands, if there is one. */
  readonly targetSpan: Span | undefined;
  /** What the real tool says on stderr and goes on. */
  readonly warnings: readonly string[];
}

/** A list of addresses makes several rules: source × destination, source outermost. */
interface WithRules {
  readonly chain: string;
  readonly rules: readonly RuleSpec[];
}

export type Command = Common &
  (
    | ({ readonly kind: 'append' | 'delete' | 'check' } & WithRules)
    | ({ readonly kind: 'insert' | 'replace'; readonly number: number } & WithRules)
    | { readonly kind: 'deleteNumber'; readonly chain: string; readonly number: number }
    /** `zero`: with -Z beside it, of one chain, one rule, or all. */
    | {
        readonly kind: 'list' | 'listRules';
        readonly chain: string | undefined;
        readonly number: number | undefined;
        readonly zero: boolean;
      }
    | { readonly kind: 'zero'; readonly chain: string | undefined; readonly number: number | undefined }
    | { readonly kind: 'flush' | 'deleteChain'; readonly chain: string | undefined }
    | { readonly kind: 'newChain'; readonly chain: string }
    | { readonly kind: 'rename'; readonly chain: string; readonly newName: string }
    | {
        readonly kind: 'policy';
        readonly chain: string;
        readonly policy: string;
        readonly counters: { readonly packets: number; readonly bytes: number } | undefined;
      }
    | { readonly kind: 'version'; readonly inverted: boolean }
    /** -h; `extensions` are those loaded before it, whose help is wanted too. */
    | { readonly kind: 'help'; readonly extensions: readonly AnySyntax[] }
    /** A -4 or -6 line for the other family: nothing to do. */
    | { readonly kind: 'otherFamily' }
  );

export type CommandKind = Command['kind'];
