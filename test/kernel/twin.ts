// The kernel twin as tests use it: scenarios in, what the real kernel made of them out.
//
//   const twin = await Twin.start();
//   const result = await twin.run({ v6rules, steps: [{ in: 'A', hex }, { counters: true }] });
//   await twin.stop();

import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import type { Result, Scenario } from '../../testing/scenario/scenario-format.ts';
import { bundleProgram } from './support.ts';

interface Waiting {
  resolve(result: Result): void;
  reject(error: Error): void;
}

export class Twin {
  private readonly child: ChildProcessByStdio<Writable, Readable, null>;
  /** Answers come in the order of the questions. */
  private readonly waiting: Waiting[] = [];

  static async start(): Promise<Twin> {
    const twin = new Twin(bundleProgram('test/kernel/twin-process.ts'));
    await twin.run({ steps: [] }); // koffi and the devices work, or the test ends here with the reason
    return twin;
  }

  private constructor(program: string) {
    this.child = spawn(process.execPath, ['--enable-source-maps', program], { stdio: ['pipe', 'pipe', 'inherit'] });
    createInterface({ input: this.child.stdout }).on('line', (line) => this.answered(JSON.parse(line) as Result));
    this.child.on('exit', (code) => {
      for (const { reject } of this.waiting.splice(0)) reject(new Error(`the kernel twin ended with code ${code}`));
    });
  }

  private answered(result: Result): void {
    const asked = this.waiting.shift();
    if (result.error !== undefined) asked?.reject(new Error(result.error));
    else asked?.resolve(result);
  }

  /** May be called again before the answer is there: scenarios run one after the other. Rejects with the real tool's words for rules it refuses. */
  run(scenario: Scenario): Promise<Result> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ resolve, reject });
      this.child.stdin.write(`${JSON.stringify(scenario)}\n`);
    });
  }

  stop(): Promise<void> {
    return new Promise((resolve) => {
      this.child.on('exit', () => resolve());
      this.child.stdin.end();
    });
  }
}
