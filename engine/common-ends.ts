/** How many members two lists have in common in front, and how many behind those: the very same ones. */
export function commonEnds<T>(now: readonly T[], before: readonly T[]): readonly [front: number, behind: number] {
  const shorter = Math.min(now.length, before.length);
  let front = 0;
  while (front < shorter && now[front] === before[front]) front++;
  let behind = 0;
  while (behind < shorter - front && now[now.length - 1 - behind] === before[before.length - 1 - behind]) behind++;
  return [front, behind];
}
