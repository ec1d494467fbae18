/** The clock of a wave's deadlines: it stands still while the wave is not allowed to move. */
export class WaveClock {
  #movedMs: number;
  #since: number | undefined;
  #settledAt: number;

  constructor(movedMs = 0) {
    this.#movedMs = movedMs;
    this.#settledAt = movedMs;
  }

  /** Says whether it may move from now on. */
  set(moving: boolean, nowMs: number): void {
    const movedMs = this.movedMs(nowMs);
    this.#movedMs = movedMs;
    this.#since = moving ? nowMs : undefined;
  }

  isMoving(): boolean {
    return this.#since !== undefined;
  }

  /** Time in which it could move. */
  movedMs(nowMs: number): number {
    return this.#movedMs + (this.#since === undefined ? 0 : nowMs - this.#since);
  }

  /** A tenant has settled. */
  progressed(nowMs: number): void {
    this.#settledAt = this.movedMs(nowMs);
  }

  /** Time in which it could move and no tenant settled. */
  idleMs(nowMs: number): number {
    return this.movedMs(nowMs) - this.#settledAt;
  }
}
