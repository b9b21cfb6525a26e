import { defineTarget } from '../engine/extension.ts';
import { DROP } from '../engine/verdict.ts';
import type { ChoiceScope, ValueScope } from '../grammar/options.ts';
import { own } from '../grammar/values.ts';
import { type Family, IPPROTO_TCP } from '../packet/numbers.ts';
import { reset, unreachable } from './shared/reject-answer.ts';
import { mayAnswerWithIcmp, mayAnswerWithReset } from './shared/reject-checks.ts';

interface Type {
  readonly name: string;
  readonly alias: string;
  /** Of destination unreachable; 'reset' answers with a TCP segment. */
  readonly code: number | 'reset';
}

const type = (name: string, alias: string, code: Type['code']): Type => ({ name, alias, code });

/** In the tool's order: any beginning of a name or alias will do, and the first one in this order wins. */
const TYPES: Record<Family, readonly Type[]> = {
  4: [
    type('icmp-net-unreachable', 'net-unreach', 0),
    type('icmp-host-unreachable', 'host-unreach', 1),
    type('icmp-proto-unreachable', 'proto-unreach', 2),
    type('icmp-port-unreachable', 'port-unreach', 3),
    type('icmp-net-prohibited', 'net-prohib', 9),
    type('icmp-host-prohibited', 'host-prohib', 10),
    type('tcp-reset', 'tcp-rst', 'reset'),
    type('icmp-admin-prohibited', 'admin-prohib', 13),
  ],
  6: [
    type('icmp6-no-route', 'no-route', 0),
    type('icmp6-adm-prohibited', 'adm-prohibited', 1),
    type('icmp6-addr-unreachable', 'addr-unreach', 3),
    type('icmp6-port-unreachable', 'port-unreach', 4),
    type('tcp-reset', 'tcp-reset', 'reset'),
    type('icmp6-policy-fail', 'policy-fail', 5),
    type('icmp6-reject-route', 'reject-route', 6),
  ],
};
const DEFAULT: Record<Family, string> = { 4: 'icmp-port-unreachable', 6: 'icmp6-port-unreachable' };

const rejectType = {
  words: 1 as const,
  metavar: 'type',
  choices: { words: ({ family }: ChoiceScope) => TYPES[family].map(({ name }) => name) },
  parse([word]: readonly string[], scope: ValueScope): string {
    const begin = word.toLowerCase();
    const types = TYPES[scope.family];
    const found = types.find(({ name, alias }) => name.startsWith(begin) || alias.startsWith(begin));
    const hint = begin.startsWith('echo')
      ? 'echo-reply is no longer supported'
      : `one of: ${types.map(({ name }) => name).join(', ')}`;
    return found?.name ?? scope.fail(`unknown reject type "${word}"`, hint);
  },
  print: (name: string): string => name,
};

export const REJECT = defineTarget({
  name: 'REJECT',
  families: [4, 6],
  summary: 'Drops the packet and tells its sender so, by an ICMP error or a TCP reset.',
  kernel: 'net/ipv4/netfilter/ipt_REJECT.c reject_tg(), net/ipv6/netfilter/ip6t_REJECT.c reject_tg6()',
  options: { 'reject-with': own(rejectType, { help: 'what to answer with' }) },
  check: (options, { family }) => ({ with: options['reject-with']?.value ?? DEFAULT[family] }),
  save: (checked) => `--reject-with ${checked.with}`,
  list: (checked) => `reject-with ${checked.with}`,
  placement: {
    tables: ['filter'],
    hooks: ['INPUT', 'FORWARD', 'OUTPUT'],
    refuses: (checked, { protocol }) =>
      checked.with === 'tcp-reset' && (protocol?.number !== IPPROTO_TCP || protocol.inverted)
        ? 'TCP_RESET invalid for non-tcp'
        : undefined,
  },
  compile(checked, { family, services }) {
    const { code } = TYPES[family].find(({ name }) => name === checked.with)!;
    if (code === 'reset') {
      return (pkt) => {
        if (mayAnswerWithReset(pkt, family, services)) {
          services.tracker.setClosing(pkt);
          services.send(reset(pkt, family), pkt);
        }
        return DROP;
      };
    }
    const answer = unreachable(family, code, services);
    return (pkt) => {
      if (mayAnswerWithIcmp(pkt, family, services)) answer(pkt);
      return DROP;
    };
  },
});
