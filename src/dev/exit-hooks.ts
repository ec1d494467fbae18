const EVENTS = ['SIGINT', 'SIGTERM', 'SIGHUP', 'beforeExit', 'exit'] as const;

/**
 * The Postgres package installs exit hooks that end its servers, and this process, at the first signal, and that make every exit code 0.
 * Ending in order is the caller's own affair, and a crash is the reaper's. For the first time that the package is loaded: then they are installed.
 */
export async function withoutExitHooks<T>(load: () => Promise<T>): Promise<T> {
  const before = EVENTS.map((event) => process.listeners(event as 'exit'));
  const loaded = await load();
  EVENTS.forEach((event, i) => {
    for (const listener of process.listeners(event as 'exit')) if (!before[i]?.includes(listener)) process.removeListener(event, listener);
  });
  return loaded;
}
