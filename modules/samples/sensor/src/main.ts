// A sample module: sends a temperature through edgeHub and loses none. It uses the Azure device SDK alone, so it runs on Azure IoT Edge as it is.

import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import iotDevice from 'azure-iot-device';
import iotMqtt from 'azure-iot-device-mqtt';

type Client = InstanceType<typeof iotDevice.ModuleClient>;

/** Messages that wait for their acknowledgement; when so many wait, measuring pauses and nothing is lost. */
const WAITING_MESSAGES_MAX = 100_000;
/** Messages sent at once, before the first acknowledgement. */
const WINDOW_MESSAGES_MAX = 100;
const OPEN_RETRY_MS = 2000;
const INTERVAL_MS_MIN = 10;
const INTERVAL_MS_MAX = 3_600_000;
const EXIT_CONFIG_INVALID = 153;

const run = randomUUID();
/** By sequence, oldest first. */
const waiting = new Map<number, string>();
let sequence = 0;
let acknowledged = 0;
let burstId: unknown;
let timer: NodeJS.Timeout | undefined;
let intervalMs = 1000;

function measure(): void {
  if (waiting.size >= WAITING_MESSAGES_MAX) return;
  sequence += 1;
  const temperature = Math.round((21 + 4 * Math.sin(sequence / 60) + Math.random()) * 100) / 100;
  waiting.set(sequence, JSON.stringify({ sequence, run, temperature, atUtc: new Date().toISOString() }));
}

/** Measures every `ms` from now on; false when that is no interval. */
function measureEvery(ms: unknown): boolean {
  if (typeof ms !== 'number' || !(ms >= INTERVAL_MS_MIN && ms <= INTERVAL_MS_MAX)) return false;
  if (timer === undefined || ms !== intervalMs) {
    clearInterval(timer);
    intervalMs = ms;
    timer = setInterval(measure, ms);
  }
  return true;
}

/** Acts on desired properties `intervalMs` and `burst: {id, count}`; a burst id counts once in a run. */
function applyDesired(desired: { intervalMs?: unknown; burst?: { id?: unknown; count?: unknown } | null }): void {
  if (desired.intervalMs !== undefined && !measureEvery(desired.intervalMs))
    console.error(`intervalMs is ${desired.intervalMs}: ignored`);
  const { id, count } = desired.burst ?? {};
  if (id === undefined || id === burstId || typeof count !== 'number') return;
  burstId = id;
  for (let left = Math.min(count, WAITING_MESSAGES_MAX); left > 0; left -= 1) measure();
  console.log(`Burst ${id}: ${count} messages`);
}

/** edgeHub may not be up yet, and the SDK does not retry a first connection. */
async function openClient(): Promise<Client> {
  for (;;) {
    let client: Client | undefined;
    try {
      client = await iotDevice.ModuleClient.fromEnvironment(iotMqtt.Mqtt);
      client.on('error', (error) => console.error(`Client: ${error.message}`));
      await client.open();
      client.onMethod('status', (_request, response) => {
        response?.send(200, { run, sequence, acknowledged, waiting: waiting.size, intervalMs });
      });
      const twin = await client.getTwin();
      twin.on('properties.desired', applyDesired);
      // Changes made while the connection was down are not sent again: they are asked for.
      client.on('connect', () => twin.get(() => undefined));
      console.log(`Connected, run ${run}, ${waiting.size} messages wait`);
      return client;
    } catch (error) {
      console.error(`Cannot connect: ${(error as Error).message}`);
      await client?.close().catch(() => undefined);
      await sleep(OPEN_RETRY_MS);
    }
  }
}

/** Sends what waits, oldest first; what was not acknowledged stays and is sent again. Ends when the client is down for good. */
async function sendWhileConnected(client: Client): Promise<void> {
  const down = new Promise<'down'>((resolve) => client.once('disconnect', () => resolve('down')));
  for (;;) {
    const window = [...waiting.entries().take(WINDOW_MESSAGES_MAX)];
    const sent = window.map(async ([key, text]) => {
      const message = new iotDevice.Message(text);
      message.contentType = 'application/json';
      message.contentEncoding = 'utf-8';
      await client.sendOutputEvent('temperature', message);
      // An acknowledgement of an earlier try may come late.
      if (waiting.delete(key)) acknowledged += 1;
    });
    const settled = Promise.allSettled(window.length > 0 ? sent : [sleep(Math.min(intervalMs, 100))]);
    if ((await Promise.race([settled, down])) === 'down') return;
    if ((await settled).some((one) => one.status === 'rejected')) await sleep(OPEN_RETRY_MS);
  }
}

if (!measureEvery(Number(process.env.INTERVAL_MS || 1000))) {
  console.error(`INTERVAL_MS is "${process.env.INTERVAL_MS}", wanted ${INTERVAL_MS_MIN} to ${INTERVAL_MS_MAX}`);
  process.exit(EXIT_CONFIG_INVALID);
}
process.once('SIGTERM', () => process.exit(0));
for (;;) {
  const client = await openClient();
  await sendWhileConnected(client);
  console.log('Disconnected');
  await client.close().catch(() => undefined);
}
