// Judges queries and bodies of requests by the JSON Schema of their route, and says every problem with its path. Schemas are compiled when
// the first request needs them: all of them at the start took longer than the rest of it. A test compares each with the draft.

import { Ajv2020, type ErrorObject, type Options, type ValidateFunction } from 'ajv/dist/2020.js';
import { refusal } from '../errors.ts';
import type { Route, Schema } from './route.ts';

const PROBLEMS_MAX = 50;

const OPTIONS: Options = {
  ...{ allErrors: true, allowUnionTypes: true, useDefaults: true, verbose: true },
  // Compiling the draft itself costs some thirty times as much as all our schemas.
  ...{ validateSchema: false, meta: false },
};

// Query values are text: "5" is the integer 5 there, and nowhere else.
const compilers = {
  query: new Ajv2020({ ...OPTIONS, coerceTypes: true }),
  body: new Ajv2020(OPTIONS),
};

/** Parameters of a query; no others are taken. */
export function querySchema(route: Pick<Route, 'query'>): Schema {
  return { type: 'object', properties: route.query ?? {}, additionalProperties: false };
}

/** A check that fills in defaults and throws CLOUD_REQUEST_INVALID with `problems`. */
export function requestCheck(schema: Schema, part: 'query' | 'body'): (value: unknown) => void {
  let compiled: ValidateFunction | undefined;
  return (value) => {
    compiled ??= compilers[part].compile(schema);
    if (!compiled(value)) throw invalid(compiled.errors ?? [], part === 'query' ? part : '');
  };
}

function invalid(errors: readonly ErrorObject[], where: string): Error {
  const problems = errors.slice(0, PROBLEMS_MAX).map((error) => toProblem(error, where));
  const texts = problems.map((problem) => `${problem.path || 'body'} ${problem.message}`);
  return refusal('CLOUD_REQUEST_INVALID', `Cannot use the request: ${texts.join('; ')}`, { problems });
}

const SHOWN_CHARACTERS_MAX = 60;

function toProblem(error: ErrorObject, where: string): { path: string; message: string } {
  const parts = error.instancePath.split('/').slice(1);
  const params = error.params as { missingProperty?: string; additionalProperty?: string; allowedValues?: unknown[] };
  const extra = params.missingProperty ?? params.additionalProperty;
  const path = [where, ...parts, extra].filter((part) => part !== undefined && part !== '').join('.');
  if (params.missingProperty !== undefined) return { path, message: 'is missing' };
  if (params.additionalProperty !== undefined) return { path, message: 'is no known field' };
  const wanted = params.allowedValues ? `must be one of ${params.allowedValues.join(', ')}` : error.message;
  return { path, message: `is ${show(error.data)}: it ${wanted}` };
}

function show(value: unknown): string {
  const text = typeof value === 'object' && value !== null ? 'an object or list' : (JSON.stringify(value) ?? 'nothing');
  return text.length > SHOWN_CHARACTERS_MAX ? `${text.slice(0, SHOWN_CHARACTERS_MAX)}...` : text;
}
