// sekisho extensions: what is attached, from the literals themselves.

import { builtinRegistry } from '../control/extensions.ts';

export async function extensions({ json }: { json?: boolean }): Promise<number> {
  const registry = builtinRegistry();
  const rows = (['match', 'target'] as const).flatMap((kind) =>
    registry.all(kind as 'match').map(({ name, families, summary, kernel, aliases = [] }) => ({
      kind,
      name,
      families,
      aliases,
      summary,
      kernel,
    })),
  );
  if (json) process.stdout.write(`${JSON.stringify(rows)}\n`);
  else {
    for (const { kind, name, families, summary } of rows) {
      process.stdout.write(`${kind.padEnd(7)}${name.padEnd(13)}${families.join(' ').padEnd(5)}${summary}\n`);
    }
  }
  return 0;
}
