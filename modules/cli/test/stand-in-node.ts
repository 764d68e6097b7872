// A node of stand-ins on the real engine, for the checks: containers with the names, labels, networks and ports of a node, each a few lines of
// Node. The cloud is an HTTPS server of the test, reached through host-gateway as in the quickstart.

import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestCa, TestCertificate } from '@wayside/kit/test-certificates';
import Docker from 'dockerode';
import { aRunningModule, type DaemonServer, startDaemonServer } from './daemon-server.ts';

/** Bases of our images (scripts/base-image.sh): either has Node. */
const BASE_IMAGES = ['wayside/base:node26', 'node:26-bookworm-slim'];
const UPSTREAM = 'cloud.stand-in.test';
const HUB_PROGRAM = `require('node:tls').createServer({ cert: process.env.CERT, key: process.env.KEY }, (s) => s.on('error', () => {})).listen(8883)`;
const CACHE_PROGRAM = `const http = require('node:http');
http.createServer((q, r) => r.end(q.url.startsWith('/mscomtest/wuidt.gif?cacheHostOrigin=') ? Buffer.alloc(969710) : 'x')).listen(8081);
http.createServer((q, r) => r.end(JSON.stringify({ hitRatioBytes: 0.5 }))).listen(5001);`;
const IDLE_PROGRAM = 'setInterval(() => {}, 1e6)';

export class StandInNode {
  readonly docker = new Docker({ socketPath: '/var/run/docker.sock' });
  readonly instance: string;
  readonly network: string;
  image = '';
  directory = '';
  configFile = '';
  runDir: string;
  daemon!: DaemonServer;
  #cloud!: Server;
  port = 0;

  constructor(instance: string) {
    this.instance = instance;
    this.network = `azure-iot-edge-${instance}`;
    this.runDir = `/run/wayside-${instance}`;
  }

  get labels(): { [name: string]: string } {
    return { 'io.wayside.instance': this.instance };
  }

  async start(ca: TestCa): Promise<void> {
    const tags = (await this.docker.listImages()).flatMap((image) => image.RepoTags ?? []);
    const base = BASE_IMAGES.find((tag) => tags.includes(tag));
    if (base === undefined) throw new Error(`no image of ${BASE_IMAGES.join(', ')}: run scripts/base-image.sh`);
    this.image = base;
    this.directory = await mkdtemp(join(tmpdir(), 'wayside-check-'));
    this.configFile = join(this.directory, 'config.toml');
    const tls = await ca.issue([UPSTREAM]);
    this.#cloud = createServer({ cert: tls.chain, key: tls.privateKey }, (_request, response) => response.end('ok'));
    this.#cloud.listen(0, '0.0.0.0');
    await once(this.#cloud, 'listening');
    this.port = (this.#cloud.address() as AddressInfo).port;
    await mkdir(`${this.runDir}/mgmt`, { recursive: true });
    this.daemon = await startDaemonServer(`${this.runDir}/mgmt/mgmt.sock`);
    for (const name of ['edgeAgent', 'edgeHub', 'MCC'])
      this.daemon.modules.set(name, aRunningModule(name, '2026-11-22T11:00:00Z'));
    await writeFile(join(this.directory, 'ca.pem'), ca.pem);
    await this.writeConfig();
    await this.docker.createNetwork({ Name: this.network, Labels: this.labels });
    const gateway = await ca.issue(['node1']);
    await this.run(`wayside-daemon-${this.instance}`, IDLE_PROGRAM);
    await this.runModules(gateway);
  }

  async writeConfig(more = ''): Promise<void> {
    await writeFile(
      this.configFile,
      `hostname = "node1"\ninstance = "${this.instance}"\n[provisioning]\nsource = "manual"\n` +
        `connection_string = "HostName=${UPSTREAM};DeviceId=node1;SharedAccessKey=a2V5"\n` +
        `[upstream]\nmqtt_port = ${this.port}\nhttps_port = ${this.port}\nca_cert = "file://${join(this.directory, 'ca.pem')}"\n` +
        `[dns]\nservers = ["127.0.0.11"]\nhosts = ["${UPSTREAM}:host-gateway"]\n${more}`,
    );
  }

  async runModules(gateway: TestCertificate): Promise<void> {
    const upstream = {
      IOTEDGE_IOTHUBHOSTNAME: UPSTREAM,
      WAYSIDE_UPSTREAM_MQTT_PORT: String(this.port),
      WAYSIDE_UPSTREAM_HTTPS_PORT: String(this.port),
    };
    const storage = [`${this.directory}/storage:/storage`];
    await this.run(`${this.instance}-edgeAgent`, IDLE_PROGRAM, { env: upstream, binds: storage });
    await this.run(`${this.instance}-edgeHub`, HUB_PROGRAM, {
      env: { CERT: gateway.chain, KEY: gateway.privateKey },
      binds: storage,
      aliases: ['node1'],
    });
    await this.run(`${this.instance}-MCC`, CACHE_PROGRAM, {
      env: { STORAGE_1_SIZE_GB: '1' },
      binds: [`${this.directory}/cache1:/nginx/cache1/`],
      ports: {
        '8081/tcp': [{ HostIp: '127.0.0.1', HostPort: '' }],
        '5001/tcp': [{ HostIp: '127.0.0.1', HostPort: '' }],
      },
    });
  }

  async run(
    name: string,
    program: string,
    o: {
      env?: { [name: string]: string };
      binds?: string[];
      aliases?: string[];
      ports?: { [port: string]: object[] };
      logConfig?: object;
    } = {},
  ): Promise<void> {
    const container = await this.docker.createContainer({
      name,
      Image: this.image,
      Entrypoint: ['node', '-e'],
      Cmd: [program],
      Env: Object.entries(o.env ?? {}).map(([key, value]) => `${key}=${value}`),
      Labels: this.labels,
      ExposedPorts: Object.fromEntries(Object.keys(o.ports ?? {}).map((port) => [port, {}])),
      HostConfig: {
        Binds: o.binds ?? [],
        PortBindings: o.ports ?? {},
        NetworkMode: this.network,
        LogConfig: (o.logConfig ?? { Type: 'json-file', Config: { 'max-size': '1m', 'max-file': '1' } }) as {
          Type: string;
          Config: object;
        },
      },
      NetworkingConfig: { EndpointsConfig: { [this.network]: { Aliases: o.aliases ?? [] } } },
    });
    await container.start();
  }

  /** Everything that carries the label of this instance, and nothing else. */
  async remove(): Promise<void> {
    const filters = { label: [`io.wayside.instance=${this.instance}`] };
    for (const { Id } of await this.docker.listContainers({ all: true, filters }))
      await this.docker.getContainer(Id).remove({ force: true });
    for (const { Id } of await this.docker.listNetworks({ filters })) await this.docker.getNetwork(Id).remove();
    await this.daemon?.close();
    this.#cloud?.closeAllConnections();
    this.#cloud?.close();
    await rm(this.runDir, { recursive: true, force: true });
    await rm(this.directory, { recursive: true, force: true });
  }
}
