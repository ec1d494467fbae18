/** A worker's resident size must not grow with the fleet. */

import { createLargeFleet, LARGE } from './large-fleet.js';
import { type Bench, median } from './measure.js';

export const memory: Bench = async ({ runs, say }) => {
  const large = await createLargeFleet(say);
  const sizes: { readonly small: number; readonly large: number }[] = [];
  try {
    for (let run = 1; run <= runs; run++) sizes.push(await large.next());
  } finally {
    await large.close();
  }
  const ours = median(sizes.map((it) => it.large));
  const floor = median(sizes.map((it) => it.small));
  return [
    {
      bench: 'memory',
      measure: '1.3 × worker after 1,000 tenants / after 10,000',
      unit: 'MB',
      ours,
      floor,
      ratio: (1.3 * floor) / ours,
      aim: 1,
      n: LARGE,
      runs,
    },
  ];
};
