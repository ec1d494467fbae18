/** Writes the source of a `flotilla.config.ts`. */

export interface FleetAnswers {
  readonly name: string;
  readonly tenants: 'schemas' | 'query';
  /** Glob over schema names. */
  readonly schemas: string;
  /** Query that answers the tenants, for `tenants: 'query'`. */
  readonly sql?: string;
  readonly directories: readonly string[];
  readonly tableName?: string;
  readonly schemaName?: string;
  readonly loadExtensions?: readonly string[];
}

const literal = (text: string): string => `'${JSON.stringify(text).slice(1, -1).replaceAll('\\"', '"').replaceAll("'", "\\'")}'`;
const literals = (texts: readonly string[]): string => `[${texts.map(literal).join(', ')}]`;

/** The file's text: complete, commented, and free of any connection string. */
export function fleetConfigSource(answers: FleetAnswers): string {
  const { name, directories, tableName, schemaName, loadExtensions } = answers;
  const source = answers.tenants === 'query' ? 'fromQuery' : 'fromSchemas';
  const migrations = [
    `directory: ${directories.length === 1 ? literal(directories[0]!) : literals(directories)}`,
    ...(tableName ? [`tableName: ${literal(tableName)}`] : []),
    ...(schemaName ? [`schemaName: ${literal(schemaName)}`] : []),
    ...(loadExtensions ? [`loadExtensions: ${literals(loadExtensions)}`] : []),
  ];
  const tenants =
    answers.tenants === 'query'
      ? [
          '    // Columns: id, and as needed host, database, schema, labels (jsonb), lifecycle, role.',
          `    fromQuery({ host: 'main', sql: ${literal(answers.sql ?? '')} }),`,
        ]
      : [
          "    // The schemas whose name fits the glob; the tenant's id is what the star matched.",
          `    fromSchemas({ host: 'main', like: ${literal(answers.schemas)} }),`,
        ];
  return `import { defineFleet, ${source} } from 'flotilla';

export default defineFleet({
  name: ${literal(name)},
  // 'production' asks before it starts. Declared, never guessed.
  environment: 'development',
  // Flotilla's own tables: plans, rollouts, the audit trail.
  control: { connection: 'env:FLOTILLA_CONTROL_URL' },
  // One entry per Postgres server. References only ('env:NAME', 'file:PATH'): they are resolved where the worker runs.
  hosts: {
    main: { connection: 'env:FLOTILLA_MAIN_URL', maxConcurrency: 8 },
  },
  tenants: [
${tenants.join('\n')}
  ],
  migrations: { ${migrations.join(', ')} },
});
`;
}
