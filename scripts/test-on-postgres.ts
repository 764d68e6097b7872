// Runs Jest with the given arguments on a PostgreSQL server of its own: `node scripts/test-on-postgres.ts modules/cloud/src/twins --selectProjects unit`.

import { spawn } from 'node:child_process';
import { PostgresServer } from '../modules/cloud/test/postgres-server.ts';

const server = await PostgresServer.start();
try {
  const jest = spawn('jest', process.argv.slice(2), {
    stdio: 'inherit',
    env: { ...process.env, WAYSIDE_TEST_STORE: 'postgres', WAYSIDE_TEST_POSTGRES_URL: server.urlOf('postgres') },
  });
  process.exitCode = await new Promise<number>((resolve) => jest.once('exit', (code) => resolve(code ?? 1)));
} finally {
  await server.stop();
}
