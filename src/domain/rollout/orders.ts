/**
 * What the open wave has to be told. Most of it is a level, not an event: the wave is told again whenever what holds now differs from what it
 * was told last. Tenants that were resolved are told once.
 */

import type { TenantResolved } from '../asks.js';
import type { Halt, Steer } from '../wave/contract.js';
import type { RolloutBook } from './book.js';

export class Orders {
  #told = '';
  #resolved: TenantResolved[] = [];
  #halt: Halt | undefined;

  /** A wave begins: its input says what holds now. */
  begin(book: RolloutBook): void {
    this.#resolved = [];
    this.#halt = undefined;
    this.#told = JSON.stringify(this.#levels(book));
  }

  /** The wave is over. Answers a halt that it may not have heard of. */
  end(): Halt | undefined {
    const halt = this.#halt;
    this.#halt = undefined;
    return halt;
  }

  resolved(it: TenantResolved): void {
    this.#resolved.push(it);
  }

  /** The wave shall drain, and end halted. */
  halt(halt: Halt): void {
    this.#halt ??= halt;
  }

  halting(): boolean {
    return this.#halt !== undefined;
  }

  /** Whether there is something to tell. A wave that is about to start is told when it is there. */
  waiting(book: RolloutBook): boolean {
    return book.open?.there === true && (this.#resolved.length > 0 || JSON.stringify(this.#levels(book)) !== this.#told);
  }

  /** The next thing to tell the open wave, taken as told. */
  take(book: RolloutBook): { readonly to: string; readonly steer: Steer } | undefined {
    if (!this.waiting(book)) return undefined;
    const levels = this.#levels(book);
    const steer = this.#resolved.length > 0 ? { ...levels, resolved: this.#resolved } : levels;
    this.#told = JSON.stringify(levels);
    this.#resolved = [];
    return { to: book.open!.workflowId, steer };
  }

  /** Everything that holds for the open wave now. */
  #levels(book: RolloutBook): Steer {
    if (!book.open) return {};
    const up = book.open.direction === 'up';
    const wave = book.waves[book.open.index]!;
    const stopped = book.desired === 'abort' || (up && book.order !== undefined);
    const paused = up ? book.held() : book.pauses.has('operator');
    return {
      desired: stopped ? 'abort' : paused ? 'pause' : 'run',
      inFlight: book.inFlight,
      limits: book.limits(wave),
      paces: up ? book.gates.paces(wave.plan.hosts.map(({ host }) => host)) : {},
      skip: [...book.skipped],
      skipHosts: [...book.skippedHosts],
      skipRest: book.skipWave,
      pinned: [...book.pinned.keys()],
      ...(this.#halt ? { halt: this.#halt } : {}),
    };
  }
}
