import ms from 'ms';
import { z } from 'zod';

/** `"15m"`, `"500ms"`, `"72h"`; 0 is `"0s"`. */
export const duration = z.string().refine((text) => text !== '' && ms(text as ms.StringValue) >= 0, {
  error: 'expected a duration such as "500ms", "30s", "15m" or "72h"',
});
