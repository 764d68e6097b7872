// Management API (iotedge.md 4.4). Only edgeAgent's container and root on this host reach the socket: the rights of the file and the
// mount decide who may ask, so the routes do not look at the caller again.

import { EdgeError } from '@wayside/kit';
import type { JsonObject, ModuleDetails, ModuleSpec, SystemInfo, SystemResources } from '@wayside/protocol';
import { Router } from 'express';
import { parseModuleSpec } from '../containers/module-spec.ts';
import type { Changed, Modules } from '../containers/modules.ts';
import type { ModuleIdentities } from '../identities/module-identities.ts';
import { EDGE_AGENT, moduleName } from '../module-names.ts';
import { fieldOf, textField } from './http-rules.ts';
import { readLogQuery } from './log-query.ts';
import { sendLogs } from './log-stream.ts';

export interface BundleQuery {
  since: string | undefined;
  until: string | undefined;
  edgeRuntimeOnly: boolean;
}

export interface ManagementServices {
  modules: Modules;
  identities: ModuleIdentities;
  /** Takes over a new specification of edgeAgent; on disk when it resolves, the work comes later. */
  replaceAgent(spec: ModuleSpec): Promise<void>;
  systemInfo(): Promise<SystemInfo & { additional_info: JsonObject }>;
  resources(): Promise<SystemResources>;
  supportBundle(query: BundleQuery, signal: AbortSignal): Promise<NodeJS.ReadableStream>;
  reprovision(): void;
}

export function managementRoutes(services: ManagementServices): Router {
  const router = Router({ caseSensitive: true });
  moduleRoutes(router, services);
  identityRoutes(router, services.identities);
  systemRoutes(router, services);
  return router;
}

function moduleRoutes(router: Router, { modules, replaceAgent }: ManagementServices): void {
  const nameOf = (params: { [name: string]: unknown }) => moduleName(String(params.name));

  router.get('/modules', async (_request, response) => {
    response.json({ modules: await modules.list() });
  });
  router.post('/modules', async (request, response) => {
    sendChanged(response, await modules.create(parseModuleSpec(request.body)));
  });
  router.get('/modules/:name', async (request, response) => {
    response.json(await modules.get(nameOf(request.params)));
  });
  router.put('/modules/:name', async (request, response) => {
    const spec = specFor(nameOf(request.params), request.body);
    if (spec.name === EDGE_AGENT) {
      // The caller is the container that is about to go: it gets its answer first.
      await replaceAgent(spec);
      response.status(201).json(acceptedDetails(spec));
      return;
    }
    sendChanged(response, await modules.replace(spec, { start: request.query.start === 'true' }));
  });
  router.delete('/modules/:name', async (request, response) => {
    await modules.remove(nameOf(request.params));
    response.status(204).end();
  });
  router.post('/modules/:name/prepareupdate', async (request, response) => {
    const warning = await modules.prepareUpdate(specFor(nameOf(request.params), request.body));
    setWarning(response, warning);
    response.status(204).end();
  });
  router.post('/modules/:name/start', async (request, response) => {
    await modules.start(nameOf(request.params));
    response.status(204).end();
  });
  router.post('/modules/:name/stop', async (request, response) => {
    await modules.stop(nameOf(request.params));
    response.status(204).end();
  });
  router.post('/modules/:name/restart', async (request, response) => {
    await modules.restart(nameOf(request.params));
    response.status(204).end();
  });
  router.get('/modules/:name/logs', async (request, response) => {
    await sendLogs(modules, nameOf(request.params), readLogQuery(request.query), response);
  });
}

function identityRoutes(router: Router, identities: ModuleIdentities): void {
  router.get('/identities', async (_request, response) => {
    response.json({ identities: await identities.list() });
  });
  router.post('/identities', async (request, response) => {
    const moduleId = checkedModuleId(textField(request.body, 'moduleId'));
    response.json(await identities.create(moduleId, managedBy(request.body)));
  });
  router.put('/identities/:name', async (request, response) => {
    response.json(await identities.update(checkedModuleId(String(request.params.name)), managedBy(request.body)));
  });
  router.delete('/identities/:name', async (request, response) => {
    await identities.remove(checkedModuleId(String(request.params.name)));
    response.status(204).end();
  });
}

function systemRoutes(router: Router, services: ManagementServices): void {
  router.get('/systeminfo', async (_request, response) => {
    response.json(await services.systemInfo());
  });
  router.get('/systeminfo/resources', async (_request, response) => {
    response.json(await services.resources());
  });
  router.get('/systeminfo/supportbundle', async (request, response) => {
    const text = (name: string) =>
      typeof request.query[name] === 'string' ? (request.query[name] as string) : undefined;
    const gone = new AbortController();
    response.once('close', () => gone.abort());
    const query = { since: text('since'), until: text('until'), edgeRuntimeOnly: text('edge_runtime_only') === 'true' };
    const zip = await services.supportBundle(query, gone.signal);
    response.status(200).type('application/zip');
    zip.on('error', () => response.destroy());
    zip.pipe(response);
  });
  router.post('/device/reprovision', (_request, response) => {
    services.reprovision();
    response.status(204).end();
  });
}

type JsonResponse = {
  status(code: number): { json(body: unknown): unknown };
  setHeader(name: string, value: string): unknown;
};

function sendChanged(response: JsonResponse, { details, warning }: Changed): void {
  setWarning(response, warning);
  response.status(201).json(details);
}

/** RFC 9111 5.5: a text beside an answer that is otherwise good. */
function setWarning(response: JsonResponse, warning: string | undefined): void {
  if (warning === undefined) return;
  const text = warning.replace(/[^\x20-\x7e]/g, '?').replace(/["\\]/g, "'");
  response.setHeader('Warning', `199 wayside-daemon "${text.slice(0, 500)}"`);
}

/** The name in the path is the one that counts; a body that names another module is a mistake. */
function specFor(name: string, body: unknown): ModuleSpec {
  const spec = parseModuleSpec(body);
  if (spec.name === name) return spec;
  throw new EdgeError(
    'DAEMON_REQUEST_INVALID',
    `Cannot use the module specification: name is "${spec.name}", wanted "${name}" as in the path`,
    {
      source: 'downstream',
    },
  );
}

function acceptedDetails(spec: ModuleSpec): ModuleDetails {
  const { image, createOptions } = spec.config.settings;
  return {
    id: 'id',
    name: spec.name,
    type: 'docker',
    config: { settings: { image, createOptions }, env: [] },
    status: { runtimeStatus: { status: 'unknown', description: 'update accepted' } },
  };
}

/** Module ids of IoT Hub: up to 128 ASCII characters without a slash; system modules start with `$`. */
function checkedModuleId(text: string): string {
  if (/^[$]?[A-Za-z0-9\-:.+%_#*?!(),=@$']{1,128}$/.test(text)) return text;
  throw new EdgeError(
    'DAEMON_REQUEST_INVALID',
    `Cannot use the module id ${JSON.stringify(text.slice(0, 140))}: wanted 1 to 128 of the characters IoT Hub allows`,
    {
      source: 'downstream',
    },
  );
}

function managedBy(body: unknown): string {
  const value = fieldOf(body, 'managedBy');
  return typeof value === 'string' ? value : '';
}
