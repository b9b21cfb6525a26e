// What jest and other CommonJS programs require: sekisho/testing and sekisho/assert in one bundle, so that both speak of the same classes.

export * from './assert.ts';
export * from './index.ts';
