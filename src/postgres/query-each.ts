import type { Client, QueryResult, QueryResultRow } from 'pg';

/** Sends several statements as one message and answers a result for each. The driver's types know of one statement only. */
export async function queryEach<Row extends QueryResultRow>(client: Client, sql: string): Promise<readonly QueryResult<Row>[]> {
  const answer: QueryResult<Row> | QueryResult<Row>[] = await client.query<Row>(sql);
  return Array.isArray(answer) ? answer : [answer];
}
