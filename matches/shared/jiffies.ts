// The kernel's coarse clock, which stateful matches count in.

/** Ticks a second: Debian's and most distributions' kernels. */
export const HZ = 250;

/** `now` is monotonic ms. */
export const jiffies = (now: number): number => Math.floor((now * HZ) / 1000);
