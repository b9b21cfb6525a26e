// What is taking so long, on a terminal: one line that appears after a second, is written over, and goes when the work is done. The work may
// keep the thread all the while, so it says how far it is, and no timer does.

/** Where it is written: standard error, when somebody sees it. */
export interface Screen {
  readonly isTTY?: boolean;
  write(text: string): unknown;
}

const FIRST_MS = 1_000;
const AGAIN_MS = 200;
/** Steps between two looks at the clock. */
const LOOK = 64;

const CLEAR = '\r\x1b[K';

export class Progress {
  private readonly what: string;
  private readonly of: number | undefined;
  private readonly screen: Screen;
  private readonly clock: () => number;
  private readonly start: number;
  private shownAt = 0;
  private done = 0;

  /** `what`: "reading rules". `of`: how many steps there will be, where that is known. */
  constructor(what: string, of?: number, screen: Screen = process.stderr, clock = () => performance.now()) {
    this.what = what;
    this.of = of;
    this.screen = screen;
    this.clock = clock;
    this.start = clock();
  }

  /** One step is done. */
  readonly step = (): void => {
    if (++this.done % LOOK === 0 || this.of === undefined) this.look();
  };

  private look(): void {
    if (!this.screen.isTTY) return;
    const now = this.clock();
    if (now < this.start + FIRST_MS || now < this.shownAt + AGAIN_MS) return;
    this.shownAt = now;
    const of = this.of === undefined ? '' : ` of ${count(this.of)} (${Math.floor((100 * this.done) / this.of)} %)`;
    this.screen.write(`${CLEAR}${this.what}: ${count(this.done)}${of}`);
  }

  /** The work is done: the line goes. */
  end(): void {
    if (this.shownAt > 0) this.screen.write(CLEAR);
  }
}

const count = (number: number): string => number.toLocaleString('en');

/** Waits with a line that says for what, and how long by now. */
export async function waiting<T>(what: string, work: Promise<T>, screen: Screen = process.stderr): Promise<T> {
  if (!screen.isTTY) return work;
  const start = performance.now();
  let shown = false;
  const timer = setInterval(() => {
    shown = true;
    screen.write(`${CLEAR}${what}: ${Math.floor((performance.now() - start) / 1_000)} s`);
  }, FIRST_MS);
  try {
    return await work;
  } finally {
    clearInterval(timer);
    if (shown) screen.write(CLEAR);
  }
}
