/** What the verbs say that hold a fleet or tenants back. */

import type { FreezeResult, PinResult } from '../../client/holds.js';
import { clip, moment, wrap } from './format.js';
import type { Style } from './style.js';
import { table } from './table.js';

const until = (time: string | undefined, otherwise: string): string => (time === undefined ? otherwise : `until ${moment(time)}`);

export function renderFreeze({ freeze, rolloutId }: FreezeResult, { width }: Style): string {
  const text = freeze
    ? `frozen since ${moment(freeze.since)} ${until(freeze.until, 'until somebody lifts it')}, by ${freeze.actor}: "${freeze.reason}"`
    : 'the fleet is not frozen';
  const told = rolloutId === undefined ? '' : `\nrollout ${rolloutId} ${freeze ? 'starts no tenant meanwhile' : 'goes on'}`;
  return `${wrap(text, width)}${told}\n`;
}

export function renderPins({ pins, changed, rolloutId }: PinResult, done: string, { width }: Style): string {
  const lines: string[] = [];
  if (changed.length > 0) lines.push(wrap(`${done}: ${changed.join(', ')}`, width));
  else if (done === 'let go') lines.push('none of them was pinned');
  if (rolloutId !== undefined) lines.push(`rollout ${rolloutId} knows of it`);
  const rows = pins.map((pin) => [pin.tenant, until(pin.until, 'until unpinned'), clip(pin.actor, 16), pin.reason]);
  lines.push(
    rows.length === 0 ? 'nobody is pinned' : table([{ head: 'TENANT' }, { head: 'PINNED' }, { head: 'BY' }, { head: 'WHY' }], rows, width),
  );
  return `${lines.join('\n')}\n`;
}
