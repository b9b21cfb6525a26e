// What the tool says of an error.

import type { Errno } from '../editor.ts';
import type { Command } from './command.ts';

/** strerror(3), and the tool's own words. */
export const ERRORS: Readonly<Record<Errno, string>> = {
  EAFNOSUPPORT: 'protocol not supported',
  EBUSY: 'Device or resource busy',
  EEXIST: 'File exists',
  EINVAL: 'Invalid argument',
  EMFILE: 'Too many open files',
  ENOENT: 'No such file or directory',
  ENOMEM: 'Cannot allocate memory',
  ENOSPC: 'No space left on device',
  EOPNOTSUPP: 'Operation not supported',
  EPERM: 'sorry, you must be root or get CAP_NET_ADMIN capability to do this',
};

export function errorText(errno: Errno, { letter, table }: Command): string {
  if (table === 'expect') return errno === 'ENOENT' && letter === 'I' ? 'master conntrack not found' : ERRORS[errno];
  if (errno === 'EINVAL' && letter !== 'A') return 'invalid parameters';
  if (errno === 'EEXIST' && 'IA'.includes(letter)) return 'Such conntrack exists, try -U to update';
  if (errno === 'ENOENT' && 'GD'.includes(letter)) return "such conntrack doesn't exist";
  if (errno === 'ENOMEM' && 'IA'.includes(letter)) return 'not enough memory';
  return ERRORS[errno];
}
