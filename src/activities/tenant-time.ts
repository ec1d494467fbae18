/** The time that one tenant may take, all of its migrations together. */

import { cancelStatements } from '../postgres/holder.js';
import type { ActivityDeps } from './deps.js';

const AGAIN_MS = 500;

export interface TenantTime {
  /** It has taken too long, and what it runs is being cancelled. */
  isOver(): boolean;
  end(): void;
}

/** Starts now. @param limitMs undefined: as long as it takes */
export function startTenantTime({ hosts }: ActivityDeps, host: string, applicationName: string, limitMs: number | undefined): TenantTime {
  if (limitMs === undefined) return { isOver: () => false, end: () => undefined };
  let over = false;
  let ended = false;
  let timer = setTimeout(cancel, limitMs);
  function cancel(): void {
    over = true;
    void hosts
      .withHost(host, (client) => cancelStatements(client, [applicationName]))
      .catch(() => undefined) // the host's own limits end the statement
      .finally(() => {
        if (!ended) timer = setTimeout(cancel, AGAIN_MS);
      });
  }
  return {
    isOver: () => over,
    end: () => {
      ended = true;
      clearTimeout(timer);
    },
  };
}
