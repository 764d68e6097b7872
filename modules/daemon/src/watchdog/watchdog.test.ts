import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { EdgeError, FakeClock, silentLogger } from '@wayside/kit';
import type { ModuleSpec } from '@wayside/protocol';
import type { InspectedContainer } from '../containers/module-details.ts';
import type { NodeFacts } from '../containers/node-facts.ts';
import { AgentSpec } from './agent-spec.ts';
import { AGENT_STABLE_MS, ROLLBACK_TRIES, Watchdog, type WatchdogOptions } from './watchdog.ts';

const specOf = (image: string): ModuleSpec => ({
  name: 'edgeAgent',
  type: 'docker',
  imagePullPolicy: 'On-Create',
  config: { settings: { image, createOptions: {} }, env: [] },
});
const FACTS: NodeFacts = {
  instance: '',
  hostname: 'n',
  iothubHostname: 'h',
  deviceId: 'n',
  mqttPort: 8883,
  httpsPort: 443,
  network: 'net',
  dns: { servers: [], hosts: [] },
  proxy: { https: '', no: '' },
  allowElevatedPermissions: true,
  agentEnv: {},
  hostManagementDir: '/m',
  hostWorkloadDir: (m) => `/w/${m}`,
  hostStorageDir: (m) => `/s/${m}`,
};

/** Modules with one container that runs an image or exits at once. */
class ModulesModel {
  container: InspectedContainer | undefined;
  /** Images that cannot be created or that exit right after the start. */
  readonly impossible = new Set<string>();
  readonly crashing = new Set<string>();
  readonly done: string[] = [];
  readonly labels = {};

  async find(): Promise<InspectedContainer | undefined> {
    return this.container;
  }
  async replace(spec: ModuleSpec, o: { labels?: { [name: string]: string } }): Promise<never> {
    const { image } = spec.config.settings;
    this.done.push(`replace ${image}`);
    if (this.impossible.has(image)) throw new EdgeError('DAEMON_ENGINE_REFUSED', 'Cannot create');
    this.container = {
      id: 'c',
      containerName: 'edgeAgent',
      state: this.crashing.has(image) ? 'exited' : 'running',
      exitCode: 1,
      startedAt: '',
      finishedAt: '',
      error: '',
      health: undefined,
      imageId: `id of ${image}`,
      image,
      labels: o.labels ?? {},
      tty: false,
      networks: [],
    };
    return undefined as never;
  }
  async start(): Promise<void> {
    this.done.push('start');
    if (this.container && !this.crashing.has(this.container.image))
      this.container = { ...this.container, state: 'running' };
  }
  async restart(): Promise<void> {
    this.done.push('restart');
  }
}

let directory: string;
let modules: ModulesModel;
let clock: FakeClock;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'wayside-watchdog-'));
  modules = new ModulesModel();
  clock = new FakeClock();
});
afterEach(() => rm(directory, { recursive: true }));

const openSpec = (fromConfig: ModuleSpec) => AgentSpec.open(join(directory, 'agent.json'), fromConfig);
const aWatchdog = (spec: AgentSpec, o: Partial<WatchdogOptions> = {}) =>
  new Watchdog({
    modules,
    identities: { ensure: async (moduleId) => ({ moduleId, managedBy: '', generationId: '1', registered: true }) },
    engine: {
      image: async (reference) => ({ id: `id of ${reference}`, repoDigests: [] }),
      watch: async () => undefined,
    },
    spec,
    facts: FACTS,
    retriesMax: 'infinite',
    clock,
    log: silentLogger,
    ...o,
  });

/** Looks as often as the loop would within this time. */
async function lookFor(watchdog: Watchdog, ms: number): Promise<void> {
  const endMs = clock.monotonicMs() + ms;
  while (clock.monotonicMs() < endMs) await clock.advance(Math.max(1, await watchdog.look()));
}

describe('Watchdog', () => {
  test('creates a missing edgeAgent and then leaves it alone', async () => {
    await lookFor(aWatchdog(await openSpec(specOf('a:1'))), 300_000);
    expect(modules.done).toEqual(['replace a:1']);
  });

  test('a new specification replaces the container once, and outlives the watchdog', async () => {
    const first = aWatchdog(await openSpec(specOf('a:1')));
    await lookFor(first, AGENT_STABLE_MS * 2);
    await first.replaceAgent(specOf('a:2'));
    await lookFor(first, 30_000);
    expect(modules.done).toEqual(['replace a:1', 'replace a:2']);
    modules.container = undefined;
    await lookFor(aWatchdog(await openSpec(specOf('a:1'))), 30_000);
    expect(modules.done.at(-1)).toBe('replace a:2');
  });

  test.each(['impossible', 'crashing'] as const)('a new specification that is %s is taken back', async (how) => {
    const watchdog = aWatchdog(await openSpec(specOf('a:1')));
    await lookFor(watchdog, AGENT_STABLE_MS * 2);
    modules[how].add('a:2');
    await watchdog.replaceAgent(specOf('a:2'));
    await lookFor(watchdog, 120_000);
    expect(modules.container).toMatchObject({ image: 'a:1', state: 'running' });
    expect(modules.done.filter((step) => step !== 'replace a:1')).toHaveLength(ROLLBACK_TRIES);
  });

  test('without an earlier specification it goes on trying, slower and slower', async () => {
    modules.impossible.add('a:1');
    await lookFor(aWatchdog(await openSpec(specOf('a:1'))), 600_000);
    expect(modules.done.length).toBeGreaterThan(10);
    expect(modules.done.length).toBeLessThan(16);
  });

  test('gives up after watchdog.max_retries', async () => {
    modules.impossible.add('a:1');
    const watchdog = aWatchdog(await openSpec(specOf('a:1')), { retriesMax: 3 });
    await expect(lookFor(watchdog, 600_000)).rejects.toMatchObject({ code: 'DAEMON_AGENT_GIVEN_UP' });
    expect(modules.done).toHaveLength(4);
  });

  test('a newer build under the same name is taken at the start of the daemon only', async () => {
    const spec = await openSpec(specOf('a:1'));
    await lookFor(aWatchdog(spec), 20_000);
    const newer = { image: async () => ({ id: 'newer', repoDigests: [] }), watch: async () => undefined };
    const running = aWatchdog(spec);
    await running.look();
    expect(modules.done).toEqual(['replace a:1']);
    await aWatchdog(spec, { engine: newer }).look();
    expect(modules.done).toEqual(['replace a:1', 'replace a:1']);
  });
});

describe('AgentSpec', () => {
  test('a changed [agent] in config.toml outranks what a deployment put', async () => {
    const spec = await openSpec(specOf('a:1'));
    await spec.put(specOf('a:2'));
    expect((await openSpec(specOf('a:1'))).current.config.settings.image).toBe('a:2');
    expect((await openSpec(specOf('a:3'))).current.config.settings.image).toBe('a:3');
  });

  test('goes back to the last confirmed one, not to one in between', async () => {
    const spec = await openSpec(specOf('a:1'));
    await spec.confirm();
    await spec.put(specOf('a:2'));
    await spec.put(specOf('a:3'));
    expect(await spec.rollBack()).toBe(true);
    expect(spec.current.config.settings.image).toBe('a:1');
    expect(await spec.rollBack()).toBe(false);
  });

  test('a file that is no JSON is an error, not an empty start', async () => {
    await writeFile(join(directory, 'agent.json'), '{');
    await expect(openSpec(specOf('a:1'))).rejects.toMatchObject({ code: 'KIT_JSON_FILE_INVALID' });
  });
});
