// A node's place in the fleet: name, addresses, identity and keys, and the file that keeps them from run to run.

import { EdgeError, readJsonFile, writeJsonFile } from '@wayside/kit';

/** Nodes of a fleet get addresses of 127.64.0.0/10: nobody else listens there. */
const ADDRESS_FIRST_OCTETS = 127;
const ADDRESS_SECOND_OCTET_FIRST = 64;
const FILE_MODE = 0o600;

export interface Seat {
  name: string;
  /** Of the data port; own address of the connections unless all nodes share one. */
  ipAddress: string;
  /** 0 = not chosen yet. */
  httpPort: number;
  hubHost: string;
  mqttPort: number;
  /** base64, secret: the device's key, and the node's own key that those of its modules come from. */
  deviceKey: string;
  identityKey: string;
  /** Module id -> base64 key, registered with the cloud. */
  moduleKeys: { [moduleId: string]: string };
}

interface SeatFile {
  cloud: string;
  seats: Seat[];
}

/** `127.64.0.1` for node 0 and so on. */
export function ownAddress(index: number): string {
  const number = index + 1;
  const second = ADDRESS_SECOND_OCTET_FIRST + (number >> 16);
  return `${ADDRESS_FIRST_OCTETS}.${second}.${(number >> 8) & 255}.${number & 255}`;
}

/** A /24 of clients for each node: no two overlap. */
export function ownPrefix(index: number): string {
  return `${20 + (index >> 16)}.${(index >> 8) & 255}.${index & 255}.0/24`;
}

/** Seats by name; none when there is no file. SIMULATOR_STATE_INVALID. */
export async function readSeats(file: string, cloud: string): Promise<Map<string, Seat>> {
  const content = await readJsonFile<Partial<SeatFile>>(file);
  if (content === undefined) return new Map();
  if (content.cloud !== cloud || !Array.isArray(content.seats) || !content.seats.every(isSeat)) {
    const what = typeof content.cloud === 'string' ? `those of ${content.cloud}` : 'none';
    throw new EdgeError(
      'SIMULATOR_STATE_INVALID',
      `Cannot use the identities in ${file}: they are ${what}, wanted those of ${cloud}`,
      {
        source: 'config',
      },
    );
  }
  return new Map(content.seats.map((seat) => [seat.name, seat]));
}

export async function writeSeats(file: string, cloud: string, seats: readonly Seat[]): Promise<void> {
  await writeJsonFile(file, { cloud, seats }, { mode: FILE_MODE });
}

function isSeat(value: unknown): value is Seat {
  const seat = (value ?? {}) as { [key: string]: unknown };
  const texts = ['name', 'ipAddress', 'hubHost', 'deviceKey', 'identityKey'];
  return (
    texts.every((key) => typeof seat[key] === 'string') &&
    Number.isInteger(seat.httpPort) &&
    Number.isInteger(seat.mqttPort) &&
    typeof seat.moduleKeys === 'object' &&
    seat.moduleKeys !== null
  );
}
