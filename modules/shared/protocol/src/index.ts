export * from './health.ts';
export * from './json.ts';
export * from './management.ts';
export * from './manifest.ts';
export * from './registration.ts';
export * from './sas.ts';
export * from './topics.ts';
export * from './twin.ts';
