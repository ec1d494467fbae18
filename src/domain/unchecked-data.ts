/**
 * What a plan warns of where data is changed, or its old form is taken away, and nothing that a file declares would tell whether all is right:
 * not a check fails, but there is none.
 */

import type { FlotillaMigration } from '../migration/declaration.js';
import { findingOf } from './finding.js';
import { isContract, partsAfter, partsBeforeContract } from './phases.js';
import type { Finding } from './plan.js';

/** A migration, and what its file says of itself. */
export interface Declaring {
  readonly name: string;
  readonly declares?: FlotillaMigration;
}

/** Migrations of the plan whose rows no check looks at, neither their own nor one of what comes after them and before the contract. */
export const notValidated = (files: readonly Declaring[], planned: ReadonlySet<string>): readonly Finding[] =>
  files
    .filter((file) => planned.has(file.name) && changesData(file) && !waives(file, 'FLT_NOT_VALIDATED'))
    .filter((file) => ![file, ...partsAfter(files, file.name).filter((it) => !isContract(it))].some(isValidated))
    .map(({ name }) =>
      findingOf(
        'warning',
        'FLT_NOT_VALIDATED',
        name,
        `${name} changes data, and neither it nor what comes after it declares a check of that.`,
      ),
    );

/** Contracts before which nothing is compared: what comes before them declares no check that could be made again. */
export const uncheckedContracts = (files: readonly Declaring[], contracts: readonly Declaring[]): readonly Finding[] =>
  contracts
    .filter((contract) => !waives(contract, 'FLT_CONTRACT_UNCHECKED') && !partsBeforeContract(files, contract.name).some(isValidated))
    .map(({ name }) =>
      findingOf(
        'warning',
        'FLT_CONTRACT_UNCHECKED',
        name,
        `${name} is a contract, and nothing is checked before it: what it comes after declares no check, not even that old and new agree.`,
      ),
    );

const changesData = ({ declares }: Declaring): boolean => declares?.backfill !== undefined || declares?.phase === 'backfill';
const isValidated = ({ declares }: Declaring): boolean => declares?.validate !== undefined;
const waives = ({ declares }: Declaring, code: keyof NonNullable<FlotillaMigration['waive']>): boolean =>
  declares?.waive?.[code] !== undefined;
