// What rules keep of addresses and flows, asked of the daemon: lists of recent, tables of hashlimit, counts of SYNPROXY. Texts are those of /proc.

import { statePaths } from '../control/paths.ts';
import { ask } from '../control/socket/client.ts';
import { reached } from './ask-daemon.ts';

type Files = readonly (readonly [path: string, text: string])[];

async function read(path: string, writes?: string[]): Promise<readonly [string, string]> {
  return [path, (await ask(statePaths().socket, { op: 'proc', path, writes })) as string];
}

async function readAll(wanted: (path: string) => boolean): Promise<Files> {
  const paths = (await ask(statePaths().socket, { op: 'proc' })) as string[];
  return Promise.all(paths.filter(wanted).map((path) => read(path)));
}

/** One file as it is, several under their names. */
const show = (files: Files, alone: boolean): string =>
  alone ? files.map(([, text]) => text).join('') : files.map(([path, text]) => `==> ${path} <==\n${text}`).join('\n');

/** The same as JSON: a list of files, each with its name and an object for each line. */
const asJson = (files: Files, entry: (line: string) => object): string =>
  `${JSON.stringify(files.map(([path, text]) => ({ ...fileJson(path), entries: linesOf(text).map(entry) })))}\n`;

const linesOf = (text: string): string[] => text.split('\n').filter((line) => line !== '');

function fileJson(path: string): object {
  const [folder, name] = path.split('/');
  return folder === 'xt_recent' ? { name } : { name, family: folder === 'ipt_hashlimit' ? 4 : 6 };
}

/** `src=192.0.2.1 ttl: 64 last_seen: 4294967 oldest_pkt: 2 4294960, 4294967` */
export function recentEntry(line: string): object {
  const [, src, ttl, last, oldest, stamps] =
    /^src=(\S+) ttl: (\d+) last_seen: (\d+) oldest_pkt: (\d+) (.*)$/.exec(line) ?? [];
  const [seen, first] = [Number(last), Number(oldest)];
  return { src, ttl: Number(ttl), last_seen: seen, oldest_pkt: first, stamps: stamps.split(', ').map(Number) };
}

/** `9 192.0.2.1:1024->198.51.100.1:80 1600 3200 320`: seconds left, the flow, credit, its most, what a packet costs. */
export function hashlimitEntry(line: string): object {
  const [, expires, src, sport, dst, dport, credit, most, cost] =
    /^(\d+) (\S+):(\d+)->(\S+):(\d+) (\d+) (\d+) (\d+)$/.exec(line) ?? [];
  const [source, destination] = [
    { src, sport: Number(sport) },
    { dst, dport: Number(dport) },
  ];
  return {
    expires: Number(expires),
    ...source,
    ...destination,
    credit: Number(credit),
    credit_cap: Number(most),
    cost: Number(cost),
  };
}

interface Shown {
  readonly json?: boolean;
}

export const recent = (name: string | undefined, edits: string[], { json }: Shown): Promise<number> =>
  reached(async () => {
    const alone = name !== undefined;
    const files = alone
      ? [await read(`xt_recent/${name}`, edits)]
      : await readAll((path) => path.startsWith('xt_recent/'));
    return json ? asJson(files, recentEntry) : show(files, alone);
  });

interface HashlimitShown extends Shown {
  readonly 4?: boolean;
  readonly 6?: boolean;
}

export const hashlimit = (name: string | undefined, only: HashlimitShown): Promise<number> =>
  reached(async () => {
    const folders = [...(only[6] ? [] : ['ipt_hashlimit']), ...(only[4] ? [] : ['ip6t_hashlimit'])];
    const files = await readAll((path) =>
      folders.some((folder) => (name === undefined ? path.startsWith(`${folder}/`) : path === `${folder}/${name}`)),
    );
    if (name !== undefined && files.length === 0) throw new Error(`no rule keeps a table ${name}`);
    return only.json ? asJson(files, hashlimitEntry) : show(files, name !== undefined && files.length === 1);
  });

/** Names over hexadecimal numbers. */
export function synproxyCounts(text: string): Record<string, number> {
  const [names, counts] = text.split('\n').map((line) => line.split(/\t+/));
  return Object.fromEntries(names.map((name, index) => [name, Number.parseInt(counts[index], 16)]));
}

export const synproxy = ({ json }: Shown): Promise<number> =>
  reached(async () => {
    const [file] = await readAll((path) => path === 'stat/synproxy');
    if (!file) throw new Error('no rule has the target SYNPROXY');
    return json ? `${JSON.stringify(synproxyCounts(file[1]))}\n` : file[1];
  });
