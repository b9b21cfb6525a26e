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

function setXml(slot: SetSlot, printing: Printing): string {
  const { type, header, size } = slot.body;
  const counts = [
    `memsize ${size}`,
    `references ${printing.sets.references(slot)}`,
    `numentries ${slot.body.entries(printing.now)}`,
  ];
  const members = `<members>\n${membersOf(slot, printing).map(memberXml).join('')}</members>\n`;
  return [
    `<ipset name="${escaped(slot.name)}">\n`,
    `${element(`type ${type.name}`)}\n${element(`revision ${type.revision}`)}\n`,
    `<header>${headerOptions(type, header).map(element).join('')}\n`,
    ...counts.map((count) => `${element(count)}\n`),
    `</header>\n${printing.terse ? '' : members}</ipset>\n`,
  ].join('');
}

export const setsXml = (slots: readonly SetSlot[], printing: Printing): string =>
  `<ipsets>\n${slots.map((slot) => setXml(slot, printing)).join('')}</ipsets>\n`;

export const namesXml = (slots: readonly SetSlot[]): string =>
  `<ipsets>\n${slots.map(({ name }) => `<ipset name="${escaped(name)}"/>\n`).join('')}</ipsets>\n`;
