// iptables-apply, ip6tables-apply: new rules on trial. They are loaded, the person is asked whether new connections still get through, and
// without a yes in time the rules from before come back. The trial is of the rules that the save and restore tools here work on.
//
// The exit codes are those of the real one: 1 a bad parameter, 2 rules not readable, 3 rules not saved, 5 rules refused, 6 command not
// executable, 7 command failed, 8 and 9 the file to write, 255 rolled back.
// Differs: fail2ban is not stopped meanwhile; a rule file is checked first (-t of the restore), so that a refused one changes nothing.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants, existsSync, readFileSync, writeFileSync } from 'node:fs';
import type { ToolAnswer, ToolName } from '../control/socket/protocol.ts';
import { getopt, type OptionForm } from '../control/tool/getopt.ts';
import { runTool } from './tools.ts';

const OPTIONS: readonly OptionForm[] = [
  { long: 'timeout', letter: 't', argument: 'required' },
  { long: 'write', letter: 'w', argument: 'required' },
  { long: 'command', letter: 'c', argument: 'none' },
  { long: 'help', letter: 'h', argument: 'none' },
  { long: 'version', letter: 'V', argument: 'none' },
];

/** Seconds to answer in. */
const DEFAULT_TIMEOUT = 10;

interface Trial {
  readonly save: ToolName;
  readonly restore: ToolName;
  readonly seconds: number;
  /** Where rules that were confirmed are written to. */
  readonly keep: string | undefined;
}

const out = (text: string): void => void process.stdout.write(text);
const complain = (text: string, code: number): number => {
  process.stderr.write(`Error: ${text}\n`);
  return code;
};

const allowed = (path: string, mode: number): boolean => {
  try {
    accessSync(path, mode);
    return true;
  } catch {
    return false;
  }
};

/** Runs the tool; the value is the exit code. */
export async function main(name: string, words: readonly string[]): Promise<number> {
  const stem = name.startsWith('ip6') ? 'ip6tables' : 'iptables';
  const { options, operands, problem } = getopt(words, OPTIONS);
  const value = (long: string): string | undefined => options.findLast((option) => option.long === long)?.value;
  const has = (long: string): boolean => options.some((option) => option.long === long);
  if (problem !== undefined) {
    process.stderr.write(`${name}: ${problem}\n`);
    return 1;
  }
  if (has('help') || has('version')) {
    process.stderr.write(has('help') ? usage(name, stem) : `${name} 1.1 (sekisho)\n`);
    return 0;
  }
  const timeout = value('timeout') ?? String(DEFAULT_TIMEOUT);
  if (!/^\d+$/.test(timeout)) return complain('timeout must be a positive number', 1);
  const keep = value('write') === '' ? rulesFile(stem) : value('write');
  if (keep !== undefined && existsSync(keep) && !allowed(keep, constants.W_OK))
    return complain(`savefile not writable: ${keep}`, 8);
  const trial: Trial = { save: `${stem}-save`, restore: `${stem}-restore`, seconds: Number(timeout), keep };
  return has('command')
    ? tryCommand(trial, operands[0] ?? `/etc/network/${stem}.up.run`)
    : tryFile(trial, operands[0] ?? rulesFile(stem));
}

const rulesFile = (stem: string): string => `/etc/network/${stem}.up.rules`;

async function tryFile(trial: Trial, path: string): Promise<number> {
  if (!allowed(path, constants.R_OK)) return complain(`rulesfile not readable: ${path}`, 2);
  const text = readFileSync(path, 'utf8');
  const before = await saved(trial);
  if (before === undefined) return 3;
  out(`Applying new iptables rules from '${path}'... `);
  const checked = await runTool(trial.restore, ['--test'], text);
  const applied = checked.exitCode === 0 ? await runTool(trial.restore, [], text) : checked;
  if (applied.exitCode !== 0) {
    out('failed.\n');
    process.stderr.write(applied.stderr);
    complain(`unknown error applying new iptables rules: ${path}`, 5);
    if (applied !== checked) await revert(trial, before);
    return 5;
  }
  out('done.\n');
  return confirm(trial, before);
}

