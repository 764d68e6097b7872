// One edge node for the tests: workload API, cloud, hub, and modules on the unmodified SDK.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger, systemClock } from '@wayside/kit';
import { TestCa } from '@wayside/kit/test-certificates';
import type { JsonObject } from '@wayside/protocol';
import iotDevice from 'azure-iot-device';
import iotDeviceMqtt from 'azure-iot-device-mqtt';
import { readHubConfig } from '../src/config.ts';
import { Hub } from '../src/hub.ts';
import type { HubPorts } from '../src/listeners.ts';
import { DEVICE, HUB_HOST, TestCloud } from './test-cloud.ts';
import { serveWorkload, type TestWorkload } from './test-workload.ts';

type SdkModule = InstanceType<typeof iotDevice.ModuleClient>;

export const UPSTREAM_ROUTE = 'FROM /messages/* INTO $upstream';

export class EdgeBench {
  readonly folder = mkdtempSync(join(tmpdir(), 'wayside-hub-'));
  readonly modules: SdkModule[] = [];
  ca!: TestCa;
  cloud!: TestCloud;
  workload!: TestWorkload;
  hub: Hub | undefined;
  ports!: HubPorts;
  env: { [name: string]: string } = {};

  async start(routes: JsonObject = { up: UPSTREAM_ROUTE }): Promise<this> {
    this.ca = await TestCa.create();
    this.workload = await serveWorkload(join(this.folder, 'workload.sock'), this.ca);
    this.cloud = new TestCloud(this.ca);
    this.cloud.register(DEVICE, this.workload.keyOf('device'));
    this.cloud.register(`${DEVICE}/$edgeHub`, this.workload.keyOf('$edgeHub'));
    this.cloud.twins.set(`${DEVICE}/$edgeHub`, {
      desired: {
        schemaVersion: '1.1',
        routes: routes,
        storeAndForwardConfiguration: { timeToLiveSecs: 7200 },
        $version: 1,
      },
      reported: { $version: 1 },
    });
    await this.cloud.up();
    return this;
  }

  hubEnv(): { [name: string]: string } {
    return {
      IOTEDGE_IOTHUBHOSTNAME: HUB_HOST,
      IOTEDGE_DEVICEID: DEVICE,
      IOTEDGE_MODULEID: '$edgeHub',
      IOTEDGE_MODULEGENERATIONID: 'gen',
      IOTEDGE_WORKLOADURI: this.workload.uri,
      EdgeDeviceHostName: 'localhost',
      WAYSIDE_UPSTREAM_MQTT_PORT: String(this.cloud.mqttPort),
      WAYSIDE_UPSTREAM_HTTPS_PORT: String(this.cloud.httpsPort),
      StorageFolder: this.folder,
      WAYSIDE_HUB_MQTT_PORT: String(this.ports?.mqtt ?? 0),
      HttpSettings__Port: String(this.ports?.https ?? 0),
      Metrics__Listener__Port: String(this.ports?.metrics ?? 0),
      WAYSIDE_HUB_LISTEN_ADDRESS: '127.0.0.1',
      ReportedPropertiesSyncFrequencySecs: '0.2',
      ...this.env,
    };
  }

  /** Starts the hub; later starts use the same ports and folder. */
  async startHub(): Promise<void> {
    const config = readHubConfig(this.hubEnv());
    this.hub = new Hub({
      config,
      clock: systemClock,
      logger: silentLogger,
      version: { version: '0.0.0', build: '', commit: '' },
      timing: { reconnectMsBase: 50, reconnectMsMax: 500 },
    });
    this.ports = await this.hub.start();
  }

  async stopHub(): Promise<void> {
    await this.hub?.stop();
    this.hub = undefined;
  }

  addModule(moduleId: string): void {
    this.cloud.register(`${DEVICE}/${moduleId}`, this.workload.keyOf(moduleId));
  }

  /** A module as it starts in its container: everything comes from the environment. */
  async openModule(moduleId: string): Promise<SdkModule> {
    this.addModule(moduleId);
    const environment = {
      IOTEDGE_WORKLOADURI: this.workload.uri,
      IOTEDGE_DEVICEID: DEVICE,
      IOTEDGE_MODULEID: moduleId,
      IOTEDGE_IOTHUBHOSTNAME: HUB_HOST,
      IOTEDGE_AUTHSCHEME: 'sasToken',
      IOTEDGE_MODULEGENERATIONID: 'gen',
      IOTEDGE_GATEWAYHOSTNAME: `localhost:${this.ports.mqtt}`,
    };
    Object.assign(process.env, environment);
    const client = await iotDevice.ModuleClient.fromEnvironment(iotDeviceMqtt.Mqtt);
    this.modules.push(client);
    await client.open();
    return client;
  }

  async stop(): Promise<void> {
    await Promise.all(this.modules.map((client) => client.close().catch(() => undefined)));
    await this.stopHub();
    await this.cloud.down();
    await this.workload.close();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
