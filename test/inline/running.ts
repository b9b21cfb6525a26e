// `sekisho run` as a process of its own between the two hosts of a lab, and the tools beside it.

import { type ChildProcess, type SpawnSyncReturns, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PROGRAM } from '../bin/program.ts';
import { ADDRESS, type Host, Lab } from './lab.ts';

const ECHO = join(import.meta.dirname, 'echo.py');

export class Site {
  readonly lab = new Lab();
  readonly directory = mkdtempSync(join(tmpdir(), 'sekisho-site-'));
  extraEnv: NodeJS.ProcessEnv = {};
  /** What daemons are started by: a program, with its words, that becomes the one that follows. */
  launcher: readonly string[] = [];
  private readonly running: Running[] = [];

  /** Resolves when the daemon serves its socket. Rejects with what it said when it ends before. */
  async start(...words: string[]): Promise<Running> {
    const running = this.run(...words);
    await running.serves();
    return running;
  }

  run(...words: string[]): Running {
    const devices = ['--inside', this.device('client'), '--outside', this.device('server')];
    return this.spawn(PROGRAM, 'run', ...devices, ...QUEUES, ...words);
  }

  /** A device as `sekisho run` takes it. */
  device(host: Host): string {
    return `${deviceName(host)},netns=${this.lab.namespace(host)},host=${ADDRESS[host].v4}/24,host=${ADDRESS[host].v6}/64`;
  }

  /** Any program that runs a daemon. */
  spawn(...argv: string[]): Running {
    const running = new Running(this, argv);
    this.running.push(running);
    return running;
  }

  get env(): NodeJS.ProcessEnv {
    return { ...process.env, SEKISHO_STATE_DIR: join(this.directory, 'state'), ...this.extraEnv };
  }

  get socket(): string {
    return join(this.directory, 'state', 'control.sock');
  }

  /** Made in this namespace, so no two tests may have the same. */
  deviceName(host: Host): string {
    return deviceName(host);
  }

  file(name: string): string {
    return join(this.directory, name);
  }

  /** `sekisho WORDS`, parted by blanks. */
  sekisho(words: string, input = ''): SpawnSyncReturns<string> {
    return spawnSync(process.execPath, [PROGRAM, ...words.split(' ')], { encoding: 'utf8', input, env: this.env });
  }

  /** Pings that were answered, of so many, within as many seconds as nobody has to wait for who is answered. */
  async pings(count: number, address: string = ADDRESS.server.v6, seconds = 30): Promise<number> {
    const { stdout } = await this.lab.finish('client', ['python3', ECHO, address, `${count}`, `${seconds}`]);
    return Number.parseInt(stdout, 10);
  }

  /** The same where no answer is to come: nobody waits long for it. */
  lonelyPings(count: number, address?: string): Promise<number> {
    return this.pings(count, address, 1);
  }

  /** Whether the host has its device. */
  linked(host: Host): boolean {
    return this.lab.run(host, ['ip', 'link', 'show', deviceName(host)]).status === 0;
  }

  /** Resolves when neither host has its device any more, which after a kill takes the kernel a moment. */
  async unlinked(): Promise<void> {
    for (let tries = 0; tries < 1_000 && (this.linked('client') || this.linked('server')); tries++)
      await new Promise((resolve) => setTimeout(resolve, 20));
    if (this.linked('client') || this.linked('server')) throw new Error('the devices are still there');
  }

  /** `first`: before the folder goes. */
  async close(first = (): void => {}): Promise<void> {
    for (const each of this.running) await each.end('SIGKILL');
    first();
    this.lab.close();
    rmSync(this.directory, { recursive: true, force: true });
  }
}

/** SEKISHO_TEST_QUEUES=3: everything that these tests show of a daemon, with three queues. */
const QUEUES = process.env.SEKISHO_TEST_QUEUES ? ['--queues', process.env.SEKISHO_TEST_QUEUES] : [];

/** Made in this namespace, so no two tests may have the same. */
const deviceName = (host: Host): string => `${host === 'client' ? 'ti' : 'to'}${process.pid}`;

export class Running {
  said = '';
  private readonly process: ChildProcess;
  private readonly ended: Promise<number | null>;

  constructor({ env, launcher }: Site, argv: readonly string[]) {
    const [program, ...words] = [...launcher, process.execPath, ...argv];
    this.process = spawn(program, words, { env, stdio: ['ignore', 'ignore', 'pipe'] });
    this.process.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.said += text;
    });
    this.ended = once(this.process, 'close').then(([code]) => code as number | null);
  }

  async serves(): Promise<void> {
    await this.says('control socket');
  }

  /** Resolves when it has said `text`. */
  async says(text: string): Promise<void> {
    let over = false;
    void this.ended.then(() => {
      over = true;
    });
    while (!this.said.includes(text)) {
      if (over) throw new Error(`the daemon ended: ${this.said}`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  get pid(): number {
    return this.process.pid!;
  }

  signal(name: NodeJS.Signals): void {
    this.process.kill(name);
  }

  /** The exit code; null for one that was killed. */
  async end(name?: NodeJS.Signals): Promise<number | null> {
    if (name) this.process.kill(name);
    return this.ended;
  }
}
