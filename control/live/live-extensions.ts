// Extensions of the user's own in a daemon: attached here, where rules are parsed, and in the engine, where they act, while packets flow.

import { resolve } from 'node:path';
import type { Module, Registry } from '../../engine/registry.ts';
import { loadExtension, namesOf } from '../extension-files.ts';
import type { AskEngine } from './live-rules.ts';

export class LiveExtensions {
  private readonly registry: Registry;
  private readonly ask: AskEngine;
  /** The names that are attached, by their file. */
  private readonly files = new Map<string, Set<string>>();

  constructor(registry: Registry, ask: AskEngine) {
    this.registry = registry;
    this.ask = ask;
  }

  /** Those of a start. */
  async load(files: readonly string[]): Promise<void> {
    for (const file of files) await this.attach(file);
  }

  /** Resolves with the names that can be used from now on; rejects, with nothing changed, when one is taken or the file is wrong. */
  async attach(file: string): Promise<string[]> {
    const path = resolve(file);
    if (this.files.has(path)) throw new Error(`${path} is attached already`);
    const module: Module = loadExtension(path);
    const names = namesOf(module);
    this.registry.attach(module);
    try {
      await this.ask({ op: 'attach', file: path });
    } catch (error) {
      for (const name of names) this.registry.detach(name);
      throw error;
    }
    this.files.set(path, new Set(names));
    return names;
  }

  /** Rejects while a rule uses it, and for what came with the program. */
  async detach(name: string): Promise<void> {
    const owner = [...this.files].find(([, names]) => names.has(name));
    if (!owner) throw new Error(`no file that is attached has an extension "${name}"`);
    const [path, names] = owner;
    // The engine knows which rules there are.
    await this.ask({ op: 'detach', name });
    this.registry.detach(name);
    names.delete(name);
    if (names.size === 0) this.files.delete(path);
  }

  /** Brings another engine to where the one before it was. */
  async giveBack(ask: AskEngine): Promise<void> {
    for (const [file, names] of this.files) {
      await ask({ op: 'attach', file });
      for (const name of namesOf(loadExtension(file))) if (!names.has(name)) await ask({ op: 'detach', name });
    }
  }

  /** By file. */
  list(): Record<string, readonly string[]> {
    return Object.fromEntries([...this.files].map(([file, names]) => [file, [...names]]));
  }
}
