import { finish, type Steps } from '../../engine/install/steps.ts';

/** What a request to an engine comes to, the steps that are left of it included. */
export const atOnce = (value: unknown): unknown =>
  typeof (value as Steps<unknown> | undefined)?.next === 'function' ? finish(value as Steps<unknown>) : value;
