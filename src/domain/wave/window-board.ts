/**
 * Which windows are open, as somebody who knows the clocks of the world has said. Tenants whom the same windows concern share an entry, whose
 * key is the windows' indices joined with commas. What nobody has said yet is closed.
 */

import type { WindowView } from '../windows.js';

export class WindowBoard {
  readonly #views = new Map<string, WindowView>();

  learn(views: Readonly<Record<string, WindowView>>): void {
    for (const [key, view] of Object.entries(views)) this.#views.set(key, view);
  }

  isOpen(key: string | undefined, nowMs: number): boolean {
    if (key === undefined) return true;
    const view = this.#views.get(key);
    return view?.open === true && !over(view, nowMs);
  }

  /** Those of the keys about which nothing is known any more. */
  unknown(keys: Iterable<string>, nowMs: number): string[] {
    return [...new Set(keys)].filter((key) => {
      const view = this.#views.get(key);
      return view === undefined || over(view, nowMs);
    });
  }

  /** When the first of them opens or closes next. */
  nextChange(keys: Iterable<string>): number | undefined {
    const times = [...new Set(keys)].flatMap((key) => this.#views.get(key)?.changesAtMs ?? []);
    return times.length > 0 ? Math.min(...times) : undefined;
  }

  /** Tenants in hand do not finish once this is closed. */
  cancelsOnClose(key: string | undefined, nowMs: number): boolean {
    const view = key === undefined ? undefined : this.#views.get(key);
    return view !== undefined && !view.open && view.onClose === 'cancel' && !over(view, nowMs);
  }
}

const over = (view: WindowView, nowMs: number): boolean => view.changesAtMs !== undefined && view.changesAtMs <= nowMs;
