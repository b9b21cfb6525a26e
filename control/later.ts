// Modules that most calls of a tool do without: loaded when they come to be needed, and kept. A daemon loads them when it starts, for its files
// may be gone or others when it needs them: an upgrade replaces them under it. (Node looks for the file of an import() again wherever
// another one stands, even if the module is loaded; so they stand here.)

let parser: Promise<typeof import('../grammar/parser.ts')> | undefined;
let restoring: Promise<typeof import('../engine/edit/restore.ts')> | undefined;
let journal: Promise<typeof import('./stored/rule-journal.ts')> | undefined;

export const theParser = () => (parser ??= import('../grammar/parser.ts'));
export const theRestore = () => (restoring ??= import('../engine/edit/restore.ts'));
export const theJournal = () => (journal ??= import('./stored/rule-journal.ts'));

export const loadAll = (): Promise<unknown> => Promise.all([theParser(), theRestore(), theJournal()]);
