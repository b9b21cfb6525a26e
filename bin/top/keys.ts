// What the keys of sekisho top do.

import type { View } from './frame.ts';

export interface Pressed {
  readonly view: View;
  readonly quit: boolean;
}

const LISTS = { r: 'rules', c: 'connections', d: 'drops', u: 'queues' } as const;
const PAGE = 10;

/** `key` is what the terminal sent for one key. `lines`: how many the list has. */
export function press(view: View, key: string, lines: number): Pressed {
  if (key === '\x03') return { view, quit: true }; // Control and C, also while typing
  if (view.typing) return { view: typed(view, key), quit: false };
  if (key === 'q') return { view, quit: true };
  return { view: chosen(view, key, lines), quit: false };
}

function typed(view: View, key: string): View {
  if (key === '\r' || key === '\n') return { ...view, typing: false };
  if (key === '\x1b') return { ...view, typing: false, filter: '', offset: 0 };
  if (key === '\x7f' || key === '\b') return { ...view, filter: view.filter.slice(0, -1), offset: 0 };
  return /^[^\0-\x1f\x7f]+$/.test(key) ? { ...view, filter: (view.filter + key).slice(0, 60), offset: 0 } : view;
}

function chosen(view: View, key: string, lines: number): View {
  const scrolled = (by: number): View => ({
    ...view,
    offset: Math.max(0, Math.min(view.offset + by, lines - 1)),
  });
  switch (key) {
    case 'r':
    case 'c':
    case 'd':
    case 'u':
      return { ...view, list: LISTS[key], offset: 0, help: false };
    case 's':
      return { ...view, sort: view.sort === 'rate' ? 'total' : 'rate', offset: 0 };
    case 'p':
    case ' ':
      return { ...view, paused: !view.paused };
    case 'h':
    case '?':
      return { ...view, help: !view.help };
    case '/':
      return { ...view, typing: true, help: false };
    case '\x1b':
      return { ...view, filter: '', help: false, offset: 0 };
    case 'j':
    case '\x1b[B':
      return scrolled(1);
    case 'k':
    case '\x1b[A':
      return scrolled(-1);
    case '\x1b[6~':
      return scrolled(PAGE);
    case '\x1b[5~':
      return scrolled(-PAGE);
    default:
      return view;
  }
}

/** The keys in what the terminal sent at once: sequences that begin with Escape are one key. */
export const keysIn = (text: string): string[] => text.match(/\x1b\[[0-9;]*[A-Za-z~]|\x1b|[\s\S]/gu) ?? [];
