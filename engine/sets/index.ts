// ipset: sets of addresses, networks, ports and devices that rules ask by name, and the tool that keeps them.
//
//   sets.ts         sets by name, references, swap        member-set.ts   every type but list:set; list-set.ts that one
//   layout.ts       keys as words                         extensions.ts   timeouts, counters, comments, skbinfo of members
//   probe.ts        what a packet shows                   types.ts        the types as data
//   command.ts      the tool; words, options-text, element-text and -print, elements, print, help: its language

export { fileOf, type IpsetAnswer, type IpsetInput, ipsetSteps, onlyReads, runIpset } from './command.ts';
export { type Comparison, SetQuery } from './extensions.ts';
export { type SetSlot, Sets } from './sets.ts';
export { SET_TYPES, SetError, type SetType } from './types.ts';
export { splitLine } from './words.ts';
