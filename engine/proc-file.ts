// Shared state that people read, and some of it write, as files below /proc/net: recent's lists, hashlimit's tables. What context.shared()
// made is such a file when it is an instance of this class; Firewall.procFiles() finds it by that.

export abstract class ProcFile {
  /** Below /proc/net: `xt_recent/DEFAULT`. */
  abstract readonly path: string;

  /** What reading the file gives; `now` is monotonic ms. Every line ends with a newline. */
  abstract read(now: number): string;

  /** What was written to it, one write(). Throws RuleError for what the kernel refuses. Left out: it is for reading only. */
  write?(text: string, now: number): void;
}
