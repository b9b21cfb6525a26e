// What commonly explains a surprise, said where it applies: no rules for the family, a stray packet, addresses that changed on the way,
// a fragment that no rule can see into.

import { fieldsOf } from './fields.ts';
import type { Outcome } from './outcome.ts';

/** As the engine's router has it. */
const NOT_OURS = 'neither ours nor to be forwarded';

export function notesOn(outcome: Outcome): string[] {
  const { firewall } = outcome.observed;
  const { packet, trace, ctstate } = outcome;
  const notes: string[] = [];
  if (packet.family !== 0 && !firewall.has(packet.family)) {
    const other = packet.family === 4 ? 6 : 4;
    const loaded = firewall.has(other) ? `, only rules for IPv${other}` : '';
    notes.push(`no rules for IPv${packet.family} are loaded${loaded}: nothing looks at this packet.`);
  }
  const stopped = outcome.verdict === 'dropped' || outcome.verdict === 'rejected';
  if (stopped && outcome.observed.answer && ctstate !== 'INVALID') {
    notes.push(
      'it is the answer to a packet that passed, and no rule lets it back: -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT does.',
    );
  }
  if (ctstate === 'INVALID') notes.push(`the tracker takes it for INVALID: ${invalidReason(outcome)}.`);
  if (ctstate === 'NEW' && packet.protocol === 'tcp' && !packet.flags?.includes('S')) {
    notes.push(
      'no connection is known for this segment; it is NEW though it is no SYN (nf_conntrack_tcp_loose picks it up).',
    );
  }
  if (outcome.reason === NOT_OURS && packet.family === 6 && packet.dst?.startsWith('ff')) {
    notes.push(
      `the router of tests is a member of no group but ff02::1: to try what INPUT says, send it to an address of the router instead of ${packet.dst}.`,
    );
  }
  if (packet.fragment && packet.fragment.offset > 0 && ctstate === undefined) {
    notes.push('a later fragment has no ports: without connection tracking, rules that ask for them cannot match it.');
  }
  const [first, ...rest] = trace.steps.flatMap((step) =>
    step.packet === 0 && step.kind === 'hook' ? [{ hook: step.hook, fields: fieldsOf(step.octets) }] : [],
  );
  if (!first) return notes;
  const turned = rest.find(({ fields }) => fields.dst !== first.fields.dst || fields.dport !== first.fields.dport);
  if (turned) {
    const was = endpoint(first.fields.dst, first.fields.dport);
    const is = endpoint(turned.fields.dst, turned.fields.dport);
    notes.push(`its destination was rewritten from ${was} to ${is} before ${turned.hook}: rules there see ${is}.`);
  }
  return notes;
}

function invalidReason({ trace }: Outcome): string {
  const step = trace.steps.find((one) => one.packet === 0 && one.kind === 'tracked');
  return (step?.kind === 'tracked' && step.reason) || 'no reason given';
}

const endpoint = (address: string, port: number | undefined): string =>
  port === undefined ? address : address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
