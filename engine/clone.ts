// Copies of state, for walks that must change nothing: plain objects, arrays, typed arrays, maps, sets and instances of classes, with
// everything that hangs on them, each object once. Functions are not copied.

export class Cloner {
  private readonly copies = new Map<unknown, unknown>();

  copy<T>(value: T): T {
    const known = this.copies.get(value);
    if (known !== undefined) return known as T;
    if (typeof value !== 'object' || value === null) return value;
    if (ArrayBuffer.isView(value)) return this.note(value, (value as unknown as Uint8Array).slice() as unknown as T);
    if (value instanceof WeakMap) return this.note(value, new WeakMap() as T); // A cache: the copy starts without it.
    if (value instanceof Map) {
      const copy = this.note(value, new Map<unknown, unknown>());
      for (const [key, held] of value) copy.set(this.copy(key), this.copy(held));
      return copy as T;
    }
    if (value instanceof Set) {
      const copy = this.note(value, new Set<unknown>());
      for (const held of value) copy.add(this.copy(held));
      return copy as T;
    }
    const empty = Array.isArray(value) ? [] : Object.create(Object.getPrototypeOf(value));
    return this.fill(this.note(value, empty), value) as T;
  }

  /**
   * Gives `into`, a fresh object of the same class, the state of `from`. Functions that `into` holds stay its own, here and in the
   * objects of classes below it: they may be bound to it.
   */
  overlay(into: object, from: object): void {
    this.note(from, into);
    for (const [key, value] of Object.entries(from)) {
      const own = (into as Record<string, unknown>)[key];
      if (typeof value === 'function') continue;
      if (sameClass(own, value) && !this.copies.has(value)) this.overlay(own, value);
      else (into as Record<string, unknown>)[key] = this.copy(value);
    }
  }

  private fill(copy: object, from: object): object {
    for (const [key, value] of Object.entries(from)) (copy as Record<string, unknown>)[key] = this.copy(value);
    return copy;
  }

  private note<T>(original: unknown, copy: T): T {
    this.copies.set(original, copy);
    return copy;
  }
}

/** Instances of one class that is not built into the language. */
function sameClass(own: unknown, value: unknown): own is object {
  if (typeof own !== 'object' || own === null || typeof value !== 'object' || value === null) return false;
  const prototype = Object.getPrototypeOf(value);
  if (ArrayBuffer.isView(value) || value instanceof Map || value instanceof Set || Array.isArray(value)) return false;
  return prototype !== Object.prototype && prototype === Object.getPrototypeOf(own);
}
