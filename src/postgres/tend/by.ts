/** Who has a ledger row written, and for which request: a repeat of the request knows its own rows again. */
export interface By {
  readonly fleet: string;
  readonly actor: string;
  readonly requestId: string;
}
