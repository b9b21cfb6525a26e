// Timeout policies as rules know them: `CT --timeout NAME` is refused at load for a name that nobody has made, or has made for another protocol.

import { byProtocol, optional } from '../conntrack/l4/index.ts';
import { policySetting } from '../conntrack/settings.ts';
import type { Registry } from './registry.ts';

/** Tells the registry of the policy that a setting makes, if it makes one. Throws RangeError for words that are wrong. */
export function notePolicy(registry: Registry, setting: string, value: string | number): void {
  const policy = policySetting(setting, value, [...optional, ...byProtocol]);
  if (!policy) return;
  const { l4 } = policy;
  // A protocol that is tracked only on demand has the policies of those without a tracker while it is not.
  registry.notePolicy(
    policy.name,
    (protocol) => l4.protocol === protocol || (l4.protocol < 0 && byProtocol[protocol] === l4),
  );
}
