// The specification of edgeAgent before any deployment: from [agent] of config.toml, or the image the registration named.

import { ConfigError } from '@wayside/kit';
import { type ModuleSpec, normalizeImage } from '@wayside/protocol';
import type { DaemonConfig } from '../config.ts';
import { EDGE_AGENT } from '../module-names.ts';
import type { DeviceIdentity } from '../provision/device-identity.ts';

/** edgeAgent as the first start needs it. */
export function firstAgent({ agent }: DaemonConfig, device: DeviceIdentity): ModuleSpec {
  const image = agent.image ?? device.agentImage;
  if (image === undefined) {
    throw new ConfigError([
      {
        path: 'agent.config.image',
        message: 'is missing, and the registration named none; wanted the image of edgeAgent',
      },
    ]);
  }
  const auth = agent.auth && { ...agent.auth, password: agent.auth.password.reveal() };
  return {
    name: EDGE_AGENT,
    type: 'docker',
    imagePullPolicy: agent.imagePullPolicy,
    config: {
      settings: {
        image: normalizeImage(image),
        createOptions: agent.createOptions,
        ...(auth === undefined ? {} : { auth: Buffer.from(JSON.stringify(auth)).toString('base64') }),
      },
      // [agent.env] reaches the container with every specification, so it is no part of this one.
      env: [],
    },
  };
}
