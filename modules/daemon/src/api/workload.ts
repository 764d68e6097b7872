// Workload API of one module (iotedge.md 4.3). Who asks is known by the socket the request came in on, never by what it says.

import { EdgeError } from '@wayside/kit';
import type { ModuleDetails } from '@wayside/protocol';
import { type RequestHandler, Router } from 'express';
import type { ModuleCertificates } from '../certificates/module-certificates.ts';
import type { ModuleIdentities } from '../identities/module-identities.ts';
import { signWith } from '../keys/derive.ts';
import { type SealContext, seal, unseal } from '../keys/seal.ts';
import { moduleIdOf, moduleName } from '../module-names.ts';
import { bytesField, fieldOf, textField } from './http-rules.ts';

export interface WorkloadServices {
  identities: ModuleIdentities;
  certificates: ModuleCertificates;
  masterEncryptionKey: Buffer;
  manifestTrustBundlePem: string;
  listModules(): Promise<ModuleDetails[]>;
}

/** Routes of the socket that belongs to the module `name`. */
export function workloadRoutes(name: string, services: WorkloadServices): Router {
  const { identities, certificates, masterEncryptionKey } = services;
  const moduleId = moduleIdOf(name);
  const router = Router({ caseSensitive: true });

  router.get('/modules', async (_request, response) => {
    response.json({ modules: await services.listModules() });
  });
  router.get('/trust-bundle', (_request, response) => {
    response.json({ certificate: certificates.trustBundle() });
  });
  router.get('/manifest-trust-bundle', (_request, response) => {
    response.json({ certificate: services.manifestTrustBundlePem });
  });

  const own = onlyFor(name);
  const generation = '/modules/:name/genid/:genid';
  router.post(`${generation}/sign`, own, (request, response) => {
    const keys = identities.keysOf(moduleId);
    const key = fieldOf(request.body, 'keyId') === 'secondary' ? keys.secondary : keys.primary;
    response.json({ digest: signWith(key, bytesField(request.body, 'data')).toString('base64') });
  });
  router.post(`${generation}/encrypt`, own, (request, response) => {
    const sealed = seal(masterEncryptionKey, contextOf(moduleId, request), bytesField(request.body, 'plaintext'));
    response.json({ ciphertext: sealed.toString('base64') });
  });
  router.post(`${generation}/decrypt`, own, (request, response) => {
    const plaintext = unseal(masterEncryptionKey, contextOf(moduleId, request), bytesField(request.body, 'ciphertext'));
    response.json({ plaintext: plaintext.toString('base64') });
  });
  router.post(`${generation}/certificate/server`, own, async (request, response) => {
    const commonName = textField(request.body, 'commonName');
    response.status(201).json(await certificates.server(moduleId, commonName, textField(request.body, 'expiration')));
  });
  router.post('/modules/:name/certificate/identity', own, async (request, response) => {
    const expiration =
      fieldOf(request.body, 'expiration') === undefined ? undefined : textField(request.body, 'expiration');
    response.status(201).json(await certificates.identity(moduleId, expiration));
  });
  return router;
}

/** 403 for every name but the one the socket belongs to. */
function onlyFor(name: string): RequestHandler {
  return (request, _response, next) => {
    if (moduleName(String(request.params.name)) === name) return next();
    next(new EdgeError('DAEMON_FORBIDDEN', 'forbidden', { source: 'downstream' }));
  };
}

function contextOf(moduleId: string, request: { params: { [name: string]: unknown }; body: unknown }): SealContext {
  return {
    moduleId,
    generationId: String(request.params.genid),
    initializationVector: bytesField(request.body, 'initializationVector'),
  };
}
