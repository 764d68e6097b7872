// Gathers the error catalogues of all modules (src/errors.ts) and renders docs/errors.md from them.

import { existsSync, globSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

export interface CatalogueEntry {
  meaning: string;
  action: string;
}

export interface Catalogue {
  /** e.g. modules/shared/kit */
  folder: string;
  /** e.g. KIT: what every code begins with. */
  prefix: string;
  errors: { [code: string]: CatalogueEntry };
}

/** Catalogues in the order of their folders. Throws when a module's errors.ts has no ERRORS. */
export async function readCatalogues(root: string): Promise<Catalogue[]> {
  const folders = globSync('modules/{*,*/*}/package.json', {
    cwd: root,
    exclude: (name) => name.includes('node_modules'),
  })
    .map((path) => path.replaceAll('\\', '/').replace(/\/package\.json$/, ''))
    .filter((folder) => existsSync(join(root, folder, 'src/errors.ts')))
    .sort();
  return Promise.all(
    folders.map(async (folder) => {
      const { ERRORS } = (await import(pathToFileURL(join(root, folder, 'src/errors.ts')).href)) as {
        ERRORS?: Catalogue['errors'];
      };
      if (ERRORS === undefined) throw new Error(`${folder}/src/errors.ts has no export ERRORS`);
      return { folder, prefix: (folder.split('/').at(-1) as string).toUpperCase(), errors: ERRORS };
    }),
  );
}

/** The page docs/errors.md. */
export function renderErrors(catalogues: readonly Catalogue[]): string {
  const sections = catalogues.map(({ folder, errors }) => {
    const rows = Object.keys(errors)
      .sort()
      .map((code) => `| \`${code}\` | ${cell(errors[code]?.meaning)} | ${cell(errors[code]?.action)} |`);
    return [
      `## ${folder.replace('modules/', '')}`,
      '',
      '| code | meaning | what to do |',
      '| --- | --- | --- |',
      ...rows,
      '',
    ].join('\n');
  });
  return `${INTRODUCTION}\n${sections.join('\n')}`;
}

const INTRODUCTION = `# Error codes

Every error that a module logs or answers carries one of these codes. This page is written from the modules' catalogues (\`src/errors.ts\`) by
\`node scripts/docs/write-errors.ts\`; a test keeps both equal. A process that ends with 153 has a wrong configuration and is not restarted by supervisors.
`;

function cell(text: string | undefined): string {
  return (text ?? '').replaceAll('|', '\\|').replace(/\s+/g, ' ').trim();
}
