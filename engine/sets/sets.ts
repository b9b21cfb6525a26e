// The sets of a firewall by name. A name stands for a place (SetSlot), which rules and list:set members hold on to; what is in the place
// is swapped under them, so that a new set takes over from an old one between two packets.
//
// A set is in use while a rule or a list:set has its place: it can then be changed and swapped, not renamed or destroyed. Who holds the
// rules says how many use a name (`rulesUsing`). Nothing here reads a clock: every call brings the time, in monotonic ms.
// Source: net/netfilter/ipset/ip_set_core.c

import type { Family } from '../../packet/numbers.ts';
import type { Packet } from '../../packet/packet.ts';
import type { SetQuery } from './extensions.ts';
import { IpMacSet } from './ip-mac-set.ts';
import { ListSet } from './list-set.ts';
import { EXCEPTED, MemberSet, NOT_THERE } from './member-set.ts';
import { type AskedHeader, SetError, type SetHeader, type SetType } from './types.ts';

type SetBody = MemberSet | IpMacSet | ListSet;

export class SetSlot {
  name: string;
  body: SetBody;

  constructor(name: string, body: SetBody) {
    this.name = name;
    this.body = body;
  }

  /** Undefined: of both. */
  get family(): Family | undefined {
    return this.body.header.family;
  }

  /** ip_set_test(): whether the set has the packet; --return-nomatch asks for the members that say nomatch instead. */
  test(pkt: Packet, query: SetQuery, count = query.updateCounters, compare = true): boolean {
    const found = this.body.testPacket(pkt, query, count, compare);
    if (found === NOT_THERE) return false;
    const takesNomatch = this.body instanceof MemberSet && this.body.layout.nets.length > 0;
    return (found === EXCEPTED) === (query.returnNomatch && takesNomatch);
  }

  /** `timeout` in seconds; undefined: the set's own. Whether the set has it now and had not before. */
  add(pkt: Packet, query: SetQuery, exist: boolean, timeout: number | undefined): boolean {
    return this.body.addPacket(pkt, query, exist, timeout);
  }

  delete(pkt: Packet, query: SetQuery): boolean {
    return this.body.deletePacket(pkt, query);
  }
}

export class Sets {
  /** How many rules use a name. */
  rulesUsing: (name: string) => number = () => 0;
  private readonly random: () => number;
  /** Places keep their numbers; a freed one is taken by the next set. */
  private readonly slots: (SetSlot | undefined)[] = [];

  constructor(random: () => number) {
    this.random = random;
  }

  find(name: string): SetSlot | undefined {
    return this.slots.find((slot) => slot?.name === name);
  }

  /** Throws SetError. */
  get(name: string): SetSlot {
    const slot = this.find(name);
    if (!slot) throw new SetError('The set with the given name does not exist');
    return slot;
  }

  /** In the order of the kernel's dumps: lists after what they list. */
  all(): SetSlot[] {
    const slots = this.slots.filter((slot) => slot !== undefined);
    return [
      ...slots.filter(({ body }) => !(body instanceof ListSet)),
      ...slots.filter(({ body }) => body instanceof ListSet),
    ];
  }

  references(slot: SetSlot): number {
    const lists = this.slots.filter((other) => other?.body instanceof ListSet && other.body.holds(slot));
    return lists.length + this.rulesUsing(slot.name);
  }

  create(name: string, type: SetType, asked: AskedHeader, exist: boolean): void {
    const there = this.find(name);
    if (there) {
      if (exist && sameHeader(there.body, type, asked)) return;
      throw new SetError('Set cannot be created: set with the same name already exists');
    }
    const body = this.bodyOf(type, { ...asked, initval: asked.initval ?? this.random() });
    const free = this.slots.indexOf(undefined);
    this.slots[free < 0 ? this.slots.length : free] = new SetSlot(name, body);
  }

  private bodyOf(type: SetType, header: SetHeader): SetBody {
    if (type.storage === 'list') return new ListSet(type, header);
    return type.name === 'bitmap:ip,mac' ? new IpMacSet(type, header) : new MemberSet(type, header, this.random);
  }

  /** One, or all of them or none. */
  destroy(name?: string): void {
    const going = name === undefined ? this.all() : [this.get(name)];
    if (going.some((slot) => this.references(slot) > 0)) {
      throw new SetError('Set cannot be destroyed: it is in use by a kernel component');
    }
    for (const slot of going) this.slots[this.slots.indexOf(slot)] = undefined;
  }

  flush(name?: string): void {
    for (const { body } of name === undefined ? this.all() : [this.get(name)]) body.flush();
  }

  rename(from: string, to: string): void {
    const slot = this.get(from);
    if (this.references(slot) > 0) throw new SetError('Set cannot be renamed: it is in use by another system');
    if (this.find(to)) throw new SetError('Set cannot be renamed: a set with the new name already exists');
    slot.name = to;
  }

  swap(first: string, second: string): void {
    const one = this.get(first);
    const other = this.find(second);
    if (!other) throw new SetError('Sets cannot be swapped: the second set does not exist');
    if (featuresOf(one.body.type) !== featuresOf(other.body.type) || one.family !== other.family) {
      throw new SetError('The sets cannot be swapped: their type does not match');
    }
    [one.body, other.body] = [other.body, one.body];
  }
}

/** What a swap compares: hash:ip and bitmap:ip hold the same, and whether networks are among the parts matters, not which. */
const featuresOf = ({ parts }: SetType): string =>
  `${parts.map((part) => (part === 'net' ? 'ip' : part)).join(',')} ${parts.includes('net')}`;

/** Whether create with -exist may take the set for the one that is asked for. */
function sameHeader(there: SetBody, type: SetType, asked: AskedHeader): boolean {
  const kept = ({ family, maxElements, markMask, netmask, bitmask, range, size, timeout }: AskedHeader) => {
    return { family, maxElements, markMask, netmask, bitmask, range, size, timeout };
  };
  const extensions = ({ counters, comment, skbinfo }: AskedHeader) => ({ counters, comment, skbinfo });
  return (
    there.type === type &&
    JSON.stringify([kept(there.header), extensions(there.header)]) === JSON.stringify([kept(asked), extensions(asked)])
  );
}
