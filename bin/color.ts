// Colour for people at a terminal: none where the output goes elsewhere or NO_COLOR is set (https://no-color.org).

import { styleText } from 'node:util';

export const mayColor = (): boolean => process.stdout.isTTY && !process.env.NO_COLOR;

export const colored = (color: 'green' | 'red', text: string): string => (mayColor() ? styleText(color, text) : text);
