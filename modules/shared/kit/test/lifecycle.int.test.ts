import { spawn } from 'node:child_process';
import { expect, test } from '@jest/globals';

const KIT = new URL('../src/index.ts', import.meta.url).href;

interface Ended {
  code: number | null;
  stderr: string;
}

/** Runs a program on real Node; `act` gets the process once it printed "ready". */
function run(body: string, act?: (kill: (signal: NodeJS.Signals) => void) => void): Promise<Ended> {
  const source = `import { loadConfig, onShutdown, runMain, EdgeError } from ${JSON.stringify(KIT)};\n${body}`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', source], { stdio: ['ignore', 'pipe', 'pipe'] });
  let stderr = '';
  child.stderr.on('data', (chunk) => {
    stderr += chunk;
  });
  child.stdout.once('data', () => act?.((signal) => child.kill(signal)));
  return new Promise((resolve) => child.on('close', (code) => resolve({ code, stderr })));
}

const READY = "console.log('ready'); setInterval(() => {}, 1000);";

test.each<[string, string, number, RegExp]>([
  [
    'a bad config: 153, a line a problem',
    "loadConfig({ schema: { type: 'object', required: ['a'], properties: { a: {}, b: {} } }, sources: { file: { c: 1 } } });",
    153,
    /^<3> .*\[ERR\] Configuration is invalid: 2 problem\(s\) code=KIT_CONFIG_INVALID\n<3> .*Problem: a: is missing\n<3> .*Problem: c: is no known setting.*\n$/,
  ],
  [
    'an error of ours: 1, one line without secrets',
    "throw new EdgeError('A_CODE', 'Cannot reach https://u:hush@h/', { cause: new Error('no route') });",
    1,
    /^<3> .*Cannot reach https:\/\/\[redacted\]@h\/ \(A_CODE\): no route code=A_CODE\n$/,
  ],
  [
    'a bug: 1, one line with its place',
    "throw new TypeError('x is no function');",
    1,
    /^<3> .*Cannot start error="x is no function" at=.*\n$/,
  ],
  [
    'a rejection nobody handles',
    "Promise.reject(new Error('lost')); await new Promise(() => setInterval(() => {}, 1000));",
    1,
    /Unhandled rejection error=lost/,
  ],
])('runMain(): %s', async (_name, body, code, stderr) => {
  expect(await run(`await runMain(async () => { ${body} });`)).toEqual({ code, stderr: expect.stringMatching(stderr) });
});

test('onShutdown(): latest registered first, exit 0', async () => {
  const body = `onShutdown(() => process.stderr.write('first ')); onShutdown(async (s) => process.stderr.write(s + ' ')); ${READY}`;
  expect(await run(body, (kill) => kill('SIGTERM'))).toEqual({ code: 0, stderr: 'SIGTERM first ' });
});

test('onShutdown(): a failing part does not keep the others from stopping, exit 1', async () => {
  const body = `onShutdown(() => process.stderr.write('last ')); onShutdown(() => { throw new Error('stuck'); }); ${READY}`;
  const { code, stderr } = await run(body, (kill) => kill('SIGINT'));
  expect([code, stderr]).toEqual([1, expect.stringMatching(/Shutdown failed error=stuck\nlast $/)]);
});

test('onShutdown(): what hangs is ended at the limit, exit 1', async () => {
  const body = `onShutdown(() => new Promise(() => {}), { timeLimitMs: 50 }); ${READY}`;
  const { code, stderr } = await run(body, (kill) => kill('SIGTERM'));
  expect([code, stderr]).toEqual([1, expect.stringContaining('code=KIT_SHUTDOWN_TIMEOUT limitMs=50')]);
});
