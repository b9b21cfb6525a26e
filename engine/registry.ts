// The extensions that are attached at this moment. The engine and the grammar get them from here and know none by name; programs
// hand in the built-in sets. Attaching and detaching work while running: whoever holds compiled rules keeps the literals they were
// compiled from, and `detach` is refused while an owner says that a rule still uses the name.

import type { AnyHelper } from '../conntrack/helping/helper.ts';
import type { Lookup } from '../grammar/lookup.ts';
import type { Family } from '../packet/numbers.ts';
import type { AnyMatch, AnyTarget } from './extension.ts';
import type { QueueListener } from './queue.ts';

export interface Module {
  readonly matches?: readonly AnyMatch[];
  readonly targets?: readonly AnyTarget[];
  readonly helpers?: readonly AnyHelper[];
  readonly queues?: readonly QueueListener[];
}

export type ExtensionKind = 'match' | 'target';
export type AttachedKind = ExtensionKind | 'helper' | 'queue';

/** Says whether a rule still uses an extension: the reason, or undefined. Asked before a detach. */
export type InUse = (kind: AttachedKind, name: string) => string | undefined;

/** Told of a helper that was detached. */
export type HelperGone = (helper: AnyHelper) => void;

type Named<T> = Map<string, T>;
type ByFamily<T> = Record<Family, Named<T>>;

export class Registry implements Lookup {
  private readonly matches: ByFamily<AnyMatch> = { 4: new Map(), 6: new Map() };
  private readonly targets: ByFamily<AnyTarget> = { 4: new Map(), 6: new Map() };
  private readonly helpers = new Map<string, AnyHelper>();
  /** Who listens, by queue number. */
  private readonly queues = new Map<number, QueueListener>();
  /** Timeout policies: by name, whether one is for a protocol. */
  private readonly policies = new Map<string, (protocol: number) => boolean>();
  private readonly owners = new Set<InUse>();
  private readonly mourners = new Set<HelperGone>();

  constructor(...modules: readonly Module[]) {
    for (const module of modules) this.attach(module);
  }

  /** Adds every extension of `module`, or none: throws when a name or alias is taken in one of its families. */
  attach(module: Module): void {
    for (const match of module.matches ?? []) checkFree(this.matches, match, 'match');
    for (const target of module.targets ?? []) checkFree(this.targets, target, 'target');
    for (const { name } of module.helpers ?? []) {
      if (this.helpers.has(name)) throw new Error(`helper "${name}" is attached already`);
    }
    for (const { queues } of module.queues ?? []) {
      const taken = queues.find((number) => this.queues.has(number));
      if (taken !== undefined) throw new Error(`"${this.queues.get(taken)?.name}" listens at queue ${taken} already`);
    }
    for (const match of module.matches ?? []) put(this.matches, match);
    for (const target of module.targets ?? []) put(this.targets, target);
    for (const helper of module.helpers ?? []) this.helpers.set(helper.name, helper);
    for (const listener of module.queues ?? []) for (const number of listener.queues) this.queues.set(number, listener);
  }

  /** Takes the match, target, helper or listener (or all) of that name away; throws when there is none, or when a rule still uses it. */
  detach(name: string): void {
    const found = (['match', 'target', 'helper', 'queue'] as const).filter((kind) => this.has(kind, name));
    if (found.length === 0) throw new Error(`no extension "${name}" is attached`);
    for (const kind of found) {
      for (const inUse of this.owners) {
        const reason = inUse(kind, name);
        if (reason !== undefined) throw new Error(`${kind} "${name}" is in use: ${reason}`);
      }
    }
    for (const family of [4, 6] as const) {
      remove(this.matches[family], name);
      remove(this.targets[family], name);
    }
    for (const [number, listener] of this.queues) if (listener.name === name) this.queues.delete(number);
    const helper = this.helpers.get(name);
    this.helpers.delete(name);
    if (helper) for (const told of this.mourners) told(helper);
  }

  /** Who holds rules registers here; call the returned function to leave. */
  ask(inUse: InUse, helperGone?: HelperGone): () => void {
    this.owners.add(inUse);
    if (helperGone) this.mourners.add(helperGone);
    return () => {
      this.owners.delete(inUse);
      if (helperGone) this.mourners.delete(helperGone);
    };
  }

  match(name: string, family: Family): AnyMatch | undefined {
    return this.matches[family].get(name);
  }

  target(name: string, family: Family): AnyTarget | undefined {
    return this.targets[family].get(name);
  }

  /** The helper of that name, if it is for connections of that family and protocol. */
  helper(name: string, family: Family, protocol: number): AnyHelper | undefined {
    const helper = this.helpers.get(name);
    return helper?.families.includes(family) && helper.protocols.includes(protocol) ? helper : undefined;
  }

  /** Who listens at the queue of that number. */
  queue(number: number): QueueListener | undefined {
    return this.queues.get(number);
  }

  /** A timeout policy that rules may name (`CT --timeout`) from now on: those who parse rules may not be those who track. */
  notePolicy(name: string, isFor: (protocol: number) => boolean): void {
    this.policies.set(name, isFor);
  }

  /** Whether the timeout policy of that name is one for that protocol; undefined: there is none of that name. */
  timeoutPolicy(name: string, protocol: number): boolean | undefined {
    return this.policies.get(name)?.(protocol);
  }

  /** Every word after -m or -j, aliases included, sorted. */
  names(kind: ExtensionKind, family: Family): readonly string[] {
    return [...(kind === 'match' ? this.matches : this.targets)[family].keys()].sort();
  }

  /** Each extension once, in the order of attachment. */
  all(kind: 'match'): readonly AnyMatch[];
  all(kind: 'target'): readonly AnyTarget[];
  all(kind: ExtensionKind): readonly (AnyMatch | AnyTarget)[] {
    const maps = kind === 'match' ? this.matches : this.targets;
    return [...new Set([...maps[4].values(), ...maps[6].values()])];
  }

  /** In the order of attachment. */
  allHelpers(): readonly AnyHelper[] {
    return [...this.helpers.values()];
  }

  private has(kind: AttachedKind, name: string): boolean {
    if (kind === 'queue') return [...this.queues.values()].some((listener) => listener.name === name);
    if (kind === 'helper') return this.helpers.has(name);
    return this.all(kind as 'match').some((extension) => extension.name === name);
  }
}

function checkFree<T extends AnyMatch | AnyTarget>(maps: ByFamily<T>, extension: T, kind: ExtensionKind): void {
  for (const family of extension.families) {
    for (const word of [extension.name, ...(extension.aliases ?? [])]) {
      if (maps[family].has(word)) throw new Error(`${kind} "${word}" is attached already (IPv${family})`);
    }
  }
}

function put<T extends AnyMatch | AnyTarget>(maps: ByFamily<T>, extension: T): void {
  for (const family of extension.families) {
    for (const word of [extension.name, ...(extension.aliases ?? [])]) maps[family].set(word, extension);
  }
}

function remove<T extends AnyMatch | AnyTarget>(map: Named<T>, name: string): void {
  for (const [word, extension] of map) if (extension.name === name) map.delete(word);
}
