// Every settings schema is valid JSON Schema 2020-12: the programs themselves take that for granted at each start.

import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { Ajv2020 } from 'ajv/dist/2020.js';

const ROOT = join(import.meta.dirname, '../..');
const schemas = globSync('modules/**/src/config.schema.json', { cwd: ROOT, exclude: ['**/node_modules/**'] });

describe('settings schemas', () => {
  test.each(schemas)('%s', (path) => {
    const { $schema: _draft, ...schema } = JSON.parse(readFileSync(join(ROOT, path), 'utf8'));
    const ajv = new Ajv2020({ allErrors: true });
    ajv.validateSchema(schema);
    expect(ajv.errors ?? []).toEqual([]);
  });

  test('one that is not valid is found', () => {
    const ajv = new Ajv2020();
    expect(ajv.validateSchema({ type: 'object', properties: { port: { type: 'port' } } })).toBe(false);
  });
});
