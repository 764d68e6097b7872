// The cloud commands against a real HTTPS server with a private CA.

import { X509Certificate } from 'node:crypto';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { systemClock } from '@wayside/kit';
import { TestCa, type TestCertificate } from '@wayside/kit/test-certificates';
import { pinOf } from '../src/cloud/pinned-ca.ts';
import { aModuleHealth, aMonitor } from './a-monitor.ts';
import { type CloudServer, startCloudServer } from './cloud-server.ts';
import { type Ran, type RunSurroundings, runCli } from './test-io.ts';

let ca: TestCa;
let tls: TestCertificate;
let directory: string;
let cloud: CloudServer;

beforeAll(async () => {
  ca = await TestCa.create('test ca');
  tls = await ca.issue(['localhost', '127.0.0.1']);
});
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'wayside-cli-'));
  cloud = await startCloudServer(tls, ca.pem);
  await writeFile(join(directory, 'ca.pem'), ca.pem);
  await writeFile(join(directory, 'password'), `${cloud.password}\n`);
});
afterEach(async () => {
  await cloud.close();
  await rm(directory, { recursive: true });
});

function cli(args: string[], o: RunSurroundings = {}): Promise<Ran> {
  return runCli(args, { env: { WAYSIDE_CONFIG_DIR: join(directory, 'config') }, ...o });
}
const login = (): Promise<Ran> =>
  cli(['login', cloud.url, '--password-file', join(directory, 'password'), '--ca', join(directory, 'ca.pem')]);
const sessionPath = (): string => join(directory, 'config', 'session.json');

describe('login', () => {
  test('keeps token and CA, for this user only', async () => {
    expect(await login()).toEqual({
      exitCode: 0,
      stdout: `Logged in at ${cloud.url} as admin, until 2026-11-23T12:00:00.000Z\n`,
      stderr: '',
    });
    expect((await stat(sessionPath())).mode & 0o777).toBe(0o600);
    expect((await stat(join(directory, 'config'))).mode & 0o777).toBe(0o700);
    expect(JSON.parse(await readFile(sessionPath(), 'utf8'))).toMatchObject({ token: 'token-1', ca: ca.pem });
    expect((await cli(['logout'])).exitCode).toBe(0);
    expect((await cli(['node', 'list'])).stderr).toContain('[CLI_NOT_LOGGED_IN]');
  });

  test('reads the password from stdin', async () => {
    const { exitCode } = await cli(['login', cloud.url, '--ca', join(directory, 'ca.pem')], { stdin: 'secret-1\n' });
    expect(exitCode).toBe(0);
  });

  test('no password, no call', async () => {
    const { stderr } = await cli(['login', cloud.url, '--ca', join(directory, 'ca.pem')], { stdin: '' });
    expect(stderr).toContain('[CLI_PASSWORD_MISSING]');
    expect(cloud.asked).toEqual([]);
  });

  test('a wrong password is told and not shown', async () => {
    const { exitCode, stderr } = await cli(['login', cloud.url, '--ca', join(directory, 'ca.pem')], {
      stdin: 'hunter2\n',
    });
    expect(exitCode).toBe(1);
    expect(stderr).toContain('[CLI_LOGIN_REFUSED]');
    expect(stderr).not.toContain('hunter2');
  });

  test('without --ca a private CA is not trusted and the password does not leave', async () => {
    const { stderr } = await cli(['login', cloud.url, '--password-file', join(directory, 'password')]);
    expect(stderr).toContain('[CLI_CLOUD_CERTIFICATE_UNTRUSTED]');
    expect(cloud.asked).toEqual([]);
  });

  test('--pin fetches the CA of the server that holds the key', async () => {
    const pin = pinOf(new X509Certificate(tls.certificate));
    const { exitCode, stderr } = await cli([
      'login',
      cloud.url,
      '--password-file',
      join(directory, 'password'),
      '--pin',
      pin,
    ]);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    expect(JSON.parse(await readFile(sessionPath(), 'utf8')).ca).toBe(ca.pem);
  });

  test('--pin of another key: nothing is sent', async () => {
    const pin = pinOf(new X509Certificate((await ca.issue(['localhost'])).certificate));
    const { stderr } = await cli(['login', cloud.url, '--password-file', join(directory, 'password'), '--pin', pin]);
    expect(stderr).toContain('[CLI_CLOUD_PIN_MISMATCH]');
    expect(cloud.asked).toEqual([]);
  });

  test('--pin with a CA that did not sign the server is refused', async () => {
    cloud.ca = (await TestCa.create('another')).pem;
    const pin = pinOf(new X509Certificate(tls.certificate));
    const { stderr } = await cli(['login', cloud.url, '--password-file', join(directory, 'password'), '--pin', pin]);
    expect(stderr).toContain('did not sign its certificate [CLI_CLOUD_CERTIFICATE_UNTRUSTED]');
    expect(cloud.asked.map((a) => a.call)).toEqual(['GET /api/v1/ca.pem']);
  });
});

