// SNPT and DNPT: stateless IPv6-to-IPv6 prefix translation, RFC 6296.

import { defineTarget } from '../../engine/extension.ts';
import type { HookName } from '../../grammar/tables.ts';
import { type AddressMask, addressMask, addressMaskBounds } from '../../grammar/values.ts';
import { formatAddress } from '../../packet/address.ts';
import { notThereYet } from './not-there-yet.ts';
import { words } from './text.ts';

/** ip6t_npt_checkentry(): at most 64 bits, and none set behind them. */
const fits = (prefix: AddressMask): boolean =>
  prefix.length <= 64 && formatAddress(addressMaskBounds(prefix, 6)[0], 6) === prefix.address;

export const prefixTranslation = (name: 'SNPT' | 'DNPT', end: string, hooks: readonly HookName[], kernel: string) =>
  defineTarget({
    name,
    families: [6],
    summary: `Exchanges the prefix of the ${end} address, without state. The engine does not translate yet and refuses to load it.`,
    kernel,
    options: {
      'src-pfx': addressMask({ help: 'prefix to be exchanged', required: true }),
      'dst-pfx': addressMask({ help: 'prefix to put in its place', required: true }),
    },
    check: (options) => ({ from: options['src-pfx'].value, to: options['dst-pfx'].value }),
    // A prefix of no bits does not print.
    save: ({ from, to }) =>
      words(
        from.length > 0 && `--src-pfx ${from.address}/${from.length}`,
        to.length > 0 && `--dst-pfx ${to.address}/${to.length}`,
      ),
    list: ({ from, to }) =>
      words(
        name,
        from.length > 0 && `src-pfx ${from.address}/${from.length}`,
        to.length > 0 && `dst-pfx ${to.address}/${to.length}`,
      ),
    placement: {
      tables: ['mangle'],
      hooks,
      refuses: ({ from, to }) =>
        fits(from) && fits(to) ? undefined : `ip6t_NPT: a prefix has at most 64 bits, and none set behind them`,
    },
    compile: notThereYet('prefix translation'),
  });
