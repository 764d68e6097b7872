import { expect, test } from '@jest/globals';
import { silentLogger } from '@wayside/kit';
import type { HubPlatform } from '../create-platform.ts';
import { createHubRoutes } from '../hub-api/router.ts';
import { CALL_RIGHTS, type Call } from '../identity/rights.ts';
import { isChange, policyRole, rightForCall } from './policy-role.ts';
import { mayDo } from './roles.ts';

interface Layer {
  route?: { path: string | string[]; methods: { [method: string]: boolean }; stack: { handle: { call?: Call } }[] };
  handle?: { stack?: Layer[] };
}

/** Every route of the IoT Hub face with the call that stands before it. */
function hubRoutes(): { name: string; call: Call | undefined }[] {
  const walk = (layers: Layer[]): Layer[] => layers.flatMap((layer) => [layer, ...walk(layer.handle?.stack ?? [])]);
  const found: { name: string; call: Call | undefined }[] = [];
  const platform = { logger: silentLogger, clock: { nowMs: () => 0 } } as unknown as HubPlatform;
  for (const { route } of walk(createHubRoutes(platform).stack as unknown as Layer[])) {
    if (!route) continue;
    const name = `${Object.keys(route.methods)} ${route.path}`;
    found.push({ name, call: route.stack.find((one) => one.handle.call !== undefined)?.handle.call });
  }
  return found;
}

test('every route of the IoT Hub face has a call, and every call a right for people', () => {
  const routes = hubRoutes();
  expect(routes.length).toBeGreaterThan(20);
  for (const { name, call } of routes) {
    // Bulk bodies are read before the route itself.
    if (name.startsWith('post /devices') && call === undefined && routes.some((one) => one.name === name && one.call))
      continue;
    expect([name, call !== undefined]).toEqual([name, true]);
  }
});

test.each(Object.keys(CALL_RIGHTS) as Call[])(
  '%s: no viewer changes anything, and nobody speaks for a device',
  (call) => {
    const right = rightForCall(call);
    if (call === 'actAsDevice') expect(right).toBe('nobody');
    else expect(['read', 'operate', 'deploy', 'admin']).toContain(right);
    if (isChange(call) && right !== 'nobody') expect(mayDo({ role: 'viewer' }, right)).toBe(false);
  },
);

test('policies stand for roles', () => {
  expect(
    ['iothubowner', 'service', 'registryRead', 'registryReadWrite', 'device'].map((name) => policyRole(name as never)),
  ).toEqual([...['admin', 'operator', 'viewer', 'deployer', '']]);
});
