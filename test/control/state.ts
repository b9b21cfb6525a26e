// A state directory for one test, and calls on it as a shell would make them.

import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type StatePaths, statePaths } from '../../control/paths.ts';
import type { ToolAnswer, ToolName } from '../../control/socket/protocol.ts';
import { runOnStoredRules } from '../../control/stored/stored-tool.ts';

export class State {
  readonly directory = mkdtempSync(join(tmpdir(), 'sekisho-state-'));
  readonly paths: StatePaths = statePaths(this.directory, {});

  close(): void {
    // A test may have taken the right to write away.
    chmodSync(this.directory, 0o700);
    rmSync(this.directory, { recursive: true, force: true });
  }

  /** `ip6tables -A INPUT -j ACCEPT`; words are parted by blanks. */
  call(line: string, stdin?: string, file?: string): Promise<ToolAnswer> {
    const [program, ...argv] = line.split(' ');
    const input = { program: program as ToolName, argv, stdin, date: new Date(0) };
    return runOnStoredRules(this.paths, file, input, async () => ({ stdout: '', stderr: 'elsewhere\n', exitCode: 0 }));
  }

  async says(line: string, stdin?: string): Promise<string> {
    const { stdout, stderr } = await this.call(line, stdin);
    return stdout + stderr;
  }

  read(family: 4 | 6 = 6): string {
    return readFileSync(this.paths.rules(family), 'utf8');
  }

  write(text: string, family: 4 | 6 = 6): void {
    writeFileSync(this.paths.rules(family), text);
  }
}
