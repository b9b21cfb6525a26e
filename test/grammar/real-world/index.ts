// Save files in the shape of what other programs write: their chains, their order of words, their habits of quoting and spelling. Made
// by the generators beside this file, always the same, and kept under test/data/ so that a person can read them.

import { fileURLToPath } from 'node:url';
import type { Family } from '../../../packet/numbers.ts';
import { dockerAndKubeProxy } from './docker-kube-proxy.ts';
import { firewalld } from './firewalld.ts';
import { ufw } from './ufw.ts';

export interface RealWorld {
  readonly name: string;
  readonly family: Family;
  readonly file: string;
  make(): string;
}

const entry = (name: string, family: Family, make: () => string): RealWorld => ({
  name,
  family,
  make,
  file: fileURLToPath(new URL(`../../data/${name}.save`, import.meta.url)),
});

export const REAL_WORLD: readonly RealWorld[] = [
  entry('docker-kube-proxy.v4', 4, dockerAndKubeProxy),
  entry('ufw.v6', 6, ufw),
  entry('firewalld.v6', 6, firewalld),
];
