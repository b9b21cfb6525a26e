// Work that may take long, cut into steps: a generator that yields where packets may pass. Each step takes some hundred microseconds, so
// that whoever drives it by a clock (tun/desk.ts) can stop close to its time; whoever does not care runs it to its end.

export type Steps<T> = Generator<void, T, void>;

/** Rules that are handled in one step where each takes a microsecond or so. */
export const SLICE = 256;

/** Rules that a commit takes out and puts in one by one, at most: each costs some microseconds, and nothing passes meanwhile. */
export const MOST_AT_ONCE = 128;

/** All of it at once. */
export function finish<T>(steps: Steps<T>): T {
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value;
  }
}
