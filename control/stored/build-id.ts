// Which build of the program this is: files that only the very same program may read are marked with it.

declare const SEKISHO_BUILD: string | undefined;

/** Put in by the bundler, a digest of all sources; empty when the sources run unbundled and may change at any moment. */
export const BUILD_ID: string = typeof SEKISHO_BUILD === 'string' ? SEKISHO_BUILD : '';
