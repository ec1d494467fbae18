import type { Client, QueryResult, QueryResultRow } from 'pg';

/**
 * Sends several statements as one message and answers a result for each. The driver's types know of one statement only.
 * @param answerWithinMs after so long without an answer the connection counts as lost: something between here and the server swallows packets
 */
export async function queryEach<Row extends QueryResultRow>(
  client: Client,
  sql: string,
  answerWithinMs?: number,
): Promise<readonly QueryResult<Row>[]> {
  const config = { text: sql, ...(answerWithinMs === undefined ? {} : { query_timeout: answerWithinMs }) };
  const answer: QueryResult<Row> | QueryResult<Row>[] = await client.query<Row>(config);
  return Array.isArray(answer) ? answer : [answer];
}
