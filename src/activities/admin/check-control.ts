import { controlFacts } from '../../control/facts.js';
import type { AdminAnswers, Check } from '../../workflows/admin-messages.js';
import { buildOf } from '../build.js';
import type { ActivityDeps } from '../deps.js';

/** doctor's look at this worker and at the control database; the hosts are looked at from their own cells. */
export async function checkControl(deps: ActivityDeps): Promise<AdminAnswers['doctor']> {
  const { files, problems } = await deps.engine.list();
  const { version, clockOffMs } = await controlFacts(deps.control);
  const migrations: Check = problems.length
    ? {
        name: 'migrations',
        ok: false,
        detail: `${problems.length} of ${files.length + problems.length} files do not load, the first: ${problems[0]!.file}: ${problems[0]!.message}`,
        remedy: 'Correct the files, then restart the workers.',
      }
    : { name: 'migrations', ok: true, detail: `${files.length} files, the newest ${files.at(-1)?.name ?? 'none'}` };
  return {
    checks: [
      { name: 'worker', ok: true, detail: `build ${await buildOf(deps)}, process ${process.pid}` },
      migrations,
      { name: 'control database', ok: true, detail: `Postgres ${version}, clock ${describeClock(clockOffMs)}` },
    ],
  };
}

export const describeClock = (offMs: number): string =>
  Math.abs(offMs) < 100 ? 'agrees' : `${offMs > 0 ? 'ahead' : 'behind'} by ${Math.abs(offMs)} ms`;
