import { defineMatch } from '../engine/extension.ts';
import { flag } from '../grammar/values.ts';
import { socketOf } from './shared/socket-of.ts';
import { words } from './shared/text.ts';

interface Checked {
  readonly transparent: boolean;
  readonly wildcards: boolean;
  readonly restoresMark: boolean;
}

const print = (c: Checked): string =>
  words(c.transparent && '--transparent', c.wildcards && '--nowildcard', c.restoresMark && '--restore-skmark');

export const socket = defineMatch({
  name: 'socket',
  families: [4, 6],
  summary: 'A socket of the host takes the packet: a connected one, or one that listens at a certain address.',
  supplied: 'Inline: the sockets that the configuration tells of; none when it tells of none.',
  kernel: 'net/netfilter/xt_socket.c socket_match()',
  gathers: true,
  placement: { hooks: ['PREROUTING', 'INPUT'] },
  effect: 'stateful',
  options: {
    transparent: flag({ help: 'sockets with IP_TRANSPARENT alone' }),
    nowildcard: flag({ help: 'sockets too that are bound to any address' }),
    'restore-skmark': flag({ help: 'give the packet the mark of the socket' }),
  },
  check: (given): Checked => ({
    transparent: given.transparent !== undefined,
    wildcards: given.nowildcard !== undefined,
    restoresMark: given['restore-skmark'] !== undefined,
  }),
  save: print,
  list: (checked) => words('socket', print(checked)),
  compile:
    ({ transparent, wildcards, restoresMark }, { services }) =>
    (pkt) => {
      const found = socketOf(pkt, services);
      if (!found || (found.wildcard && !wildcards) || (transparent && !found.transparent)) return false;
      if (restoresMark) pkt.mark = found.mark;
      return true;
    },
  saw(_checked, pkt, services) {
    const found = socketOf(pkt, services);
    if (!found) return 'no socket';
    return words(found.transparent && 'transparent', 'socket', found.wildcard && 'bound to any address');
  },
});