describe('with a session', () => {
  beforeEach(login);

  test('an ended token says what to do', async () => {
    cloud.token = 'token-2';
    expect((await cli(['node', 'list'])).stderr).toMatch(
      /401, CLOUD_TOKEN_INVALID: the token is not known \[CLI_NOT_LOGGED_IN\]/,
    );
  });

  test('an outage is told as such', async () => {
    const { url } = cloud;
    await cloud.close();
    const { stderr } = await cli(['node', 'create', 'edge1', '--ip', '10.0.0.1'], { clock: systemClock });
    expect(stderr).toContain(`the cloud at ${url} does not answer [CLI_CLOUD_UNREACHABLE]`);
    cloud = await startCloudServer(tls, ca.pem);
  });

  test('node create, show, list, set, provision, delete', async () => {
    const create = [
      'node',
      'create',
      'edge1',
      '--ip',
      '203.0.113.5',
      '--http-port',
      '8080',
      '--egress',
      '5000',
      '--drive',
      '/d1,100',
      '--drive',
      '/d2,50',
      '--cidr',
      '198.51.100.0/24',
    ];
    expect((await cli(create)).stdout).toBe('Created node edge1; install it with: node provision edge1\n');
    expect(cloud.asked.at(-1)?.body).toEqual({
      name: 'edge1',
      ipAddress: '203.0.113.5',
      httpPort: 8080,
      maxEgressMbps: 5000,
      drives: [
        { path: '/d1', sizeGb: 100 },
        { path: '/d2', sizeGb: 50 },
      ],
      cidrs: ['198.51.100.0/24'],
    });
    expect((await cli(create)).stderr).toMatch(
      /409, CLOUD_NODE_EXISTS: node edge1 is there already \[CLI_CLOUD_REFUSED\]/,
    );
    expect((await cli(['node', 'list'])).stdout).toMatch(
      /^NAME +STATE .*\nedge1 +NotProvisioned +203\.0\.113\.5 +8080 +5000 +1 +yes +the provisioning/,
    );
    expect((await cli(['node', 'show', 'edge1'])).stdout).toMatch(/drive 2 +\/d2, 50 GB\n/);
    expect(JSON.parse((await cli(['node', 'show', 'edge1', '--json'])).stdout).name).toBe('edge1');
    expect((await cli(['node', 'set', 'edge1', '--no-enabled', '--egress', '10'])).stdout).toBe(
      'Changed node edge1: maxEgressMbps, isEnabled\n',
    );
    expect(cloud.asked.at(-1)?.body).toEqual({ maxEgressMbps: 10, isEnabled: false });
    expect((await cli(['node', 'provision', 'edge1', '--json'])).stdout).toContain('"registrationKey":"once"');
    expect((await cli(['node', 'provision', 'edge1'])).stdout).toContain('curl ... registrationkey=once\n');
    expect((await cli(['node', 'delete', 'edge1'])).stdout).toBe('Deleted node edge1\n');
    expect((await cli(['node', 'show', 'edge1'])).stderr).toContain('CLOUD_NODE_NOT_FOUND');
  });

  test('connection-string', async () => {
    expect((await cli(['connection-string', 'iothubowner'])).stdout).toBe(
      'HostName=h;SharedAccessKeyName=iothubowner;SharedAccessKey=k\n',
    );
    expect((await cli(['connection-string', 'nope'])).stderr).toContain('wanted iothubowner');
  });

  describe('of a node', () => {
    beforeEach(() => cli(['node', 'create', 'edge1', '--ip', '203.0.113.5']));

    async function manifest(content: string): Promise<string> {
      const file = join(directory, 'manifest.json');
      await writeFile(file, content);
      return file;
    }

    test('deploy tells version and modules', async () => {
      const file = await manifest('{"modulesContent":{}}');
      expect((await cli(['deploy', 'edge1', file])).stdout).toBe(
        `Deployed ${file} to edge1: desired version 3, modules MCC, edgeAgent\n`,
      );
    });

    test('deploy names every problem', async () => {
      const file = await manifest('{}');
      const { exitCode, stdout, stderr } = await cli(['deploy', 'edge1', file]);
      expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: '' });
      expect(stderr).toBe(
        `modulesContent.$edgeAgent: is missing\nmodulesContent.$edgeHub: is missing\nCannot deploy ${file}: 2 problems, nothing was changed [CLI_MANIFEST_REFUSED]\n\n`,
      );
    });

    test('deploy --dry-run judges here and asks nobody', async () => {
      const before = cloud.asked.length;
      const { exitCode, stderr } = await cli([
        'deploy',
        'edge1',
        await manifest('{"modulesContent":{"$edgeAgent":{"properties.desired":{}}}}'),
        '--dry-run',
      ]);
      expect(exitCode).toBe(1);
      expect(stderr).toContain('[CLI_MANIFEST_REFUSED]');
      expect(cloud.asked.length).toBe(before);
    });

    test('deploy of what is no JSON', async () => {
      expect((await cli(['deploy', 'edge1', await manifest('{')])).stderr).toContain('[CLI_MANIFEST_UNREADABLE]');
    });

    test('deploy --wait stays until the node runs it', async () => {
      const deployment = { desiredVersion: 3, handledVersion: 2, code: 200, description: '' };
      cloud.monitors = [
        aMonitor({ deployment }),
        aMonitor({ modules: [aModuleHealth({ runtimeStatus: 'stopped' })] }),
        aMonitor(),
      ];
      const { exitCode, stdout, stderr } = await cli(
        ['deploy', 'edge1', await manifest('{"modulesContent":{}}'), '--wait'],
        { clock: systemClock },
      );
      expect(exitCode).toBe(0);
      expect(stdout).toMatch(/edge1 runs version 3 after 2\.\d s\n$/);
      expect(stderr).toBe('waiting: node has handled version 2, wanted 3\nwaiting: MCC is stopped, wanted running\n');
    });

    test('deploy --wait ends with what is missing', async () => {
      cloud.monitors = [
        aMonitor({ modules: [aModuleHealth({ runtimeStatus: 'backoff', statusDescription: 'no image' })] }),
      ];
      const { exitCode, stderr } = await cli([
        'deploy',
        'edge1',
        await manifest('{"modulesContent":{}}'),
        '--wait',
        '--timeout',
        '0s',
      ]);
      expect(exitCode).toBe(1);
      expect(stderr).toMatch(/within 0 s: MCC is backoff, wanted running \(no image\) \[CLI_DEPLOYMENT_PENDING\]/);
    });

    test('monitor --once, as text and as JSON', async () => {
      const { stdout } = await cli(['monitor', 'edge1', '--once']);
      expect(stdout).toMatch(/^edge1 {2}Healthy\n/);
      expect(stdout).not.toContain('\u001b');
      expect(JSON.parse((await cli(['monitor', 'edge1', '--once', '--json'])).stdout)).toEqual(aMonitor());
    });

    test('monitor outlives an outage of the cloud', async () => {
      const stop = new AbortController();
      let closed: Promise<void> | undefined;
      const { port } = cloud.server.address() as { port: number };
      const ran = cli(['monitor', 'edge1', '--interval', '200ms'], {
        clock: systemClock,
        signal: stop.signal,
        onStdout: (out) => {
          closed ??= cloud.close();
          if (out.includes('shown is what was known')) stop.abort();
        },
      });
      expect((await ran).exitCode).toBe(0);
      await closed;
      expect(port).toBeGreaterThan(0);
      cloud = await startCloudServer(tls, ca.pem);
    });

    test('logs NODE MODULE', async () => {
      expect((await cli(['logs', 'edge1', 'MCC', '--tail', '7'])).stdout).toBe('log of MCC\n');
      expect(cloud.asked.at(-1)?.call).toMatch(/^GET \/api\/v1\/nodes\/edge1\/modules\/MCC\/logs\?tail=7&since=\d+$/);
    });

    test('method: of the device, of a module, of one that says no', async () => {
      expect((await cli(['method', 'edge1', 'ping'])).stdout).toContain('"of":"device"');
      const agent = await cli(['method', 'edge1/edgeAgent', 'RestartModule', '{"id":"MCC"}']);
      expect(JSON.parse(agent.stdout)).toMatchObject({
        status: 200,
        payload: { methodName: 'RestartModule', payload: { id: 'MCC' } },
      });
      expect((await cli(['method', 'edge1/MCC', 'x'])).exitCode).toBe(1);
      expect((await cli(['method', 'edge1/MCC/y', 'x'])).stderr).toContain('wanted NODE or NODE/MODULE');
      expect((await cli(['method', 'edge1/MCC', 'x', '{'])).stderr).toContain('it is no JSON');
    });

    describe('messages', () => {
      const aMessage = (seq: number) => ({
        seq,
        enqueuedAtUtc: '2026-11-22T12:00:00.000Z',
        moduleId: 'sensor',
        properties: { unit: 'C' },
        systemProperties: {},
        body: { sequence: seq },
      });
      const seqs = (stdout: string): number[] =>
        stdout
          .trim()
          .split('\n')
          .map((line) => JSON.parse(line).seq);

      beforeEach(() => {
        cloud.messages = Array.from({ length: 2500 }, (_, i) => aMessage(i + 1));
      });

      test('the newest by default, in order', async () => {
        const { stdout } = await cli(['messages', 'edge1', '--limit', '3']);
        expect(stdout.split('\n')[2]).toBe('2026-11-22T12:00:00.000Z sensor unit=C {"sequence":2500}');
        expect(seqs((await cli(['messages', 'edge1', '--limit', '3', '--json'])).stdout)).toEqual([2498, 2499, 2500]);
      });

      test('more than a page is all from the beginning, none twice', async () => {
        const got = seqs((await cli(['messages', 'edge1', '--limit', '5000', '--json'])).stdout);
        expect(got).toEqual(Array.from({ length: 2500 }, (_, i) => i + 1));
      });

      test('--follow goes on with what comes', async () => {
        const stop = new AbortController();
        let added = false;
        const { stdout } = await cli(
          ['messages', 'edge1', '--follow', '--limit', '2', '--json', '--module', 'sensor'],
          {
            clock: systemClock,
            signal: stop.signal,
            onStdout: (out) => {
              if (!added) cloud.messages.push(aMessage(2501));
              added = true;
              if (out.includes('"seq":2501')) stop.abort();
            },
          },
        );
        expect(seqs(stdout)).toEqual([2499, 2500, 2501]);
      });
    });
  });
});
