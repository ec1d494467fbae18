/** Carries a verb that is not a message to an open rollout: most are one activity and its answer. */

import { controlActivities, helloActivities, planningActivities } from './activity-options.js';
import type { AdminAnswers, AdminArgs } from './admin-messages.js';
import type { AdminInput } from './messages.js';
import { migrate } from './migrate.js';
import { pin } from './pin.js';
import { previewRollback } from './preview-rollback.js';
import { refresh } from './refresh.js';
import { repair } from './repair.js';
import { baseline, tend, validate } from './tend.js';

export async function adminWorkflow(input: AdminInput): Promise<unknown> {
  const args = <V extends AdminInput['verb']>() => input.args as unknown as AdminArgs[V];
  switch (input.verb) {
    case 'doctor':
      return doctor(input);
    case 'previewRollback':
      return previewRollback(input, args<'previewRollback'>());
    case 'repair':
      return repair(input, args<'repair'>());
    case 'baseline':
      return baseline(input, args<'baseline'>());
    case 'adopt':
      return tend(input, { verb: 'adopt' }, args<'adopt'>());
    case 'eject': {
      const { force, ...selection } = args<'eject'>();
      return tend(input, { verb: 'eject', force }, selection);
    }
    case 'validate':
      return validate(input, args<'validate'>());
    case 'refresh':
      return refresh(input);
    case 'pin':
      return pin(input, args<'pin'>());
    case 'migrate':
      return migrate(input, args<'migrate'>());
    default:
      return controlActivities(input.taskQueue).answerAdmin(input);
  }
}

async function doctor(input: AdminInput): Promise<AdminAnswers['doctor']> {
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
