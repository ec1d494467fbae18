/** Waits until `check` answers something truthy; the state is polled, never a fixed time slept. */
export async function until<T>(check: () => Promise<T | undefined | false | null>, what: string, timeoutMs = 60_000): Promise<T> {
  const end = Date.now() + timeoutMs;
  let last: unknown;
  while (Date.now() < end) {
    try {
      const value = await check();
      if (value) return value;
      last = undefined;
    } catch (error) {
      last = error;
    }
    await new Promise((done) => setTimeout(done, 50));
  }
  throw new Error(`waited ${timeoutMs} ms in vain for: ${what}${last ? ` (last error: ${String(last)})` : ''}`);
}
