/** Numbers, times and columns for people. */

import prettyMs from 'pretty-ms';

/** `3,912` */
export const number = (n: number): string => n.toLocaleString('en-US');

/** `1 tenant`, `3,912 tenants` */
export const plural = (n: number, one: string, many = `${one}s`): string => `${number(n)} ${n === 1 ? one : many}`;

/** `850ms`, `2.4s`, `27m 3s`, `3h 12m`: two units at most. */
export function duration(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)}ms`;
  if (ms < 10_000) return prettyMs(ms, { secondsDecimalDigits: 1 });
  return prettyMs(Math.round(ms / 1_000) * 1_000, { unitCount: 2 });
}

/** `2026-11-23 12:52:07 UTC` */
export const moment = (time: string | number): string => new Date(time).toISOString().slice(0, 19).replace('T', ' ').concat(' UTC');

/** At most `width` characters; what is cut off shows as "…". One line: control characters cannot disturb the terminal. */
export function clip(text: string, width: number): string {
  const clean = text.replace(/\p{Cc}+/gu, ' ');
  const points = [...clean];
  return points.length <= width ? clean : `${points.slice(0, Math.max(0, width - 1)).join('')}…`;
}

/** Breaks at spaces into lines of at most `width`; `indent` comes on top of that, before every line but the first. */
export function wrap(text: string, width: number, indent = ''): string {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else line = line ? `${line} ${word}` : word;
  }
  lines.push(line);
  return lines.join(`\n${indent}`);
}
