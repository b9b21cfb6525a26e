// The nfacct tool on our accounts: its words, its text, its exit codes (nfacct 1.0.2).

import { type Account, type Accounts, LONGEST_NAME, type Quota } from './accounts.ts';

export interface NfacctAnswer {
  readonly stdout: string;
  readonly stderr: string;
  readonly exitCode: number;
}

const VERSION = 'nfacct v1.0.2';

class Problem extends Error {}

const usage = (message: string): never => {
  throw new Problem(message);
};

const BUSY = 'error: Device or resource busy';
const NO_SUCH = 'error: No such file or directory';

/** `argv` without the program's name; `stdin` is what `restore` reads: the output of `list`. */
export function runNfacct(accounts: Accounts, argv: readonly string[], stdin = ''): NfacctAnswer {
  try {
    return { stdout: obey(accounts, argv, stdin), stderr: '', exitCode: 0 };
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    return { stdout: '', stderr: `${VERSION}: ${error.message}\n`, exitCode: 1 };
  }
}

function obey(accounts: Accounts, [command, ...words]: readonly string[], stdin: string): string {
  switch (command) {
    case 'list':
      return list(accounts, words);
    case 'add':
      add(accounts, words);
      return '';
    case 'delete':
      remove(accounts, words);
      return '';
    case 'get':
      return get(accounts, words);
    case 'flush':
      for (const { name } of accounts.list()) accounts.remove(name);
      return '';
    case 'restore':
      restore(accounts, stdin);
      return '';
    case 'version':
      return `${VERSION}\n`;
    case 'help':
      return HELP;
    case undefined:
      return usage('which command? see "nfacct help"');
    default:
      return usage(`Unknown command: ${command}`);
  }
}

const HELP = `usage: nfacct COMMAND

  list [reset] [json|xml]               the accounts, and sets them to zero
  add NAME [packet QUOTA | byte QUOTA]  makes one, or gives it another quota
  get NAME [reset]                      one of them
  delete NAME                           unless a rule names it
  flush                                 deletes all that no rule names
  restore                               makes those that "list" printed, from standard input
`;

function nameIn(words: readonly string[]): string {
  const [name] = words;
  return name === undefined ? usage('missing object name') : name.slice(0, LONGEST_NAME);
}

const twenty = (value: number): string => BigInt(value).toString().padStart(20, '0');
const modeOf = ({ of }: Quota): string => (of === 'bytes' ? 'byte' : 'packet');

function line({ name, packets, bytes, quota, over }: Account): string {
  const counted = `pkts = ${twenty(packets)}, bytes = ${twenty(bytes)}`;
  const limit = quota
    ? `, quota = ${twenty(quota.limit)}, mode = ${modeOf(quota)}, overquota = ${over ? 'yes' : 'no'}`
    : '';
  return `{ ${counted}${limit} } = ${name};\n`;
}

function list(accounts: Accounts, words: readonly string[]): string {
  const wrong = words.find((word) => !['reset', 'json', 'xml'].includes(word));
  if (wrong !== undefined) usage('unknown argument');
  const all = accounts.list().map((account) => (words.includes('reset') ? accounts.reset(account) : account));
  if (words.includes('json')) return json(all);
  if (words.includes('xml')) return xml(all);
  return all.map(line).join('');
}

/** Differs: no time stamp, and JSON that can be read (the tool writes = for some colons). */
function json(all: readonly Account[]): string {
  const objects = all.map(({ name, packets, bytes, quota, over }) => ({
    pkts: packets,
    bytes,
    ...(quota && { quota: quota.limit, mode: modeOf(quota), overquota: over ? 1 : 0 }),
    name,
  }));
  return `${JSON.stringify({ nfacct_counters: objects })}\n`;
}

const escaped = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

function xml(all: readonly Account[]): string {
  const objects = all.map(
    ({ name, packets, bytes }) =>
      `<obj><name>${escaped(name)}</name><pkts>${twenty(packets)}</pkts><bytes>${twenty(bytes)}</bytes></obj>\n`,
  );
  return `<?xml version="1.0" encoding="utf-8"?>\n<nfacct>\n${objects.join('')}</nfacct>\n`;
}

function add(accounts: Accounts, words: readonly string[]): void {
  const name = nameIn(words);
  const [, mode, limit] = words;
  if (mode !== undefined && mode !== 'byte' && mode !== 'packet') usage('argument must "byte" or "packet"');
  if (mode !== undefined && limit === undefined) usage('missing quota value');
  const quota = mode === undefined ? undefined : quotaOf(mode, limit);
  const there = accounts.get(name);
  // Only the quota of one that has a quota can be changed: nfnl_acct_new()
  if (there && !(there.quota && quota)) usage(BUSY);
  accounts.add({ name, quota });
}

function quotaOf(mode: string, limit: string): Quota {
  if (!/^\d+$/.test(limit)) usage('error reading quota');
  return { of: mode === 'byte' ? 'bytes' : 'packets', limit: Number(limit) };
}

function remove(accounts: Accounts, words: readonly string[]): void {
  const name = nameIn(words);
  if (!accounts.get(name)) usage(NO_SUCH);
  if (!accounts.remove(name)) usage(BUSY);
}

function get(accounts: Accounts, words: readonly string[]): string {
  const account = accounts.get(nameIn(words)) ?? usage(NO_SUCH);
  if (words[1] !== undefined && words[1] !== 'reset') usage('unknown argument');
  return line(words[1] === 'reset' ? accounts.reset(account) : account);
}

const LINE =
  /^\{ pkts = (\d+), bytes = (\d+)(?:, quota = (\d+), mode = (byte|packet), overquota = (?:yes|no))? \} = (.*);$/;

function restore(accounts: Accounts, text: string): void {
  for (const one of text.split('\n').filter((given) => given !== '')) {
    const found = LINE.exec(one) ?? usage(`error reading stdin: "${one}" is no line of "list"`);
    const [, packets, bytes, limit, mode, name] = found;
    const account = accounts.add({ name, quota: mode === undefined ? undefined : quotaOf(mode, limit) });
    Object.assign(account, { packets: Number(packets), bytes: Number(bytes) });
  }
}
