/** A migration's checksum: SHA-256 over its source with LF line ends, so that a checkout on Windows has the same. */

import { createHash } from 'node:crypto';

export const checksum = (source: string): string => createHash('sha256').update(source.replaceAll('\r\n', '\n')).digest('hex');
