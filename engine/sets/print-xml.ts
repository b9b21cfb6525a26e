// Sets as `ipset -o xml` prints them.
// Differs: comments are escaped; the real tool writes them as they are, and then it is no XML.

import { headerOptions, membersOf, optionsOf, type Printing } from './print.ts';
import type { SetSlot } from './sets.ts';

const escaped = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

/** `name value` or `name`. */
function element(option: string): string {
  const blank = option.indexOf(' ');
  if (blank < 0) return `<${option}/>`;
  const name = option.slice(0, blank);
  return `<${name}>${escaped(option.slice(blank + 1))}</${name}>`;
}

const memberXml = ([member, options]: readonly [string, string]): string =>
  `<member>${element(`elem ${member}`)}${optionsOf(options).map(element).join('')}</member>\n`;

function* setXml(slot: SetSlot, printing: Printing): Generator<string> {
  const { type, header, size } = slot.body;
  yield `<ipset name="${escaped(slot.name)}">\n`;
  yield `${element(`type ${type.name}`)}\n${element(`revision ${type.revision}`)}\n`;
  yield `<header>${headerOptions(type, header).map(element).join('')}\n`;
  yield `${element(`memsize ${size}`)}\n${element(`references ${printing.sets.references(slot)}`)}\n`;
  yield `${element(`numentries ${slot.body.entries(printing.now)}`)}\n</header>\n`;
  if (!printing.terse) {
    yield '<members>\n';
    for (const member of membersOf(slot, printing)) yield memberXml(member);
    yield '</members>\n';
  }
  yield '</ipset>\n';
}

/** In pieces, one for each member. */
export function* setsXml(slots: readonly SetSlot[], printing: Printing): Generator<string> {
  yield '<ipsets>\n';
  for (const slot of slots) yield* setXml(slot, printing);
  yield '</ipsets>\n';
}

export const namesXml = (slots: readonly SetSlot[]): string =>
  `<ipsets>\n${slots.map(({ name }) => `<ipset name="${escaped(name)}"/>\n`).join('')}</ipsets>\n`;
