/** Carries a verb that is not a message to an open rollout: one activity, one answer. */

import { controlActivities, helloActivities, planningActivities } from './activity-options.js';
import type { AdminInput } from './messages.js';

export async function adminWorkflow(input: AdminInput): Promise<unknown> {
  if (input.verb !== 'doctor') return controlActivities(input.taskQueue).answerAdmin(input);
  const { cells, build, pid } = await helloActivities(input.taskQueue, 5_000).hello({});
  const worker = { name: 'worker', ok: true, detail: `build ${build}, process ${pid}` };
  const perCell = await Promise.all(
    cells.map(async (cell) => {
      try {
        return (await planningActivities(input.taskQueue, cell).checkHosts({ cell })).checks;
      } catch {
        return [
          {
            name: `cell ${cell}`,
            ok: false,
            detail: 'no worker of this cell answers',
            remedy: `Start one with "flotilla worker --cell ${cell}".`,
          },
        ];
      }
    }),
  );
  return { checks: [worker, ...perCell.flat()] };
}
