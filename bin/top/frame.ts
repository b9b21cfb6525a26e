// One picture of sekisho top, as lines of text: no terminal is known here.

import type {
  ConnectionLine,
  DeviceLine,
  DropLine,
  Overview,
  QueueLine,
  Rated,
  RuleLine,
} from '../../control/watch/overview.ts';

export type List = 'rules' | 'connections' | 'drops' | 'queues';

/** What the person at the keys has chosen. */
export interface View {
  readonly list: List;
  readonly sort: 'rate' | 'total';
  readonly filter: string;
  /** The filter is being typed. */
  readonly typing: boolean;
  readonly paused: boolean;
  readonly help: boolean;
  /** Lines scrolled away. */
  readonly offset: number;
}

export const FIRST_VIEW: View = {
  list: 'rules',
  sort: 'rate',
  filter: '',
  typing: false,
  paused: false,
  help: false,
  offset: 0,
};

export interface Size {
  readonly columns: number;
  readonly rows: number;
}

/** How a part is told apart from the rest: by colour where there is any. */
export interface Paint {
  title(text: string): string;
  bad(text: string): string;
  faint(text: string): string;
}

const same = (text: string): string => text;
export const PLAIN: Paint = { title: same, bad: same, faint: same };
export const COLOURED: Paint = {
  title: (text) => `\x1b[7m${text}\x1b[27m`,
  bad: (text) => `\x1b[31m${text}\x1b[39m`,
  faint: (text) => `\x1b[2m${text}\x1b[22m`,
};

// --- Numbers ---------------------------------------------------------------------------------------------------------

const PREFIXES = ['', 'k', 'M', 'G', 'T', 'P'];

/** At most five characters: 999, 1.2k, 12.3k, 123k, 1.2M. */
export function short(value: number): string {
  if (value < 1_000)
    return value > 0 && value < 10 && !Number.isInteger(value) ? value.toFixed(1) : String(Math.round(value));
  let step = 0;
  let rest = value;
  while (rest >= 999.5 && step < PREFIXES.length - 1) {
    rest /= 1_000;
    step++;
  }
  return `${rest < 99.95 ? rest.toFixed(1) : Math.round(rest)}${PREFIXES[step]}`;
}

export function spanText(seconds: number): string {
  const two = (number: number): string => String(Math.floor(number)).padStart(2, '0');
  const clock = `${two((seconds / 3_600) % 24)}:${two((seconds / 60) % 60)}:${two(seconds % 60)}`;
  return seconds < 86_400 ? clock : `${Math.floor(seconds / 86_400)}d ${clock}`;
}

// --- Parts -----------------------------------------------------------------------------------------------------------

const COLUMN = 8;
const cell = (text: string): string => text.padStart(COLUMN);
const rates = ({ packetRate, byteRate, packets, bytes }: Rated): string =>
  cell(short(packetRate)) + cell(short(byteRate * 8)) + cell(short(packets)) + cell(short(bytes));

const HEADS: Record<List, string> = {
  rules: `${['PKT/S', 'BIT/S', 'PACKETS', 'OCTETS'].map(cell).join('')}  TABLE CHAIN NUMBER RULE`,
  connections: `${['PKT/S', 'BIT/S', 'PACKETS', 'OCTETS'].map(cell).join('')}  CONNECTION`,
  drops: `${['PKT/S', 'PACKETS'].map(cell).join('')}  HOOK REASON`,
  queues: `${['IN P/S', 'BIT/S', 'OUT P/S', 'BIT/S', 'WAITED'].map(cell).join('')}  DEVICE QUEUE`,
};

const ruleLine = (line: RuleLine): string =>
  `${rates(line)}  v${line.family} ${line.table} ${line.chain}${line.number === 0 ? '' : ` ${line.number}`} ${line.text}`;
const flowLine = (line: ConnectionLine): string => `${rates(line)}  ${line.text}`;
const dropLine = ({ packetRate, packets, hook, reason }: DropLine): string =>
  `${cell(short(packetRate))}${cell(short(packets))}  ${hook} ${reason}`;
const queueLine = ({ name, queue, received, sent, held }: QueueLine): string => {
  const rate = ({ packetRate, byteRate }: Rated): string => cell(short(packetRate)) + cell(short(byteRate * 8));
  return `${rate(received)}${rate(sent)}${cell(short(held))}  ${name} ${queue}`;
};
const deviceLine = ({ name, received, sent, drops }: DeviceLine): string =>
  `${name.padEnd(15)} in${cell(short(received.packetRate))} pkt/s${cell(short(received.byteRate * 8))} bit/s` +
  `  out${cell(short(sent.packetRate))} pkt/s${cell(short(sent.byteRate * 8))} bit/s${drops > 0 ? `  ${short(drops)} not sent` : ''}`;

