// Routes of what was deployed to one node before, and of the way back.

import type { PastDeployment } from '../deployments/deployment-history.ts';
import { namedModules } from '../deployments/layered-content.ts';
import { actorOf, nameOf } from './node-routes.ts';
import type { ApiParts } from './parts.ts';
import { type Call, json, type Route } from './route.ts';
import { ref } from './schemas.ts';

export function historyRoutes({ nodes, deployments, watch }: ApiParts): Route[] {
  return [
    {
      method: 'get',
      path: '/nodes/{name}/deployments',
      right: 'read',
      summary: 'Every deployment the node had in effect, newest first: when, by whom, from which configuration',
      success: { status: 200, description: 'Its history.', schema: ref('DeploymentHistory') },
      refusals: [404],
      handle: async (call) => {
        const { name } = await nodes.get(nameOf(call));
        const past = await deployments.history(name);
        return json({ deployments: past.map((each) => toEntry(each, past[0]?.seq)) });
      },
    },
    {
      method: 'get',
      path: '/nodes/{name}/deployments/{seq}',
      right: 'deploy',
      summary: 'One of them with its content and what it changed; it may hold registry passwords',
      success: { status: 200, description: 'The deployment.', schema: ref('PastDeployment') },
      refusals: [404],
      handle: async (call) => {
        const { name } = await nodes.get(nameOf(call));
        const { deployment, changes } = await deployments.past(name, seqOf(call));
        const [newest] = await deployments.history(name);
        return json({ ...toEntry(deployment, newest?.seq), changes, modulesContent: deployment.content });
      },
    },
    {
      method: 'post',
      path: '/nodes/{name}/deployments/{seq}/restore',
      right: 'deploy',
      summary: 'Deploy an earlier content to the node again; refused while a configuration would take over at once',
      success: { status: 200, description: 'Deployed.', schema: ref('Deployed') },
      refusals: [404, 409],
      handle: async (call) => {
        const { name } = await nodes.get(nameOf(call));
        const { desiredVersion, modules } = await deployments.restore(name, seqOf(call), actorOf(call));
        void watch.wake(name);
        return json({ desiredVersion, modules });
      },
    },
  ];
}

function toEntry(past: PastDeployment, newestSeq: number | undefined) {
  const { seq, by, origin, baseId: base, layers, desiredVersion, content } = past;
  return {
    ...{ seq, atUtc: new Date(past.atMs).toISOString(), by, origin, base, layers, desiredVersion },
    modules: namedModules(content),
    isCurrent: seq === newestSeq,
  };
}

/** A text that is no number names no deployment. */
function seqOf(call: Call): number {
  const text = call.params.seq ?? '';
  return /^\d{1,15}$/.test(text) ? Number(text) : -1;
}
