/** One logger per process: pino, behind Temporal's interface, so that the SDK, the workflows and we ourselves write the same lines. */

import { DefaultLogger, type Logger, type LogLevel, type LogMetadata, makeTelemetryFilterString, Runtime } from '@temporalio/worker';
import { pino } from 'pino';
import { scrub } from '../activities/to-failure.js';

export type WorkerLogger = pino.Logger;

export interface LoggerOptions {
  /** trace, debug, info, warn or error. @defaultValue info */
  readonly level: string;
  /** @defaultValue stderr, where logs belong: stdout stays free for what a command prints */
  readonly destination?: pino.DestinationStream;
}

const LEVELS: Readonly<Record<string, LogLevel>> = { trace: 'TRACE', debug: 'DEBUG', info: 'INFO', warn: 'WARN', error: 'ERROR' };

/** JSON lines. Connection strings and passwords are cut out of every text, wherever they come from. */
export function createLogger({ level, destination = pino.destination({ dest: 2, sync: true }) }: LoggerOptions): WorkerLogger {
  return pino(
    {
      level: level in LEVELS ? level : 'info',
      base: { pid: process.pid },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      hooks: {
        streamWrite: (line) => scrub(line),
      },
      serializers: { err: scrubbedError, error: scrubbedError },
    },
    destination,
  );
}

/** Name, message and stack; a driver error's other fields (`detail`, `where`) hold rows and never get out. */
function scrubbedError(error: unknown): unknown {
  if (!(error instanceof Error)) return String(error);
  const { name, message, stack } = error;
  return { name, message, stack: stack?.split('\n').slice(1).join('\n') };
}

let installed = false;

/** Temporal allows one runtime per process; the first caller's logger is everybody's. */
export function installRuntime(logger: WorkerLogger): void {
  if (installed) return;
  installed = true;
  const write = (level: LogLevel, message: string, metadata: LogMetadata = {}) => {
    const { taskToken: _, ...fields } = metadata;
    const plain = Object.fromEntries(Object.entries(fields).filter(([key]) => typeof key === 'string'));
    switch (level) {
      case 'TRACE':
        return logger.trace(plain, message);
      case 'DEBUG':
        return logger.debug(plain, message);
      case 'INFO':
        return logger.info(plain, message);
      case 'WARN':
        return logger.warn(plain, message);
      case 'ERROR':
        return logger.error(plain, message);
    }
  };
  const level = LEVELS[logger.level] ?? 'INFO';
  const bridge: Logger = new DefaultLogger(level, ({ level: at, message, meta }) => write(at, message, meta));
  Runtime.install({
    logger: bridge,
    telemetryOptions: { logging: { filter: makeTelemetryFilterString({ core: 'WARN', other: 'ERROR' }), forward: {} } },
    // Ours: a list must be told before the SDK begins to shut down, and a second signal must end the process.
    shutdownSignals: [],
  });
}
