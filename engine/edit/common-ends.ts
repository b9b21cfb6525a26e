/** What of a list stands in another one, too, in front and behind: the very same members. */
interface Kept {
  /** Number of the other list: a list does not keep all its forebears. */
  readonly of: number;
  readonly front: number;
  readonly behind: number;
}

/** Lists up to here are compared as soon as looked up. */
const SHORT = 64;

const numbers = new WeakMap<readonly unknown[], number>();
const known = new WeakMap<readonly unknown[], Kept>();
let latest = 0;

/** `now` was made of `before` by an edit that left so many as they were. Neither is changed from now on. */
export function noteEnds(now: readonly unknown[], before: readonly unknown[], front: number, behind: number): void {
  if (before.length <= SHORT) return;
  let of = numbers.get(before);
  if (of === undefined) numbers.set(before, (of = ++latest));
  known.set(now, { of, front, behind });
}

/** How many members two lists have in common in front, and how many behind those: all there are, or those that an edit left alone. */
export function commonEnds<T>(now: readonly T[], before: readonly T[]): readonly [front: number, behind: number] {
  if (before.length > SHORT) {
    const kept = known.get(now);
    if (kept !== undefined && kept.of === numbers.get(before)) return [kept.front, kept.behind];
  }
  const shorter = Math.min(now.length, before.length);
  let front = 0;
  while (front < shorter && now[front] === before[front]) front++;
  let behind = 0;
  while (behind < shorter - front && now[now.length - 1 - behind] === before[before.length - 1 - behind]) behind++;
  return [front, behind];
}
