// The hub's own desired properties become routes: whole or not at all. The last good set is kept on disk and used before the cloud is reached.

import { describeError, type Logger } from '@wayside/kit';
import { type JsonObject, parseHubDesired } from '@wayside/protocol';
import type { Settings } from '../store/settings.ts';
import { RouteTable } from './route-table.ts';

export interface ConfigOutcome {
  readonly version: number;
  readonly code: 200 | 400;
  readonly description: string;
}

export class RouteConfig {
  readonly #settings: Pick<Settings, 'get' | 'set'>;
  readonly #logger: Logger;
  readonly #known = Promise.withResolvers<void>();
  #table: RouteTable | undefined;

  constructor(settings: Pick<Settings, 'get' | 'set'>, logger: Logger) {
    this.#settings = settings;
    this.#logger = logger;
    const stored = settings.get('routes');
    if (stored === undefined) return;
    try {
      this.#use(tableOf(JSON.parse(stored) as JsonObject));
    } catch (error) {
      logger.error('Stored routes are unusable', { error: describeError(error) });
    }
  }

  /** undefined until a deployment was seen. */
  get table(): RouteTable | undefined {
    return this.#table;
  }

  /** Resolves when routes are known. */
  get known(): Promise<void> {
    return this.#known.promise;
  }

  /** Takes new desired properties (without `$version`), or leaves the old routes and says why. */
  async apply(desired: JsonObject, version: number): Promise<ConfigOutcome> {
    let table: RouteTable;
    try {
      table = tableOf(desired);
    } catch (error) {
      const description = `Error while parsing desired properties - ${error instanceof Error ? error.message : String(error)}`;
      this.#logger.error('Routes rejected, the old ones stay', { version, error: description });
      return { version, code: 400, description };
    }
    await this.#settings.set('routes', JSON.stringify(desired));
    this.#use(table);
    this.#logger.info('Routes taken', { version, routes: table.size });
    return { version, code: 200, description: '' };
  }

  #use(table: RouteTable): void {
    this.#table = table;
    this.#known.resolve();
  }
}

function tableOf(desired: JsonObject): RouteTable {
  const result = parseHubDesired(desired);
  if (!result.ok) throw new Error(result.description);
  return new RouteTable(result.desired.routes, result.desired.timeToLiveSecs);
}
