// Sets as `ipset -o json` of 7.22 and newer prints them, each with its members. 1.8's companion 7.17 has no JSON yet.

import { headerOptions, membersOf, optionsOf, type Printing } from './print.ts';
import type { SetSlot } from './sets.ts';

/** `name value` as a member of an object, numbers as numbers; an option without value is true. */
function member(option: string): [name: string, value: string | number | true] {
  const blank = option.indexOf(' ');
  if (blank < 0) return [option, true];
  const value = option.slice(blank + 1).replace(/^"(.*)"$/, '$1');
  return [option.slice(0, blank), /^\d{1,15}$/.test(value) ? Number(value) : value];
}

const membered = (options: readonly string[]): object => Object.fromEntries(options.map(member));

function headJson(slot: SetSlot, printing: Printing): object {
  const { type, header, size } = slot.body;
  return {
    name: slot.name,
    type: type.name,
    revision: type.revision,
    header: {
      ...membered(headerOptions(type, header)),
      memsize: size,
      references: printing.sets.references(slot),
      numentries: slot.body.entries(printing.now),
    },
  };
}

/** In pieces, one for each member. */
export function* setsJson(slots: readonly SetSlot[], printing: Printing): Generator<string> {
  let before = '[';
  for (const slot of slots) {
    // What comes behind stands in the same object.
    yield before + JSON.stringify(headJson(slot, printing)).slice(0, -1);
    if (!printing.terse) yield* membersJson(slot, printing);
    before = '},';
  }
  yield slots.length === 0 ? '[]\n' : '}]\n';
}

function* membersJson(slot: SetSlot, printing: Printing): Generator<string> {
  let before = ',"members":[';
  for (const [elem, options] of membersOf(slot, printing)) {
    yield before + JSON.stringify({ elem, ...membered(optionsOf(options)) });
    before = ',';
  }
  yield before === ',' ? ']' : `${before}]`;
}

export const namesJson = (slots: readonly SetSlot[]): string =>
  `${JSON.stringify(slots.map(({ name }) => ({ name })))}\n`;
