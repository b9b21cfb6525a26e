// sekisho/testing: rules tested like code. Scenarios in memory on virtual time, packet builders, rows for extensions.

export * as build from '../packet/build.ts';
export { type PlayOptions, play } from './scenario.ts';
export type { Result, Scenario } from './scenario-format.ts';
