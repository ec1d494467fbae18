/** The caller stopped waiting (Ctrl-C, an abort signal); what was started goes on. */
export class Detached extends Error {
  override readonly name = 'Detached';

  constructor() {
    super('Stopped waiting; what was started goes on.');
  }
}
