// iptables-xml: save text to XML. Needs no rules loaded and no daemon.
//
// Differs: the real program begins verbose output with the line "xptables-xml", which is no XML.

import { readFileSync } from 'node:fs';
import { getopt, type OptionForm } from '../control/tool/getopt.ts';
import { saveToXml } from '../grammar/save-xml.ts';

const OPTIONS: readonly OptionForm[] = [
  { long: 'combine', letter: 'c', argument: 'none' },
  { long: 'verbose', letter: 'v', argument: 'none' },
  { long: 'help', letter: 'h', argument: 'none' },
];

const USAGE = 'Usage: iptables-xml [-c] [-v] [-h]\n          [--combine ]\n\t   [ --verbose ]\n\t   [ --help ]\n';

/** Runs the tool; the value is the exit code. */
export async function main(words: readonly string[]): Promise<number> {
  const { options, operands, problem } = getopt(words, OPTIONS);
  // As the real one: an option that is not known is spoken of, and passed over.
  if (problem !== undefined) process.stderr.write(`iptables-xml: ${problem}\n`);
  const has = (long: string): boolean => options.some((option) => option.long === long);
  if (has('help')) return failed(USAGE);
  if (operands.length > 1) return failed('Unknown arguments found on commandline');
  let source: string;
  try {
    source = readFileSync(operands[0] ?? 0, 'utf8');
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    return failed(`Can't open ${operands[0]}: ${code === 'ENOENT' ? 'No such file or directory' : message}`);
  }
  const { xml, failure } = saveToXml(source, { combine: has('combine'), verbose: has('verbose') });
  process.stdout.write(xml);
  if (failure === undefined) return 0;
  if (failure.code === 1) return failed(`iptables-xml: ${failure.message}\n`);
  process.stderr.write(
    `iptables-xml v1.8.9: iptables-xml: ${failure.message}\nError occurred at line: ${failure.line}\nTry \`iptables-xml -h' or 'iptables-xml --help' for more information.\n`,
  );
  return failure.code;
}

function failed(text: string): number {
  process.stderr.write(text);
  return 1;
}
