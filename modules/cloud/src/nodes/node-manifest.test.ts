import { describe, expect, test } from '@jest/globals';
import { checkManifest, type JsonObject, joinCreateOptions, parseAgentDesired } from '@wayside/protocol';
import { BGP_DEFAULTS } from './bgp-fields.ts';
import { FIELD_DEFAULTS } from './node-fields.ts';
import { generateManifest, manifestHash, pullPolicyOf } from './node-manifest.ts';
import type { BgpFields, BgpNeighbor, NodeRecord } from './node-record.ts';
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
    importedAtMs: null,
    moduleVersion: null,
    updateState: {},
    bgpPasswords: {},
    ...fields,
  };
}

function modulesOf(node: NodeRecord) {
  const manifest = generateManifest(node, IMAGES);
  const parsed = parseAgentDesired(manifest.$edgeAgent?.['properties.desired'] as JsonObject);
  if (!parsed.ok) throw new Error(parsed.description);
  return parsed.desired.modules;
}

function hubOptions(node: NodeRecord) {
  const agent = generateManifest(node, IMAGES).$edgeAgent?.['properties.desired'] as {
    systemModules: { edgeHub: { settings: JsonObject } };
  };
  return joinCreateOptions(agent.systemModules.edgeHub.settings);
}

function aNeighbor(fields: Partial<BgpNeighbor> = {}): BgpNeighbor {
  return {
    ...{ id: 'session1', neighborAddress: '192.0.2.1', neighborAsn: 64510, localAddress: null, multihop: false },
    ...{ ttlSecurity: false, holdTimeSecs: 240, maxPrefixes: 200_000, isEnabled: true, hasPassword: false },
    ...fields,
  };
}

function byBgp(bgp: Partial<BgpFields>, fields: Partial<NodeRecord> = {}): NodeRecord {
  return aNode({ ipAddress: '192.0.2.2', prefixSource: 'bgp', bgp: { ...BGP_DEFAULTS, ...bgp }, ...fields });
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

  test('MCC asks origins through the proxy', () => {
    const [mcc] = modulesOf(aNode({ proxy: 'proxy.example:3128', drives: NINE }));
    expect(mcc?.env.UPSTREAM_PROXY).toBe('proxy.example:3128');
  });

  test('without a drive there is no MCC: it could store nothing', () => {
    expect(modulesOf(aNode())).toEqual([]);
    expect(generateManifest(aNode(), IMAGES).MCC).toBeUndefined();
  });

  test('the egress limit goes to the module twin', () => {
    const manifest = generateManifest(aNode({ maxEgressMbps: 250, drives: NINE }), IMAGES);
    expect(manifest.MCC).toEqual({ 'properties.desired': { maxEgressMbps: 250 } });
  });

  test('a node that is drained is told to refuse its clients', () => {
    const manifest = generateManifest(aNode({ isDraining: true, drives: NINE }), IMAGES);
    expect(manifest.MCC).toEqual({ 'properties.desired': { maxEgressMbps: 1000, drain: true } });
  });
});

describe('generateManifest() of a node whose prefixes come by BGP', () => {
  const node = byBgp(
    { sessions: [aNeighbor({ hasPassword: true })] },
    { bgpPasswords: { session1: 's3cret' }, provisionedHost: 'edge-host' },
  );

  test('is a good manifest with the module in the network of the server, and edgeHub at a port of its loopback', () => {
    expect(checkManifest(generateManifest(node, IMAGES))).toEqual([]);
    const [bgp] = modulesOf(node);
    expect(bgp).toMatchObject({ name: 'bgp', image: 'wayside/bgp:1.2.3', restartPolicy: 'always', status: 'running' });
    expect(bgp?.createOptions.HostConfig).toEqual({
      NetworkMode: 'host',
      ExtraHosts: ['edge-host:127.0.0.1'],
      Mounts: [
        {
          ...{ Type: 'volume', Source: 'wayside-bgp-edge1', Target: '/storage' },
          VolumeOptions: { Labels: { 'io.wayside.component': 'storage' } },
        },
      ],
    });
    expect(hubOptions(node)).toEqual({
      HostConfig: { PortBindings: { '8883/tcp': [{ HostIp: '127.0.0.1', HostPort: '8883' }] } },
    });
  });

  test('its twin is what the module reads: the neighbour gives the ASN, the server its address', () => {
    expect(generateManifest(node, IMAGES).bgp?.['properties.desired']).toEqual({
      localAsn: 64510,
      routerId: '192.0.2.2',
      holdSecs: 900,
      sessions: {
        session1: {
          ...{ neighborAddress: '192.0.2.1', neighborAsn: 64510, multihop: false, ttlSecurity: false },
          ...{ holdTimeSecs: 240, maxPrefixes: 200_000, isEnabled: true, password: 's3cret' },
        },
      },
    });
  });

  test('behind address translation port 179 is published and edgeHub is not', () => {
    const bridged = byBgp({ network: 'bridge', sessions: [aNeighbor()] });
    expect(modulesOf(bridged)[0]?.createOptions.HostConfig).toMatchObject({
      PortBindings: { '179/tcp': [{ HostPort: '179' }] },
    });
    expect(hubOptions(bridged)).toEqual({});
  });

  test.each([
    ['its prefixes are typed in', byBgp({ sessions: [aNeighbor()] }, { prefixSource: 'manual' })],
    ['it has no neighbour', byBgp({})],
    ['none of its neighbours is enabled', byBgp({ sessions: [aNeighbor({ isEnabled: false })] })],
    ['nothing can be its router id', byBgp({ sessions: [aNeighbor()] }, { ipAddress: null })],
  ])('there is no module while %s', (_why, without) => {
    const manifest = generateManifest(without, IMAGES);
    expect([modulesOf(without), manifest.bgp, hubOptions(without)]).toEqual([[], undefined, {}]);
  });
});

describe('manifestHash()', () => {
  test('is the same whatever the order of keys, and another for another content', () => {
    const manifest = generateManifest(aNode(), IMAGES);
    const turned = Object.fromEntries(Object.entries(manifest).reverse());
    expect(manifestHash(turned)).toBe(manifestHash(manifest));
    expect(manifestHash(generateManifest(aNode({ drives: NINE }), IMAGES))).not.toBe(manifestHash(manifest));
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

  test('a proxy is used for the download, told to the installer, and its CA with it', () => {
    const node = aNode({ proxy: 'proxy.example:3128', proxyCertificatePath: '/etc/ssl/proxy.pem' });
    const command = provisioningCommand(node, parts);
    expect(command).toMatch(/^curl -fsSk -x http:\/\/proxy.example:3128 /);
    expect(command).toContain(
      ' shoulduseproxy=true proxyurl=http://proxy.example:3128 proxytlscertificatepath=/etc/ssl/proxy.pem ',
    );
    expect(provisioningCommand({ ...node, proxy: null }, parts)).not.toContain('proxy');
  });

  test('names the MQTT port only when it is not the standard one', () => {
    expect(provisioningCommand(aNode(), { ...parts, mqttPort: 18883 })).toContain(' mqttport=18883 ');
  });
});
