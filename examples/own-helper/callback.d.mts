import type { Helper } from 'sekisho';

export declare const callback: Helper;
declare const module: { helpers: Helper[] };
export default module;
