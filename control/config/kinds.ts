// Kinds of values in a configuration file: how each is read from YAML, with its place for complaints, and what an editor is told of it. A
// kind reads what it can and reports the rest to the Reader, so that one run finds all that is wrong.

import { isMap, isScalar, isSeq, type Node } from 'yaml';
import { didYouMean } from '../../grammar/suggest.ts';
import type { Reader } from './reader.ts';
import { Refused } from './words.ts';

export type JsonSchema = { readonly [key: string]: unknown };

export interface Kind<T> {
  /** Undefined: it was wrong, and the reader has been told. */
  read(node: Node, reader: Reader): T | undefined;
  readonly schema: JsonSchema;
}

/** A value together with the place it was read from. */
export interface Placed<T> {
  readonly value: T;
  readonly node: Node;
}

/** Throws an Error, or a Refused, where the text is none of them. */
export type Check<T> = (text: string) => T;

/** Text that `check` makes a value of. A number is text as it was written. */
export function text(schema: JsonSchema): Kind<string>;
export function text<T>(schema: JsonSchema, check: Check<T>): Kind<T>;
export function text(schema: JsonSchema, check: Check<unknown> = (word) => word): Kind<unknown> {
  return {
    schema: { type: 'string', ...schema },
    read(node, reader) {
      if (!isScalar(node) || node.value === null) return reader.problem(node, 'a word is wanted here');
      try {
        return check(typeof node.value === 'string' ? node.value : String(node.source ?? node.value));
      } catch (error) {
        return reader.problem(node, (error as Error).message, (error as { hint?: string }).hint);
      }
    },
  };
}

export function integer(least: number, most: number, schema: JsonSchema = {}): Kind<number> {
  return {
    schema: { type: 'integer', minimum: least, maximum: most, ...schema },
    read(node, reader) {
      const value = isScalar(node) ? node.value : undefined;
      if (typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most) return value;
      return reader.problem(node, `a number from ${least} to ${most} is wanted here`);
    },
  };
}

export const flag = (schema: JsonSchema = {}): Kind<boolean> => ({
  schema: { type: 'boolean', ...schema },
  read(node, reader) {
    const value = isScalar(node) ? node.value : undefined;
    return typeof value === 'boolean' ? value : reader.problem(node, 'true or false is wanted here');
  },
});

export function choice<const Word extends string>(words: readonly Word[], schema: JsonSchema = {}): Kind<Word> {
  return {
    schema: { enum: words, ...schema },
    read(node, reader) {
      const value = isScalar(node) ? String(node.value) : '';
      if ((words as readonly string[]).includes(value)) return value as Word;
      return reader.problem(node, `${words.join(' or ')} is wanted here`, didYouMean(value, words));
    },
  };
}

/** Several; a single one may stand without the list. */
export function list<T>(kind: Kind<T>, schema: JsonSchema = {}): Kind<T[]> {
  return {
    schema: { anyOf: [{ type: 'array', items: kind.schema }, kind.schema], ...schema },
    read(node, reader) {
      const nodes = isSeq(node) ? (node.items as Node[]) : [node];
      return nodes.flatMap((item) => kind.read(item, reader) ?? []);
    },
  };
}

/** With its place. */
export function placed<T>(kind: Kind<T>): Kind<Placed<T>> {
  return {
    schema: kind.schema,
    read(node, reader) {
      const value = kind.read(node, reader);
      return value === undefined ? undefined : { value, node };
    },
  };
}

/** Names of any sort, each with a value. `checkName` throws as a Check does. */
export function mapping<T>(kind: Kind<T>, checkName: Check<unknown>, schema: JsonSchema = {}): Kind<Map<string, T>> {
  return {
    schema: { type: 'object', additionalProperties: kind.schema, ...schema },
    read(node, reader) {
      const read = new Map<string, T>();
      if (!isMap(node)) return reader.problem(node, 'names with values are wanted here', 'write NAME: VALUE');
      for (const { key, value } of node.items as { key: Node; value: Node | null }[]) {
        const name = reader.nameOf(key);
        try {
          checkName(name);
        } catch (error) {
          reader.problem(key, (error as Error).message, (error as { hint?: string }).hint);
          continue;
        }
        const member = value ? kind.read(value, reader) : reader.problem(key, `"${name}" has no value`);
        if (member !== undefined) read.set(name, member);
      }
      return read;
    },
  };
}

export type Fields = Readonly<Record<string, Kind<unknown>>>;
type Values<F extends Fields> = { readonly [Name in keyof F]?: F[Name] extends Kind<infer T> ? T : never };

/** Known names, each with a kind of its own; none of them has to be there. */
export function record<F extends Fields>(what: string, fields: F, schema: JsonSchema = {}): Kind<Values<F>> {
  const names = Object.keys(fields);
  return {
    schema: {
      type: 'object',
      additionalProperties: false,
      properties: Object.fromEntries(names.map((name) => [name, fields[name].schema])),
      ...schema,
    },
    read(node, reader) {
      if (!isMap(node)) return reader.problem(node, `${what} is a mapping`, `it has ${names.join(', ')}`);
      const values: Record<string, unknown> = {};
      for (const { key, value } of node.items as { key: Node; value: Node | null }[]) {
        const name = reader.nameOf(key);
        const kind = Object.hasOwn(fields, name) ? fields[name] : undefined;
        if (!kind) {
          const hint = didYouMean(name, names) ?? `it has ${names.join(', ')}`;
          reader.problem(key, `${what} has no "${name}"`, hint);
        } else if (!value || (isScalar(value) && value.value === null)) reader.problem(key, `"${name}" has no value`);
        else values[name] = kind.read(value, reader);
      }
      return values as Values<F>;
    },
  };
}

const UNITS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  min: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/** `90s`, `1h 30m`, `5d`; a bare number is seconds. The value is milliseconds, at least `least`. */
export const span = (least: number, schema: JsonSchema = {}): Kind<number> =>
  text({ type: ['string', 'integer'], examples: ['90s', '1h 30m', '5d'], ...schema }, (word) => {
    const parts = [...word.trim().matchAll(/(\d+)\s*(ms|min|s|m|h|d)?\s*/gy)];
    const whole = parts.map(([part]) => part).join('') === word.trim() && parts.length > 0;
    const ms = parts.reduce((sum, [, number, unit = 's']) => sum + Number(number) * UNITS[unit], 0);
    if (!whole) throw new Refused(`"${word}" is no span of time`, 'write 90s, 15m, 2h, 5d, or a number of seconds');
    if (ms < least) throw new Refused(`"${word}" is too short`, `${least / 1_000} s at least`);
    return ms;
  });
