import { FlotillaError } from '../domain/errors.js';
import type { Check } from '../workflows/admin-messages.js';
import { SEARCH_ATTRIBUTES } from '../workflows/search-attributes.js';
import { askAdmin } from './admin.js';
import type { ClientContext } from './context.js';
import { guarded, toFlotillaError } from './errors.js';

export interface DoctorOptions {
  /** Create what is missing in Temporal (search attributes). @defaultValue false */
  readonly fix?: boolean;
}

export interface DoctorResult {
  readonly ok: boolean;
  readonly checks: readonly Check[];
}

/** Checks Temporal from here, and workers, control database, hosts and roles from the workers' side. Changes nothing without `fix`. */
export async function doctor(context: ClientContext, options: DoctorOptions = {}): Promise<DoctorResult> {
  const checks: Check[] = [
    { name: 'temporal', ok: true, detail: `${context.address}, namespace ${context.namespace}` },
    await searchAttributes(context, options.fix ?? false),
  ];
  try {
    checks.push(...(await askAdmin(context, 'doctor', {})).checks);
  } catch (error) {
    const failure = toFlotillaError(context, error);
    checks.push({ name: 'workers', ok: false, detail: failure.message, remedy: failure.remedy });
  }
  return { ok: checks.every((check) => check.ok), checks };
}

/** `INDEXED_VALUE_TYPE_KEYWORD` of the Temporal API. */
const KEYWORD = 2;

async function searchAttributes(context: ClientContext, fix: boolean): Promise<Check> {
  const { namespace } = context;
  const name = 'search attributes';
  const { operatorService } = context.connection;
  try {
    const listed = await guarded(context, () => operatorService.listSearchAttributes({ namespace }));
    const missing = SEARCH_ATTRIBUTES.filter((attribute) => listed.customAttributes?.[attribute] === undefined);
    const wrong = SEARCH_ATTRIBUTES.filter(
      (attribute) => ![undefined, KEYWORD].includes(listed.customAttributes?.[attribute] as number | undefined),
    );
    if (wrong.length)
      return {
        name,
        ok: false,
        detail: `not keywords: ${wrong.join(', ')}`,
        remedy: 'Remove them in Temporal, then run "flotilla doctor --fix".',
      };
    if (!missing.length) return { name, ok: true, detail: `all ${SEARCH_ATTRIBUTES.length} are there` };
    if (!fix) return { name, ok: false, detail: `missing: ${missing.join(', ')}`, remedy: 'Create them with "flotilla doctor --fix".' };
    await guarded(context, () =>
      operatorService.addSearchAttributes({
        namespace,
        searchAttributes: Object.fromEntries(missing.map((attribute) => [attribute, KEYWORD])),
      }),
    );
    return { name, ok: true, detail: `created ${missing.join(', ')}` };
  } catch (error) {
    if (error instanceof FlotillaError && error.code === 'FLT_TEMPORAL_UNAVAILABLE') throw error;
    // Temporal Cloud and locked-down servers refuse the operator API to most credentials.
    return {
      name,
      ok: false,
      detail: 'this credential may not list them',
      remedy: `Make sure that these keyword search attributes exist: ${SEARCH_ATTRIBUTES.join(', ')}.`,
    };
  }
}
