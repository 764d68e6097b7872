// A node played by the test: registers with the keys of its command, connects as edgeAgent, tells its health, answers direct methods.

import { createHash, randomBytes } from 'node:crypto';
import type { MqttClient } from 'mqtt';
import type { CloudUnderTest } from './cloud-under-test.ts';

const HEALTH = 'messages/events/messageType=health&%24.ct=application%2Fjson';
const METHOD = /^\$iothub\/methods\/POST\/(\w+)\/\?\$rid=(.+)$/;

export class ScriptedNode {
  readonly calls: { method: string; payload: unknown }[] = [];
  /** What GetModuleLogs answers. */
  log = 'first line\n';
  private readonly cloud: CloudUnderTest;
  private readonly name: string;
  private agent: MqttClient | undefined;

  constructor(cloud: CloudUnderTest, name: string) {
    this.cloud = cloud;
    this.name = name;
  }

  /** `command`: as the portal printed it. */
  async register(command: string): Promise<void> {
    const value = (key: string) => new RegExp(`${key}=(\\S+)`).exec(command)?.[1] ?? '';
    const json = {
      customerId: value('customerid'),
      cacheNodeId: value('cachenodeid'),
      customerKey: value('customerkey'),
      registrationKey: value('registrationkey'),
      nonce: createHash('sha256').update(randomBytes(16)).digest('base64'),
      ...{ hostname: 'server1', version: '0.1.0' },
    };
    const { status, body } = await this.cloud.call('POST', '/provision', { json, token: null });
    if (status !== 200) throw new Error(`Registration was answered ${status}: ${JSON.stringify(body)}`);
  }

  async connect(): Promise<void> {
    const agent = await this.cloud.connect(this.name, '$edgeAgent');
    this.agent = agent;
    agent.on('message', (topic, payload) => {
      const [, method = '', rid = ''] = METHOD.exec(topic) ?? [];
      if (method === '') return;
      this.calls.push({ method, payload: JSON.parse(payload.toString() || 'null') });
      const answer = method === 'GetModuleLogs' ? [{ id: 'MCC', payload: this.log }] : null;
      agent.publish(`$iothub/methods/res/200/?$rid=${rid}`, JSON.stringify(answer));
    });
    await agent.subscribeAsync('$iothub/methods/POST/#', { qos: 0 });
  }

  /** `mcc`: differences of the module MCC from one that runs; `status`: what became of the newest deployment. */
  async beat(mcc: object = {}, status = { code: 200, description: '' }): Promise<void> {
    const monitor = (await this.cloud.call('GET', `/nodes/${this.name}/monitor`)).body;
    const running = {
      runtimeStatus: 'running',
      statusDescription: 'running',
      restartCount: 0,
      image: 'wayside/cache:0.1.0',
    };
    const started = { ...running, lastStartTimeUtc: '2026-01-01T00:00:00Z' };
    const modules = ['edgeAgent', 'edgeHub', 'MCC'].map((name) => ({
      name,
      ...started,
      ...(name === 'MCC' ? mcc : {}),
    }));
    const health = {
      ...{ schemaVersion: '1.0', atUtc: new Date().toISOString(), agentVersion: '1', modules, daemon: null, host: {} },
      lastDesiredVersion: monitor.deployment.desiredVersion,
      lastDesiredStatus: status,
    };
    await this.agent?.publishAsync(`devices/${this.name}/modules/$edgeAgent/${HEALTH}`, JSON.stringify(health), {
      qos: 1,
    });
  }

  async close(): Promise<void> {
    await this.agent?.endAsync(true);
  }
}
