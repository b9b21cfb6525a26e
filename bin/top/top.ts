// sekisho top: what goes on in the daemon, live in the terminal.

import { statePaths } from '../../control/paths.ts';
import { ask, NotServed } from '../../control/socket/client.ts';
import type { Overview } from '../../control/watch/overview.ts';
import { mayColor } from '../color.ts';
import { COLOURED, FIRST_VIEW, frame, listLines, PLAIN, type Size, snapshot, type View } from './frame.ts';
import { keysIn, press } from './keys.ts';

export interface TopOptions {
  once?: boolean;
  json?: boolean;
  interval?: string;
  sort?: 'rate' | 'total';
  filter?: string;
  lines?: string;
}

const USAGE = 2;
const UNREACHABLE = 69;

const overview = async (lines: number, { sort, filter }: Pick<View, 'sort' | 'filter'>): Promise<Overview> =>
  (await ask(statePaths().socket, { op: 'overview', wish: { lines, sort, filter } })) as Overview;

/** Runs until q, or prints once where there is no terminal to draw on. */
export async function top(options: TopOptions): Promise<number> {
  const seconds = Number(options.interval ?? 1);
  const lines = Number(options.lines ?? 20);
  if (!(seconds >= 0.5 && seconds <= 3_600) || !(Number.isInteger(lines) && lines >= 1 && lines <= 1_000)) {
    process.stderr.write('sekisho: --interval is 0.5 to 3600 seconds, --lines is 1 to 1000\n');
    return USAGE;
  }
  const view: View = { ...FIRST_VIEW, sort: options.sort ?? 'rate', filter: options.filter ?? '' };
  try {
    if (options.once || options.json || !process.stdout.isTTY || !process.stdin.isTTY)
      await once(view, lines, seconds, options.json ?? false);
    else await new Screen(view, seconds, await overview(lines, view)).run();
    return 0;
  } catch (error) {
    process.stderr.write(`sekisho: ${(error as Error).message}\n`);
    return error instanceof NotServed ? UNREACHABLE : 1;
  }
}

/** Two looks, so that there are rates. */
async function once(view: View, lines: number, seconds: number, json: boolean): Promise<void> {
  await overview(0, view);
  await new Promise((resolve) => setTimeout(resolve, seconds * 1_000));
  const seen = await overview(lines, view);
  process.stdout.write(json ? `${JSON.stringify(seen)}\n` : `${snapshot(seen).join('\n')}\n`);
}

const ENTER = '\x1b[?1049h\x1b[?25l'; // the other screen, no cursor
const LEAVE = '\x1b[?25h\x1b[?1049l';

class Screen {
  private view: View;
  private readonly seconds: number;
  private readonly paint = mayColor() ? COLOURED : PLAIN;
  private seen: Overview;
  private trouble: string | undefined;
  private asking = false;
  private quit: () => void = () => {};

  constructor(view: View, seconds: number, seen: Overview) {
    this.view = view;
    this.seconds = seconds;
    this.seen = seen;
  }

  /** Until q. When the daemon goes away meanwhile, that is shown. */
  async run(): Promise<void> {
    const { stdin, stdout } = process;
    stdin.setRawMode(true);
    stdin.setEncoding('utf8').resume();
    stdout.write(ENTER);
    const done = new Promise<void>((resolve) => {
      this.quit = resolve;
    });
    const onKeys = (text: string): void => this.keys(text);
    const draw = (): void => this.draw();
    const timer = setInterval(() => void this.look(), this.seconds * 1_000);
    stdin.on('data', onKeys);
    stdout.on('resize', draw);
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.once(signal, this.quit);
    this.draw();
    try {
      await done;
    } finally {
      clearInterval(timer);
      stdin.off('data', onKeys).pause();
      stdout.off('resize', draw);
      stdin.setRawMode(false);
      stdout.write(LEAVE);
    }
  }

  private get size(): Size {
    return { columns: process.stdout.columns || 80, rows: process.stdout.rows || 24 };
  }

  /** Lines to ask for: those that can be seen, and some to scroll to. */
  private get room(): number {
    return Math.min(1_000, this.size.rows + this.view.offset + 100);
  }

  private async look(now = false): Promise<void> {
    if ((this.view.paused && !now) || this.asking) return;
    this.asking = true;
    try {
      this.seen = await overview(this.room, this.view);
      this.trouble = undefined;
    } catch (error) {
      this.trouble = (error as Error).message;
    }
    this.asking = false;
    this.draw();
  }

  private keys(text: string): void {
    const { filter, sort } = this.view;
    for (const key of keysIn(text)) {
      const { view, quit } = press(this.view, key, listLines(this.seen, this.view.list).length);
      this.view = view;
      if (quit) {
        this.quit();
        return;
      }
    }
    if (this.view.filter !== filter || this.view.sort !== sort) void this.look(true);
    this.draw();
  }

  private draw(): void {
    const { size } = this;
    const lines = frame(this.seen, this.view, size, this.paint, this.trouble);
    // From the corner, each line cleared to its end: nothing flickers.
    process.stdout.write(`\x1b[H${lines.map((line) => `${line}\x1b[K`).join('\r\n')}`);
  }
}
