// Front door of @wayside/protocol: the wire shapes and the functions that read and write them.

export * from './agent-desired.ts';
export * from './bgp.ts';
export * from './check-manifest.ts';
export * from './create-options.ts';
export * from './health.ts';
export * from './hub-desired.ts';
export * from './image-name.ts';
export * from './json.ts';
export * from './management.ts';
export * from './manifest.ts';
export * from './registration.ts';
export * from './sas.ts';
export * from './topics.ts';
export * from './twin.ts';
