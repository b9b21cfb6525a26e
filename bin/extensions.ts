// sekisho extensions: what is attached, from the literals themselves, and how each match and target is known to do as the kernel does.

import { builtinRegistry } from '../control/extensions.ts';
import type { AnyMatch, AnyTarget } from '../engine/extension.ts';
import evidence from './evidence.json' with { type: 'json' };

/** One of the families of an extension. */
interface Told {
  readonly family: number;
  /** As iptables 1.8.9 reads and prints it. */
  readonly parses: 'yes';
  readonly prints: 'yes';
  readonly acts: 'yes' | 'yes, with state';
  /** What the real tools and the kernel were asked. */
  readonly checked: string;
  readonly how: string;
}

const NOT_OURS = { checked: 'not by us', how: 'it came from a file' };

function told(kind: 'match' | 'target', extension: AnyMatch | AnyTarget, family: number): Told {
  const known = evidence.find((one) => one.kind === kind && one.name === extension.name && one.family === family);
  const { checked, how } = known ?? NOT_OURS;
  const acts = 'effect' in extension && extension.effect === 'stateful' ? 'yes, with state' : 'yes';
  return { family, parses: 'yes', prints: 'yes', acts, checked, how };
}

export async function extensions({ json }: { json?: boolean }): Promise<number> {
  const registry = builtinRegistry();
  const rows = (['match', 'target'] as const).flatMap((kind) =>
    registry.all(kind as 'match').map((extension) => {
      const { name, families, summary, supplied, kernel, aliases = [] } = extension;
      const known = families.map((family) => told(kind, extension, family));
      return { kind, name, families, aliases, summary, supplied, kernel, known };
    }),
  );
  const helpers = registry.allHelpers().map((helper) => {
    const { name, families, summary, kernel, protocols, port } = helper;
    return { kind: 'helper' as const, name, families, summary, kernel, protocols, port };
  });
  if (json) process.stdout.write(`${JSON.stringify([...rows, ...helpers])}\n`);
  else {
    for (const { kind, name, families, summary } of [...rows, ...helpers]) {
      process.stdout.write(`${kind.padEnd(7)}${name.padEnd(13)}${families.join(' ').padEnd(5)}${summary}\n`);
    }
  }
  return 0;
}
