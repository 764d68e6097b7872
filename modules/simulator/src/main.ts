// Composition root of the simulator: settings, the fleet, a line a second, an orderly end at Ctrl-C or after --secs.

import { createLogger, onShutdown, runMain, systemClock } from '@wayside/kit';
import { loadSimulatorConfig, optionsText } from './config.ts';
import { liveLine } from './fleet/figures.ts';
import { Fleet } from './fleet/fleet.ts';

const LINE_MS = 1_000;
/** Thousands of connections say goodbye, and with --remove each node is deleted. */
const STOP_MS_MAX = 300_000;
const USAGE = `npm run simulate -- --nodes N [OPTIONS]: nodes that speak the real protocols to a cloud

${optionsText()}
`;

await runMain(async () => {
  const argv = process.argv.slice(2);
  if (argv.includes('--help')) {
    process.stdout.write(USAGE);
    return;
  }
  const config = loadSimulatorConfig(argv, process.env);
  const logger = createLogger({ module: 'simulator', stream: process.stderr });
  const showsLine = !config.json && process.stderr.isTTY === true;
  const show = (text: string) => (showsLine ? process.stderr.write(`\r\x1b[K${text}`) : undefined);
  const stopping = new AbortController();
  const creating = Fleet.create(config, {
    ...{ clock: systemClock, logger, signal: stopping.signal },
    onEnrolled: (done) => show(`${done}/${config.nodes} nodes in the cloud`),
  });
  const end = async () => {
    stopping.abort();
    const fleet = await creating.catch(() => undefined);
    if (!fleet) return;
    const summary = fleet.summary();
    await fleet.stop(config.remove);
    process.stdout.write(`${showsLine ? '\n' : ''}${JSON.stringify(summary, null, config.json ? undefined : 2)}\n`);
  };
  onShutdown(end, { logger, timeLimitMs: STOP_MS_MAX });
  const fleet = await creating;
  if (stopping.signal.aborted) return;
  fleet.start();
  let before = fleet.summary();
  const timer = setInterval(() => {
    const now = fleet.summary();
    show(liveLine(now, before));
    before = now;
  }, LINE_MS);
  timer.unref();
  if (config.secs === 0) return;
  await systemClock.sleep(config.secs * 1000, stopping.signal).catch(() => undefined);
  if (!stopping.signal.aborted) process.kill(process.pid, 'SIGTERM');
});
