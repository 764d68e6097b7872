import { describe, expect, test } from '@jest/globals';
import { checkManifest, type JsonObject, parseAgentDesired } from '@wayside/protocol';
import { FIELD_DEFAULTS } from './node-fields.ts';
import { generateManifest, pullPolicyOf } from './node-manifest.ts';
import type { NodeRecord } from './node-record.ts';
import { provisioningCommand } from './provisioning-command.ts';

const IMAGES = { prefix: 'wayside/', tag: '1.2.3' };
const CUSTOMER_ID = 'c0000000-0000-4000-8000-000000000000';

function aNode(fields: Partial<NodeRecord> = {}): NodeRecord {
  return {
    name: 'edge1',
    ...FIELD_DEFAULTS,
    customerId: CUSTOMER_ID,
    cacheNodeId: 'n0000000-0000-4000-8000-000000000000',
    customerKey: 'k0000000-0000-4000-8000-000000000000',
    createdAtMs: 0,
    updatedAtMs: 0,
    provisionedAtMs: null,
    provisionedHost: null,
    ...fields,
  };
}

function modulesOf(node: NodeRecord) {
  const manifest = generateManifest(node, IMAGES);
  const parsed = parseAgentDesired(manifest.$edgeAgent?.['properties.desired'] as JsonObject);
  if (!parsed.ok) throw new Error(parsed.description);
  return parsed.desired.modules;
}

const NINE = Array.from({ length: 9 }, (_, index) => ({ path: `/drive${index}`, sizeGb: 100 + index }));

describe('generateManifest()', () => {
  test.each([
    ['without a drive', aNode()],
    ['with a drive', aNode({ drives: [{ path: '/datadrive', sizeGb: 100 }] })],
    [
      'with nine long drives',
      aNode({ drives: NINE.map((drive) => ({ ...drive, path: drive.path.padEnd(250, 'x') })) }),
    ],
  ])('is a good manifest %s', (_what, node) => {
    expect(checkManifest(generateManifest(node, IMAGES))).toEqual([]);
  });

  test('each drive is bound to its cache and its size stands in the environment of the same number', () => {
    const [mcc] = modulesOf(aNode({ drives: NINE }));
    expect(mcc?.createOptions.HostConfig).toMatchObject({
      Binds: NINE.map((drive, index) => `${drive.path}/:/nginx/cache${index + 1}/`),
    });
    for (const [index, drive] of NINE.entries()) {
      expect(mcc?.env[`STORAGE_${index + 1}_SIZE_GB`]).toBe(String(drive.sizeGb));
    }
  });

  test('content is published on the port of the fields, operations on the loopback only', () => {
    const [mcc] = modulesOf(aNode({ httpPort: 8088, summaryPort: 5101, drives: [{ path: '/d/', sizeGb: 10 }] }));
    expect(mcc?.createOptions).toEqual({
      HostConfig: {
        Binds: ['/d/:/nginx/cache1/'],
        PortBindings: {
          '8081/tcp': [{ HostPort: '8088' }],
          '5001/tcp': [{ HostIp: '127.0.0.1', HostPort: '5101' }],
        },
      },
    });
  });

  test('MCC is told who it is, and restarts always', () => {
    const [mcc] = modulesOf(aNode({ drives: [{ path: '/d', sizeGb: 10 }] }));
    expect(mcc).toMatchObject({
      name: 'MCC',
      image: 'wayside/cache:1.2.3',
      status: 'running',
      restartPolicy: 'always',
      env: {
        CUSTOMER_ID,
        CACHE_NODE_ID: 'n0000000-0000-4000-8000-000000000000',
        CUSTOMER_KEY: 'k0000000-0000-4000-8000-000000000000',
      },
    });
  });

  test('without a drive there is no MCC: it could store nothing', () => {
    expect(modulesOf(aNode())).toEqual([]);
    expect(generateManifest(aNode(), IMAGES).MCC).toBeUndefined();
  });

  test('the egress limit goes to the module twin', () => {
    const manifest = generateManifest(aNode({ maxEgressMbps: 250, drives: NINE }), IMAGES);
    expect(manifest.MCC).toEqual({ 'properties.desired': { maxEgressMbps: 250 } });
  });
});

describe('pullPolicyOf()', () => {
  test.each([
    ['wayside/', 'never'],
    ['team/wayside/', 'never'],
    ['registry.example/wayside/', 'on-create'],
    ['localhost:5000/', 'on-create'],
  ])('%s -> %s', (prefix, policy) => {
    expect(pullPolicyOf({ prefix, tag: 'x' })).toBe(policy);
  });
});

describe('provisioningCommand()', () => {
  const parts = {
    cloudUrl: 'https://cloud.example:8443',
    pin: 'abc+/=',
    mqttPort: 8883,
    daemonImage: 'registry.example/wayside/daemon:1.2',
    customerId: 'C',
    registrationKey: 'R-_',
  };

  test('downloads the installer under the pinned key, then runs it with the ids and keys', () => {
    const command = provisioningCommand(aNode({ drives: NINE.slice(0, 2) }), parts);
    expect(command).toBe(
      'curl -fsSk --pinnedpubkey sha256//abc+/= -o wayside-install.sh https://cloud.example:8443/install.sh && ' +
        '$(command -v sudo) bash wayside-install.sh cloud=https://cloud.example:8443 capin=sha256//abc+/= customerid=C ' +
        'cachenodeid=n0000000-0000-4000-8000-000000000000 customerkey=k0000000-0000-4000-8000-000000000000 ' +
        'registrationkey=R-_ drivepathandsizeingb=/drive0,100,/drive1,101 image=registry.example/wayside/daemon:1.2',
    );
  });

  test('names the MQTT port only when it is not the standard one', () => {
    expect(provisioningCommand(aNode(), { ...parts, mqttPort: 18883 })).toContain(' mqttport=18883 ');
  });
});
