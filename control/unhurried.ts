// Work after which V8 optimises little, for as long as it runs. Rules by the thousand run through hundreds of functions, each of which V8 finds
// worth its optimising compiler after some ten milliseconds; its threads then take the cores for longer than the first restores
// themselves, from packets too, and most of what they make serves for a moment. docs/decisions/runtime.md has the figures.

import { setFlagsFromString } from 'node:v8';

/** V8 optimises what has run through so many octets of bytecode. Other versions have no such flag, and count calls instead. */
const hasFlag = process.versions.v8.startsWith('11.');
const USUAL = 67_584;
/** Fewer make first restores dearer, more those behind them: docs/decisions/runtime.md. */
const PATIENT = 300_000;

let works = 0;

function setBudget(octets: number): void {
  if (hasFlag) setFlagsFromString(`--interrupt-budget=${octets}`);
}

/** For all threads of the process. What has been optimised stays. */
export async function unhurried<T>(act: () => Promise<T>): Promise<T> {
  if (works++ === 0) setBudget(PATIENT);
  try {
    return await act();
  } finally {
    if (--works === 0) setBudget(USUAL);
  }
}
