// Writes docs/errors.md from the modules' error catalogues: `node scripts/docs/write-errors.ts`.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readCatalogues, renderErrors } from './error-catalogue.ts';

const root = join(import.meta.dirname, '..', '..');
const catalogues = await readCatalogues(root);
writeFileSync(join(root, 'docs/errors.md'), renderErrors(catalogues));
console.log(
  `docs/errors.md: ${catalogues.reduce((sum, c) => sum + Object.keys(c.errors).length, 0)} codes of ${catalogues.length} modules`,
);
