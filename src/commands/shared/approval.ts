/** approve and reject name the wave and the plan's digest, so that an answer never lands on something else than what was looked at. */

import { FlotillaError } from '../../domain/errors.js';
import { confirm } from './confirm.js';
import type { Session } from './session.js';

const SHORTEST_DIGEST = 8;

export interface ApprovalFlags {
  readonly digest?: string;
}

/** Full digest for the one given: its first 8 or more characters do. Without one, a person is shown what waits and asked. */
export async function approvalAsk(
  { client, out }: Session,
  verb: 'approve' | 'reject',
  wave: string,
  { digest }: ApprovalFlags,
): Promise<{ wave: string; digest: string }> {
  const waiting = (await client.status())?.approval;
  if (digest !== undefined) {
    const full = waiting && digest.length >= SHORTEST_DIGEST && waiting.digest.startsWith(digest) ? waiting.digest : digest;
    return { wave, digest: full };
  }
  if (!waiting) throw new FlotillaError('FLT_REFUSED', 'No wave waits for approval.');
  const yes = await confirm(
    `${verb === 'approve' ? 'Approve' : 'Reject'} wave "${wave}" of the plan with digest ${waiting.digest.slice(0, 12)}?`,
    {
      interactive: out.interactive,
      flag: '--digest',
    },
  );
  if (!yes) throw new FlotillaError('FLT_REFUSED', 'Nothing was sent.');
  return { wave, digest: waiting.digest };
}
