/** `npm run docs`: writes the pages that are made from the code. A test compares them. */

import { readFileSync, writeFileSync } from 'node:fs';
import { fullProgram } from '../test/unit/commands/full-program.js';
import { BEGIN, cliReference } from './docs/cli-docs.js';
import { errorDocs } from './docs/error-docs.js';
import { jsonDocs } from './docs/json-docs.js';
import { withDrawing } from './docs/machine-docs.js';

const page = (name: string) => new URL(`../docs/${name}.md`, import.meta.url);
writeFileSync(page('json'), jsonDocs());
writeFileSync(page('errors'), errorDocs());
const cli = readFileSync(page('cli'), 'utf8');
writeFileSync(page('cli'), `${cli.slice(0, cli.indexOf(BEGIN))}${cliReference(await fullProgram())}`);
writeFileSync(page('state-machine'), withDrawing(readFileSync(page('state-machine'), 'utf8')));
