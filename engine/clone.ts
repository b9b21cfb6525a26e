// Copies of state, for walks that must change nothing: plain objects, arrays, typed arrays, maps, sets and instances of classes, with
// everything that hangs on them, each object once. Functions are not copied, so state must not hide in closures.

export class Cloner {
  private readonly copies = new Map<unknown, unknown>();

  /** `instead` says what stands in for objects and functions that are not to be copied. */
  constructor(instead: Iterable<readonly [unknown, unknown]> = []) {
    for (const [original, copy] of instead) this.copies.set(original, copy);
  }

  copy<T>(value: T): T {
    const known = this.copies.get(value);
    if (known !== undefined) return known as T;
    if (typeof value !== 'object' || value === null) return value;
    return this.copyObject(value) as T;
  }

  private copyObject(value: object): object {
    if (ArrayBuffer.isView(value)) return this.note(value, (value as Uint8Array).slice());
    if (value instanceof Map) {
      const copy = this.note(value, new Map<unknown, unknown>());
      for (const [key, held] of value) copy.set(this.copy(key), this.copy(held));
      return copy;
    }
    if (value instanceof Set) {
      const copy = this.note(value, new Set<unknown>());
      for (const held of value) copy.add(this.copy(held));
      return copy;
    }
    // A weak map is a cache: the copy starts without it.
    if (value instanceof WeakMap) return this.note(value, new WeakMap());
    const copy = this.note(value, Array.isArray(value) ? [] : Object.create(Object.getPrototypeOf(value)));
    for (const key of Reflect.ownKeys(value)) {
      const property = Object.getOwnPropertyDescriptor(value, key)!;
      if (Array.isArray(value) && key === 'length') copy.length = value.length;
      else if ('value' in property) Object.defineProperty(copy, key, { ...property, value: this.copy(property.value) });
      else Object.defineProperty(copy, key, property);
    }
    return copy;
  }

  private note<T>(original: unknown, copy: T): T {
    this.copies.set(original, copy);
    return copy;
  }
}
