// The file of survivors that are well as they are: a list of what was changed and why nobody needs to notice.
//
//   - kind: shift a number
//     rule: -A INPUT -p icmp -m limit --limit 5/sec -j ACCEPT
//     becomes: ...          (left out: any change of that kind to that rule)
//     reason: the rate is a guess; that there is one is tested

import { parse } from 'yaml';
import { type AcceptedMutant, MutationError } from './mutate.ts';

/** YAML or JSON. Throws MutationError for what is no such list. */
export function parseAccepted(text: string, file: string): AcceptedMutant[] {
  let entries: unknown;
  try {
    entries = parse(text);
  } catch (error) {
    throw new MutationError(`${file}: ${(error as Error).message}`);
  }
  if (entries === null || entries === undefined) return [];
  if (!Array.isArray(entries)) throw new MutationError(`${file}: a list of {kind, rule, becomes, reason} is expected`);
  return entries.map((entry: Record<string, unknown>, index) => {
    const { kind, rule, becomes, reason } = entry ?? {};
    for (const [name, value] of Object.entries({ kind, rule, reason })) {
      if (typeof value === 'string' && value !== '') continue;
      throw new MutationError(`${file}: entry ${index + 1} has no ${name}`);
    }
    const rest = becomes === undefined ? {} : { becomes: String(becomes ?? '') };
    return { kind: String(kind), rule: String(rule), reason: String(reason), ...rest };
  });
}
