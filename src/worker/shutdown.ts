/** SIGTERM and SIGINT: the first asks the worker to stop, the second ends the process at once. */

/** Answers a signal that is aborted by the first of them. The second exits with 130, whatever is in hand: ledgers stay true. */
export function stopOnSignals(): AbortSignal {
  const controller = new AbortController();
  const onSignal = () => {
    if (controller.signal.aborted) process.exit(130);
    controller.abort();
  };
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
  return controller.signal;
}
