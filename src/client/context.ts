import type { Client, Connection } from '@temporalio/client';

/** What every verb of the client works with. */
export interface ClientContext {
  readonly fleet: string;
  readonly taskQueue: string;
  /** Self-reported, for the audit trail. */
  readonly actor: string;
  readonly temporal: Client;
  readonly connection: Connection;
  readonly address: string;
  readonly namespace: string;
  /** Base address of the Temporal UI; undefined when it is not known. */
  readonly uiUrl?: string;
}

/** Who, why, and the key that makes a repeat harmless. Every verb takes these. */
export interface AskOptions {
  /** @defaultValue the actor given to `connect` */
  readonly actor?: string;
  readonly reason?: string;
  /** The same id gets the first answer. @defaultValue a new one */
  readonly requestId?: string;
}