async function tryCommand(trial: Trial, path: string): Promise<number> {
  if (!allowed(path, constants.X_OK)) return complain(`runcmd not executable: ${path}`, 6);
  const before = await saved(trial);
  if (before === undefined) return 3;
  out(`Running command '${path}'... `);
  const child = spawn(path, { stdio: 'inherit', timeout: trial.seconds * 1000 || undefined });
  const [code] = await Promise.race([once(child, 'exit'), once(child, 'error').then(() => [1])]);
  if (code !== 0) {
    out('failed.\n');
    complain(`unknown error running command: ${path}`, 7);
    await revert(trial, before);
    return 7;
  }
  out('done.\n');
  return confirm(trial, before);
}

async function confirm(trial: Trial, before: string): Promise<number> {
  out('Can you establish NEW connections to the machine? (y/N) ');
  const answer = await oneKey(trial.seconds * 1000);
  out('\n');
  if (/^y/i.test(answer)) return keepRules(trial);
  out(
    answer.trim() === ''
      ? 'Timeout! Something happened (or did not). Better play it safe...\n'
      : 'No affirmative response! Better play it safe...\n',
  );
  await revert(trial, before);
  return 255;
}

async function keepRules({ save, keep }: Trial): Promise<number> {
  if (keep !== undefined) {
    out(`Writing successfully applied rules to '${keep}'...\n`);
    const { stdout, exitCode } = await runTool(save, [], undefined);
    try {
      if (exitCode !== 0) throw new Error('the rules cannot be saved');
      writeFileSync(keep, stdout);
    } catch (error) {
      return complain(`unknown error writing successfully applied rules: ${keep}: ${(error as Error).message}`, 9);
    }
  }
  out('... then my job is done. See you next time.\n');
  return 0;
}

/** The rules as they are, counters too: what a roll-back restores is what was there. */
async function saved({ save }: Trial): Promise<string | undefined> {
  const { stdout, stderr, exitCode } = await runTool(save, ['-c'], undefined);
  if (exitCode === 0) return stdout;
  complain(`the old rules cannot be saved: ${stderr.trim()}`, 3);
  return undefined;
}

async function revert({ restore }: Trial, before: string): Promise<void> {
  out('Reverting to old iptables rules... ');
  const { stderr, exitCode }: ToolAnswer = await runTool(restore, ['-c'], before);
  out(exitCode === 0 ? 'done.\n' : `failed.\n${stderr}`);
}

/** One key of a terminal, or the first of what a pipe gives; '' when the time is over or the input at its end. */
async function oneKey(ms: number): Promise<string> {
  const { stdin } = process;
  const raw = stdin.isTTY === true;
  if (raw) stdin.setRawMode(true);
  // A terminal in raw mode gives control-C as a key: it is no yes.
  const answer = await new Promise<string>((resolve) => {
    const timer = setTimeout(() => resolve(''), ms);
    const done = (text: string): void => {
      clearTimeout(timer);
      resolve(text);
    };
    stdin.once('data', (data) => done(data.toString('latin1')));
    stdin.once('end', () => done(''));
    stdin.once('error', () => done(''));
    stdin.resume();
  });
  if (raw) stdin.setRawMode(false);
  stdin.removeAllListeners();
  stdin.pause();
  stdin.unref?.();
  return answer;
}

const usage = (name: string, stem: string): string => `${name}: new rules on trial

Usage:
  ${name} [-hV] [-t SECONDS] [-w FILE] [RULES]
  ${name} [-hV] [-t SECONDS] [-w FILE] -c [COMMAND]

Loads RULES (text of ${stem}-save) or runs COMMAND, which changes rules, then asks whether new connections to this machine still
work. Any answer but y, or none in time, brings back the rules from before: whoever locked himself out only has to wait.

Options:
  -t, --timeout SECONDS  time to answer (${DEFAULT_TIMEOUT})
  -w, --write FILE       where the rules go once they are confirmed; '' is ${rulesFile(stem)}
  -c, --command          the operand is a command (/etc/network/${stem}.up.run), not a rule file (${rulesFile(stem)})
  -h, --help             this text
  -V, --version          the version

Examples:
  ${name} -t 30 new.rules
  ${name} -w /etc/network/iptables.up.rules -c ./firewall.sh
`;
