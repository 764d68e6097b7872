import { afterEach, describe, expect, test } from '@jest/globals';
import { AGENT, aContainer, aModule, desiredOf } from '../../test/builders.ts';
import { ReconcileBench } from '../../test/reconcile-bench.ts';

let bench: ReconcileBench;
const start = (options?: ConstructorParameters<typeof ReconcileBench>[0]): ReconcileBench => {
  bench = new ReconcileBench(options);
  bench.start();
  return bench;
};
afterEach(() => bench.stop());

const hub = aModule({ name: 'edgeHub', image: 'repo/hub:1', startupOrder: 0 });
const a1 = aModule();
const a2 = aModule({ image: 'repo/a:2' });
const refuse = (text: string) => {
  throw new Error(text);
};

describe('Reconciler', () => {
  test('brings a deployment about and reports 200', async () => {
    start().registry.add(hub.image).add(a1.image);
    bench.deploy(desiredOf([hub, a1], 7));
    await bench.pass(4_000);
    expect([...bench.engine.containers.values()].map(({ name, state }) => `${name} ${state}`)).toEqual([
      'edgeHub running',
      'a running',
    ]);
    expect(bench.engine.identities.has('a')).toBe(true);
    expect(bench.last.lastDesired).toEqual({ version: 7, code: 200, description: '' });
    bench.calls();
    await bench.pass(20_000);
    expect(bench.calls()).toEqual([]);
  });

  test('a killed module is back within 30 s and counted', async () => {
    start().registry.add(a1.image);
    bench.deploy(desiredOf([a1]));
    await bench.pass(4_000);
    bench.calls();
    bench.engine.end('a', 137);
    await bench.pass(4_000);
    expect(bench.status('a')).toMatchObject({
      runtimeStatus: 'backoff',
      statusDescription: 'ended with exit code 137',
    });
    await bench.pass(8_000);
    expect(bench.calls()).toEqual(['startModule a repo/a:1']);
    expect(bench.status('a')).toMatchObject({ runtimeStatus: 'running', history: { restartCount: 1 } });
    expect(bench.last.lastDesired.code).toBe(200);
    await bench.pass(600_000);
    expect(bench.status('a')?.history.restartCount).toBe(0);
  });

  test('a slow pull blocks nothing: a crashed module is restarted meanwhile', async () => {
    start({ prepareDelayMs: (image) => (image === 'repo/big:1' ? 600_000 : 0) });
    const big = aModule({ name: 'big', image: 'repo/big:1' });
    bench.registry.add(a1.image).add(big.image);
    bench.deploy(desiredOf([a1, big]));
    await bench.pass(4_000);
    bench.engine.end('a', 1);
    await bench.pass(14_000);
    expect(bench.engine.containers.get('a')?.state).toBe('running');
    expect(bench.engine.containers.has('big')).toBe(false);
    expect(bench.status('big')?.statusDescription).toBe('image repo/big:1 is being pulled');
    await bench.pass(600_000);
    expect(bench.engine.containers.get('big')?.state).toBe('running');
  });

  test('an update whose image cannot be pulled leaves the old container running and says so', async () => {
    start().registry.add(a1.image);
    bench.deploy(desiredOf([a1], 1));
    await bench.pass(4_000);
    bench.calls();
    bench.deploy(desiredOf([a2], 2));
    await bench.pass(4_000);
    expect(bench.calls().filter((call) => !call.startsWith('prepareImage'))).toEqual([]);
    expect(bench.engine.containers.get('a')).toMatchObject({ state: 'running', image: 'repo/a:1' });
    expect(bench.last.lastDesired).toMatchObject({ version: 2, code: 500 });
    expect(bench.last.lastDesired.description).toContain('pull access denied for repo/a:2');
    expect(bench.status('a')?.statusDescription).toContain('still on repo/a:1');
    bench.registry.add(a2.image);
    await bench.pass(320_000);
    expect(bench.engine.containers.get('a')?.image).toBe('repo/a:2');
    expect(bench.last.lastDesired).toEqual({ version: 2, code: 200, description: '' });
  });

  test.each(['replaceModule', 'startModule'])(
    'an update that fails in %s goes back to the last image that ran',
    async (at) => {
      start({ fault: ({ call, image }) => void (call === at && image === a2.image && refuse('bad mount')) });
      bench.registry.add(a1.image).add(a2.image);
      bench.deploy(desiredOf([a1], 1));
      await bench.pass(4_000);
      bench.deploy(desiredOf([a2], 2));
      await bench.pass(4_000);
      expect(bench.engine.containers.get('a')).toMatchObject({ state: 'running', image: 'repo/a:1' });
      expect(bench.last.lastDesired).toMatchObject({ version: 2, code: 500 });
      expect(bench.last.lastDesired.description).toContain('bad mount; repo/a:1 runs again');
      expect(bench.status('a')).toMatchObject({ runtimeStatus: 'running' });
      expect(bench.status('a')?.statusDescription).toContain('update to repo/a:2 failed');
      expect(bench.status('a')?.nextRetryAtMs).toBeGreaterThan(bench.clock.nowMs());
      // Not again before its time: an update costs the module a stop.
      bench.calls();
      await bench.pass(20_000);
      expect(bench.calls()).toEqual([]);
    },
  );

  test('an update whose new version dies at once goes back too', async () => {
    start().registry.add(a1.image).add(a2.image);
    bench.deploy(desiredOf([a1], 1));
    await bench.pass(4_000);
    const startModule = bench.engine.startModule.bind(bench.engine);
    bench.engine.startModule = async (name) => {
      await startModule(name);
      if (bench.engine.containers.get(name)?.image === a2.image) bench.engine.end(name, 3);
    };
    bench.deploy(desiredOf([a2], 2));
    await bench.pass(6_000);
    expect(bench.engine.containers.get('a')).toMatchObject({ state: 'running', image: 'repo/a:1' });
    expect(bench.last.lastDesired.description).toMatch(
      /ended with exit code 3 within 2000 ms of its start.*; repo\/a:1 runs again/,
    );
  });

  test('when going back fails too, the module is made again from the last good version as soon as that works', async () => {
    let isBroken = true;
    start({
      fault: ({ call }) =>
        void (isBroken && /replace|create|start/.test(call) && call !== 'createIdentity' && refuse('disk full')),
    });
    isBroken = false;
    bench.registry.add(a1.image).add(a2.image);
    bench.deploy(desiredOf([a1], 1));
    await bench.pass(4_000);
    isBroken = true;
    bench.deploy(desiredOf([a2], 2));
    await bench.pass(4_000);
    expect(bench.last.lastDesired.description).toContain('cannot go back');
    bench.engine.containers.delete('a');
    await bench.pass(10_000);
    isBroken = false;
    await bench.pass(14_000);
    expect(bench.engine.containers.get('a')?.state).toBe('running');
  });

  test('a failing step is tried again with growing pauses; a new deployment starts afresh', async () => {
    let tries = 0;
    start({
      fault: ({ call }) => {
        if (call !== 'createModule') return;
        tries += 1;
        refuse('no');
      },
    });
    bench.registry.add(a1.image);
    bench.deploy(desiredOf([a1], 1));
    await bench.pass(100_000);
    expect(tries).toBe(4);
    bench.deploy(desiredOf([a1], 2));
    await bench.pass(2_000);
    expect(tries).toBe(5);
  });

  test('a module that left is stopped and removed, its identity deleted and its history forgotten', async () => {
    start().registry.add(a1.image);
    bench.deploy(desiredOf([a1], 1));
    await bench.pass(4_000);
    bench.engine.end('a', 1);
    await bench.pass(14_000);
    bench.calls();
    bench.deploy(desiredOf([], 2));
    await bench.pass(4_000);
    expect(bench.calls()).toEqual(['stopModule a repo/a:1', 'removeModule a repo/a:1', 'deleteIdentity a']);
    expect(bench.memory.history.has('a')).toBe(false);
    expect(bench.last.lastDesired).toEqual({ version: 2, code: 200, description: '' });
  });

  test('a deployment that cannot be used is reported and changes nothing', async () => {
    start().registry.add(a1.image);
    bench.deploy(desiredOf([a1], 1));
    await bench.pass(4_000);
    bench.calls();
    bench.reconciler.setDeployment({ version: 2, failure: { code: 400, description: 'nonsense' } });
    await bench.pass(4_000);
    expect(bench.calls()).toEqual([]);
    expect(bench.last.lastDesired).toEqual({ version: 2, code: 400, description: 'nonsense' });
    expect(bench.status('a')?.runtimeStatus).toBe('running');
  });

  test('a one-shot module that was seen to finish is not started again by this or the next agent', async () => {
    const job = aModule({ name: 'job', restartPolicy: 'on-failure' });
    start().registry.add(job.image);
    bench.deploy(desiredOf([job], 1));
    await bench.pass(4_000);
    bench.engine.end('job', 0);
    bench.calls();
    await bench.pass(60_000);
    expect(bench.calls()).toEqual([]);
    expect(bench.memory.historyOf('job').completed).toBe(true);
  });

  test('RestartModule stops and starts, and gives a given-up module a new chance', async () => {
    const job = aModule({ restartPolicy: 'on-failure' });
    start().registry.add(job.image);
    bench.deploy(desiredOf([job], 1));
    await bench.pass(4_000);
    for (let n = 0; n < 21; n += 1) {
      bench.engine.end('a', 1);
      await bench.pass(302_000);
    }
    expect(bench.status('a')).toMatchObject({ runtimeStatus: 'failed' });
    expect(bench.status('a')?.statusDescription).toContain('given up after 20 restarts');
    bench.calls();
    const done = bench.reconciler.restartModule('a');
    await bench.pass(2_000);
    await done;
    expect(bench.calls()).toEqual(['stopModule a repo/a:1', 'startModule a repo/a:1']);
    expect(bench.status('a')).toMatchObject({ runtimeStatus: 'running', history: { restartCount: 0 } });
  });

  test('an agent that cannot replace itself does not try in a circle, not even over restarts', async () => {
    const newAgent = aModule({ ...AGENT, fingerprint: undefined, image: 'repo/agent:2' });
    start().registry.add(newAgent.image);
    bench.engine.containers.set('edgeAgent', aContainer(AGENT));
    // The daemon answers and then does nothing.
    bench.engine.replaceModule = async (spec) =>
      void bench.engine.calls.push({ call: 'replaceModule', name: spec.name });
    bench.deploy(desiredOf([], 1, newAgent));
    await bench.pass(100_000);
    expect(bench.calls().filter((call) => call.startsWith('replaceModule'))).toHaveLength(1);
    expect(bench.last.lastDesired).toMatchObject({ version: 1, code: 500 });
    expect(bench.memory.agentUpdate).toMatchObject({ fingerprint: newAgent.fingerprint, count: 1 });
  });

  test('a daemon that does not answer is waited out', async () => {
    start().registry.add(a1.image);
    const list = bench.engine.listModules.bind(bench.engine);
    bench.engine.listModules = async () => refuse('connect ENOENT') as never;
    bench.deploy(desiredOf([a1], 1));
    await bench.pass(10_000);
    bench.engine.listModules = list;
    await bench.pass(4_000);
    expect(bench.engine.containers.get('a')?.state).toBe('running');
    expect(bench.logger.lines.filter((line) => line.startsWith('Daemon does not list the modules'))).toHaveLength(1);
  });

  test('registry credentials reach the daemon, labels tell the container', async () => {
    const priv = aModule({ image: 'reg.example:5000/a:1', createOptions: { Labels: { mine: 'x' } } });
    start().registry.add(priv.image);
    bench.deploy(desiredOf([priv], 3), [{ id: 'r', username: 'u', password: 'p', address: 'reg.example:5000' }]);
    await bench.pass(4_000);
    const settings = bench.engine.specs.get('a')?.config.settings;
    expect(JSON.parse(Buffer.from(settings?.auth ?? '', 'base64').toString())).toEqual({
      username: 'u',
      password: 'p',
      serveraddress: 'reg.example:5000',
    });
    expect(settings?.createOptions.Labels).toMatchObject({
      mine: 'x',
      'net.azure-devices.edge.owner': 'Microsoft.Azure.Devices.Edge.Agent',
      'net.azure-devices.edge.restartPolicy': 'always',
      'net.azure-devices.edge.desiredStatus': 'running',
      'net.azure-devices.edge.configurationId': '3',
    });
  });
});
