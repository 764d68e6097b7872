import { expect, test } from '@jest/globals';
import { readConfig } from './config.ts';

const BASE = {
  IOTEDGE_MANAGEMENTURI: 'unix:///var/run/iotedge-mgmt/mgmt.sock',
  IOTEDGE_WORKLOADURI: 'unix:///var/run/iotedge/workload.sock',
  IOTEDGE_IOTHUBHOSTNAME: 'hub',
  IOTEDGE_DEVICEID: 'd',
  IOTEDGE_MODULEID: '$edgeAgent',
  IOTEDGE_MODULEGENERATIONID: '1',
};

test('defaults are those of the original', () => {
  expect(readConfig({ ...BASE, StorageFolder: '/storage' })).toMatchObject({
    stateFolder: '/storage/edgeAgent',
    backupPath: '/storage/edgeAgent/backup.json',
    upstreamMqttPort: 8883,
    isOverWebSocket: false,
    stopModulesOnShutdown: false,
    plan: {
      coolOffMs: 10_000,
      coolOffMsMax: 300_000,
      restartCountMax: 20,
      healthyResetMs: 600_000,
      startupGroupWaitMsMax: 120_000,
      waitsForAllPulls: false,
    },
  });
});

test.each<[{ [name: string]: string }, object]>([
  [{ BackupConfigFilePath: '/x/b.json' }, { backupPath: '/x/b.json' }],
  [{ UpstreamProtocol: 'amqpws' }, { isOverWebSocket: true }],
  [{ UpstreamProtocol: 'Amqp' }, { isOverWebSocket: false }],
  [{ ModuleUpdateMode: 'WaitForAllPulls' }, { plan: expect.objectContaining({ waitsForAllPulls: true }) }],
  [
    { https_proxy: 'http://u:p@proxy:8080', no_proxy: 'edgeHub' },
    { proxyEnv: { https_proxy: 'http://u:p@proxy:8080', no_proxy: 'edgeHub' } },
  ],
  [{ StopModulesOnShutdown: 'true' }, { stopModulesOnShutdown: true }],
])('%j', (env, wanted) => {
  expect(readConfig({ ...BASE, ...env })).toMatchObject(wanted);
});

test('every problem is named at once, secrets are not shown', () => {
  const read = () =>
    readConfig({ CoolOffTimeUnitInSeconds: '301', UpstreamProtocol: 'Http', https_proxy: 'socks://hush' });
  expect(read).toThrow(/6 required|managementUri/);
  try {
    read();
  } catch (error) {
    const text = (error as Error).message;
    for (const name of ['workloadUri', 'deviceId', 'CoolOffTimeUnitInSeconds', 'UpstreamProtocol', 'https_proxy'])
      expect(text).toContain(name);
    expect(text).not.toContain('hush');
  }
});
