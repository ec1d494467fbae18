/** Which of a config's databases the local stack has to provide: those whose reference names a variable that is not set. */

import { readVariable } from '../spec/env.js';
import type { Fleet } from '../spec/fleet.js';

export interface ProvidedDatabase {
  /** Name of the environment variable. */
  readonly variable: string;
  /** Name of the database on the local server. */
  readonly database: string;
  /** Hosts of the config that it serves; none for the control database. */
  readonly hosts: readonly string[];
}

const unset = (reference: unknown): string | undefined => {
  const name = typeof reference === 'string' && reference.startsWith('env:') ? reference.slice(4) : undefined;
  return name && !readVariable(name) ? name : undefined;
};

/** In the config's order, one entry per variable. */
export function databasesToProvide(fleet: Fleet): ProvidedDatabase[] {
  const found = new Map<string, string[]>();
  const add = (variable: string | undefined, host?: string) => {
    if (variable === undefined) return;
    const hosts = found.get(variable) ?? [];
    if (host && !hosts.includes(host)) hosts.push(host);
    found.set(variable, hosts);
  };
  add(unset(fleet.control.connection));
  for (const [name, host] of Object.entries(fleet.hosts)) {
    add(unset(host.connection), name);
    add(unset(host.admin), name);
  }
  return [...found].map(([variable, hosts]) => ({
    variable,
    hosts,
    database: hosts.length === 0 ? 'flotilla_control' : `host_${hosts[0]}`.slice(0, 63),
  }));
}
