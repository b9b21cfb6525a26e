// Text to roff for man(7): what may stand at the beginning of a line, and in it.

/** A line of running text: backslashes, hyphens and leading dots are taken as they are. */
export const roff = (text: string): string =>
  text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replace(/^([.'])/gm, '\\&$1');

export const bold = (text: string): string => `\\fB${roff(text)}\\fR`;

export const heading = (text: string): string => `.SH ${roff(text.toUpperCase())}\n`;
export const subheading = (text: string): string => `.SS ${roff(text)}\n`;
export const paragraph = (text: string): string => `.PP\n${roff(text.trim())}\n`;
/** A term, and what it means, set in. */
export const item = (term: string, meaning: string): string => `.TP\n${term}\n${roff(meaning.trim())}\n`;
/** Lines as they stand. */
export const verbatim = (text: string): string => `.PP\n.nf\n${roff(text.replace(/\n+$/, ''))}\n.fi\n`;

/** `date`: ISO, of the release. */
export const title = (name: string, section: number, version: string): string =>
  `.TH ${roff(name.toUpperCase())} ${section} "" "sekisho ${roff(version)}" "Sekisho"\n`;
