import type { LoadedConfig } from '../../spec/load-config.js';
import { readLocalStack, useLocalStack } from '../../spec/local-stack.js';
import { temporalTarget } from '../../spec/temporal-connection.js';

/** Lets this process use the project's running `flotilla dev`; answers the address of its Temporal UI when that is the server in use. */
export function localUiUrl({ baseDir, fleet }: LoadedConfig): string | undefined {
  if (!useLocalStack(baseDir)) return undefined;
  const stack = readLocalStack(baseDir)?.temporal;
  return stack && temporalTarget(fleet.temporal).connection.address === stack.address ? stack.uiUrl : undefined;
}