/** Columns that a character takes on most terminals. */
const width = (character: string): number => ((character.codePointAt(0) ?? 0) >= 0x1100 ? 2 : 1);

/** A line that fits; what a rule's comment might hold does not move the cursor. */
function fitted(text: string, columns: number): string {
  const clean = text.replace(/[\0-\x1f\x7f-\x9f]/g, '?');
  let used = 0;
  let shown = '';
  for (const character of clean) {
    used += width(character);
    if (used > columns) return `${shown.slice(0, -1)}…`;
    shown += character;
  }
  return shown;
}

export function listLines(overview: Overview, list: List): string[] {
  if (list === 'rules') return overview.rules.map(ruleLine);
  if (list === 'drops') return overview.drops.map(dropLine);
  if (list === 'queues') return overview.queues.map(queueLine);
  return overview.flows.map(flowLine);
}

const limitText = (limit: number): string => (limit > 0 ? ` of ${short(limit)}` : '');

export const statusLine = ({ mode, uptime, connections, connectionLimit, state, restarts }: Overview): string =>
  `sekisho ${mode}${state === 'down' ? ', DOWN: nothing passes' : ''}, up ${spanText(uptime)}, ` +
  `${short(connections)}${limitText(connectionLimit)} connections${restarts > 0 ? `, ${restarts} restarts` : ''}`;

/** That of queues is there when devices have several. */
const listsOf = ({ queues }: Overview): List[] => [
  'rules',
  'connections',
  'drops',
  ...(queues.length > 0 ? (['queues'] as const) : []),
];

function listTitle(overview: Overview, { list, sort, filter, typing, paused }: View): string {
  const names = listsOf(overview).map((name) => (name === list ? `[${name}]` : ` ${name} `));
  const parts = [
    `${names.join(' ')}  by ${sort}`,
    ...(typing ? [`filter: ${filter}_`] : filter === '' ? [] : [`filter: ${filter}`]),
    ...(paused ? ['PAUSED'] : []),
    ...(overview.span === 0 ? ['(no rates yet)'] : []),
  ];
  return parts.join('  ');
}

const HELP = [
  'r c d u    rules, connections, drops by reason, queues where there are several',
  's          sort by rate or by total',
  '/          show only lines with some text: type it, Enter; Escape takes it away',
  'arrows     scroll (also j and k, Page Up and Page Down)',
  'p, blank   stop and go on',
  'h, ?       this help',
  'q          quit',
  '',
  'Rates are those of the last second. BIT/S is that of whole IP packets. Rules without a hit are there, too: scroll.',
  'Connections have rates and totals only where net.netfilter.nf_conntrack_acct is 1.',
];
const KEYS = 'r c d: lists  s: sort  /: filter  p: pause  h: help  q: quit';

/** The picture: exactly `size.rows` lines, none longer than `size.columns`. `trouble`: in place of the keys. */
export function frame(overview: Overview, view: View, size: Size, paint: Paint, trouble?: string): string[] {
  const { columns, rows } = size;
  const cut = (text: string): string => fitted(text, columns);
  const wide = (text: string): string => paint.title(cut(text).padEnd(columns));
  const top = [
    overview.state === 'down' ? paint.bad(cut(statusLine(overview))) : cut(statusLine(overview)),
    ...overview.devices.map((device) => cut(deviceLine(device))),
    cut(listTitle(overview, view)),
    wide(HEADS[view.list]),
  ];
  const room = Math.max(0, rows - top.length - 1);
  const all = view.help ? HELP : listLines(overview, view.list).slice(view.offset);
  const body = all.slice(0, room).map(cut);
  if (body.length === 0 && room > 0) body.push(paint.faint(cut(emptyText(overview, view))));
  while (body.length < room) body.push('');
  return [...top, ...body, trouble === undefined ? paint.faint(cut(KEYS)) : paint.bad(cut(trouble))].slice(-rows);
}

function emptyText({ accounting }: Overview, { list, filter }: View): string {
  if (filter !== '') return 'nothing of that text';
  if (list === 'connections') return accounting ? 'no connections' : 'connections are not counted';
  if (list === 'queues') return 'one queue for each device';
  return list === 'drops' ? 'nothing was dropped' : 'no rules';
}

/** Everything once, for a pipe or a file: as wide as it is. */
export function snapshot(overview: Overview): string[] {
  const section = (list: List): string[] => {
    const lines = listLines(overview, list);
    return ['', HEADS[list], ...(lines.length > 0 ? lines : ['  none'])];
  };
  const all = [statusLine(overview), ...overview.devices.map(deviceLine), ...listsOf(overview).flatMap(section)];
  return all.map((line) => fitted(line, Number.POSITIVE_INFINITY).trimEnd());
}
