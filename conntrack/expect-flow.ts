// An expectation as data, and expectations made, found and ended by hand. net/netfilter/nf_conntrack_netlink.c ctnetlink_create_expect(),
// ctnetlink_get_expect(), ctnetlink_del_expect()

import { addressAt, formatAddress } from '../packet/address.ts';
import { ConnectionEditor, type Errno, type FlowGiven, type TupleGiven } from './editor.ts';
import { EXPECT_USERSPACE, Expectation } from './helping/expectation.ts';
import { Tuple } from './table/tuple.ts';
import type { ConnectionTracker } from './tracker.ts';

export interface ExpectTuple {
  src: string;
  dst: string;
  srcKey: number;
  dstKey: number;
}

export interface ExpectFlow {
  family: 4 | 6;
  protocol: number;
  /** Milliseconds left. */
  timeout: number;
  tuple: ExpectTuple;
  /** Bits of the tuple that count. */
  mask: ExpectTuple;
  masterProtocol: number;
  master: ExpectTuple;
  /** EXPECT_ bits. */
  flags: number;
  class: number;
  /** What the helper calls the class. */
  className?: string;
  helper?: string;
}

export interface ExpectGiven {
  family: 4 | 6;
  /** Original tuple of the master, for a new one. */
  master?: TupleGiven;
  zone?: number;
  /** What is expected, or a packet that would fit. */
  tuple: TupleGiven;
  /** Bits of the source that count: of the address as text, and of its key. */
  mask?: { src: string; srcKey: number };
}

const scratch = new Tuple();

export function readExpectation(tracker: ConnectionTracker, expectation: Expectation): ExpectFlow {
  const { tuple, sourceMask, sourceKeyMask, master, flags } = expectation;
  const { family, protocol } = tuple;
  tracker.table.readTuple(master.id, 0, scratch);
  const everything = Int32Array.of(-1, -1, -1, -1);
  return {
    family,
    protocol,
    timeout: tracker.expectations.timeLeft(expectation),
    tuple: tupleFrom(tuple.words, tuple.words.subarray(4), tuple.keys, family),
    mask: tupleFrom(sourceMask, everything, (sourceKeyMask << 16) | 0xffff, family),
    masterProtocol: scratch.protocol,
    master: tupleFrom(scratch.words, scratch.words.subarray(4), scratch.keys, scratch.family),
    flags,
    class: expectation.class,
    className: master.helper?.policies[expectation.class]?.name,
    helper: master.helper?.name,
  };
}

const tupleFrom = (src: Int32Array, dst: Int32Array, keys: number, family: 4 | 6): ExpectTuple => ({
  src: textOf(src, family),
  dst: textOf(dst, family),
  srcKey: keys >>> 16,
  dstKey: keys & 0xffff,
});

function textOf(words: Int32Array, family: 4 | 6): string {
  const octets = new Uint8Array(16);
  for (let octet = 0; octet < 16; octet++) octets[octet] = words[octet >> 2] >>> (24 - 8 * (octet & 3));
  return formatAddress(addressAt(octets, 0, family), family);
}

/** Expectations by hand. */
export class ExpectationEditor {
  private readonly tracker: ConnectionTracker;
  private readonly editor: ConnectionEditor;
  private readonly tuple = new Tuple();

  constructor(tracker: ConnectionTracker) {
    this.tracker = tracker;
    this.editor = new ConnectionEditor(tracker);
  }

  list(family?: 4 | 6): ExpectFlow[] {
    const all = [...this.tracker.expectations.entries()];
    return all
      .filter(({ tuple }) => family === undefined || tuple.family === family)
      .map((one) => readExpectation(this.tracker, one));
  }

  get(given: ExpectGiven): ExpectFlow | Errno {
    const found = this.find(given);
    return typeof found === 'string' ? found : readExpectation(this.tracker, found);
  }

  remove(given: ExpectGiven): Errno | undefined {
    const found = this.find(given);
    if (typeof found === 'string') return found;
    this.tracker.expectations.remove(found);
    return undefined;
  }

  private find({ family, tuple, zone }: ExpectGiven): Expectation | Errno {
    const wrong = this.editor.read({ family, zone }, tuple, this.tuple);
    if (wrong) return wrong;
    return this.tracker.expectations.find(this.tuple, zone ?? 0) ?? 'ENOENT';
  }

  create(given: ExpectGiven): Errno | undefined {
    const { family, zone, master } = given;
    const id = this.editor.find({ family, zone, orig: master } satisfies FlowGiven);
    if (typeof id === 'string') return id;
    const help = this.tracker.helping.help(id);
    if (!help) return 'EOPNOTSUPP';
    const expectation = new Expectation(help);
    const wrong = this.editor.read({ family, zone }, given.tuple, expectation.tuple) ?? this.mask(given, expectation);
    if (wrong) return wrong;
    expectation.flags = EXPECT_USERSPACE;
    const refused = this.tracker.expectations.add(expectation);
    if (refused === undefined) return undefined;
    return refused === 'full' ? 'EMFILE' : refused === 'taken' ? 'EBUSY' : 'EEXIST';
  }

  private mask({ family, mask, tuple }: ExpectGiven, expectation: Expectation): Errno | undefined {
    expectation.sourceKeyMask = mask?.srcKey ?? 0;
    if (!mask) {
      expectation.sourceMask.fill(-1);
      return undefined;
    }
    const wrong = this.editor.read(
      { family },
      { ...tuple, src: this.editor.address(mask.src, family) ?? tuple.src },
      this.tuple,
    );
    expectation.sourceMask.set(this.tuple.words.subarray(0, 4));
    return wrong;
  }
}
