/** What a rollback would do, said beforehand: tenants with the same answer share a group, so that the answer does not grow with the fleet. */

export interface PreviewAnswer {
  /** Migrations that would be taken back, newest first. */
  readonly reverts: readonly string[];
  /** What would stop it there; what lies below stays. */
  readonly refused?: { readonly migration: string; readonly code: string; readonly why: string };
}

export interface PreviewGroup extends PreviewAnswer {
  readonly tenants: number;
  /** Up to 5. */
  readonly sample: readonly string[];
}

export interface RollbackPreview {
  readonly rolloutId: string;
  /** Rule 1: unless it is forced, nothing at all would be reverted because of these. */
  readonly refused: readonly { readonly migration: string; readonly code: string; readonly why: string }[];
  /** That the rollout is known to have dispatched, and that are not back. */
  readonly tenants: number;
  /** Whose own ledgers and tables were read. */
  readonly lookedAt: number;
  /** Most tenants first. */
  readonly groups: readonly PreviewGroup[];
  /** Tenants in groups beyond those. */
  readonly more: number;
  /** What it cannot tell. */
  readonly unknown: readonly string[];
}

export type PreviewPart = Pick<RollbackPreview, 'lookedAt' | 'groups' | 'more'>;

const MOST_GROUPS = 50;
const SAMPLE = 5;

const keyOf = ({ reverts, refused }: PreviewAnswer): string => JSON.stringify([reverts, refused?.migration, refused?.code, refused?.why]);

/** Adds the answers up, tenant by tenant or part by part. */
export function groupAnswers(parts: readonly PreviewGroup[]): Pick<PreviewPart, 'groups' | 'more'> {
  const groups = new Map<string, PreviewGroup>();
  for (const part of parts) {
    const key = keyOf(part);
    const known = groups.get(key);
    groups.set(
      key,
      known
        ? { ...known, tenants: known.tenants + part.tenants, sample: [...known.sample, ...part.sample].slice(0, SAMPLE) }
        : { ...part, sample: part.sample.slice(0, SAMPLE) },
    );
  }
  const sorted = [...groups.values()].sort((a, b) => b.tenants - a.tenants);
  return {
    groups: sorted.slice(0, MOST_GROUPS),
    more: sorted.slice(MOST_GROUPS).reduce((n, group) => n + group.tenants, 0),
  };
}

export const addParts = (parts: readonly PreviewPart[]): PreviewPart => {
  const { groups, more } = groupAnswers(parts.flatMap((part) => part.groups));
  return {
    lookedAt: parts.reduce((n, part) => n + part.lookedAt, 0),
    groups,
    more: more + parts.reduce((n, part) => n + part.more, 0),
  };
};

/** Said with every preview: nobody shall take it for more than it is. */
export function limitsOf({ tenants, lookedAt }: Pick<RollbackPreview, 'tenants' | 'lookedAt'>): readonly string[] {
  const left = tenants - lookedAt;
  return [
    'rows that are written from now on can still stop a tenant',
    'whether each down is the exact inverse of its up is only seen when it runs; one that is not is rolled back',
    ...(left > 0 ? [`${left} of ${tenants} tenants were not looked at`] : []),
  ];
}
