import type { Module } from 'sekisho';

declare const own: Module;
export default own;
