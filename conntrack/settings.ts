// Settings of the tracker by name: those of the kernel (sysctl.ts), and two of ours whose values are words.
//
//   sekisho.profile=rfc6092                          all the settings of a profile (profiles.ts); `kernel`: all as they were
//   sekisho.timeout.NAME=udp unreplied 10 replied 60 a policy for `CT --timeout NAME` (timeout-policies.ts)

import type { L4 } from './l4/l4.ts';
import { PROFILES } from './profiles.ts';
import type { Sysctls } from './sysctl.ts';
import { isPolicyName, type PolicyWords, readPolicy, type TimeoutPolicies } from './timeout-policies.ts';

export const PROFILE = 'sekisho.profile';
const TIMEOUT = 'sekisho.timeout.';

export interface SettingsParts {
  readonly sysctls: Sysctls;
  readonly policies: TimeoutPolicies;
}

/** False: not one of ours, or no number of its range. Throws RangeError for words that are wrong. Changes nothing then. */
export function setSetting({ sysctls, policies }: SettingsParts, name: string, value: string | number): boolean {
  if (name === PROFILE) {
    setProfile(sysctls, String(value));
    return true;
  }
  if (!name.startsWith(TIMEOUT)) return sysctls.set(name, Number(value));
  const policy = policySetting(name, value, sysctls.l4s);
  if (policy) policies.define(policy.name, policy, sysctls.timeoutsOf(policy.l4));
  return policy !== undefined;
}

export const isPolicySetting = (name: string): boolean => name.startsWith(TIMEOUT);

/** What a setting says of a timeout policy; undefined: it is another setting. Throws RangeError for words that are wrong. */
export function policySetting(
  setting: string,
  value: string | number,
  l4s: readonly L4[],
): (PolicyWords & { readonly name: string }) | undefined {
  if (!setting.startsWith(TIMEOUT)) return undefined;
  const name = setting.slice(TIMEOUT.length);
  if (!isPolicyName(name)) throw new RangeError('the name of a timeout policy has 1 to 31 octets');
  const policy = readPolicy(String(value), l4s);
  if (typeof policy === 'string') throw new RangeError(`timeout policy ${name}: ${policy}`);
  return { name, ...policy };
}

/** Another profile takes back what the one before it has set. */
function setProfile(sysctls: Sysctls, name: string): void {
  const profile = Object.hasOwn(PROFILES, name) ? PROFILES[name] : undefined;
  if (!profile) throw new RangeError(`"${name}" is no profile: ${Object.keys(PROFILES).join(', ')}`);
  for (const settings of Object.values(PROFILES)) {
    for (const other of Object.keys(settings)) sysctls.reset(other);
  }
  for (const [setting, value] of Object.entries(profile)) sysctls.set(setting, value);
}
