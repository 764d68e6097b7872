// Front door of @wayside/kit.

export * from './backoff.ts';
export * from './clock.ts';
export {
  ConfigError,
  type ConfigProblem,
  type ConfigSchema,
  type ConfigSources,
  type LoadOptions,
  loadConfig,
  parseToml,
} from './config.ts';
export * from './duration.ts';
export * from './edge-error.ts';
export { ERRORS as KIT_ERRORS, type KitErrorCode } from './errors.ts';
export * from './exit-codes.ts';
export * from './http-listen.ts';
export * from './json-file.ts';
export * from './lifecycle.ts';
export * from './logger.ts';
export * from './redact.ts';
export * from './secret.ts';
export * from './semaphore.ts';
export * from './single-flight.ts';
export * from './sqlite.ts';
