// The options of npm run bench cloud.

import { join } from 'node:path';
import { parseArgs } from 'node:util';

export const USAGE = `npm run bench cloud -- [--nodes N] [--store sqlite|postgres] [--replicas 1|2] [--secs S] [--out FILE]

  --nodes     simulated nodes, default 500, at most 5000
  --store     where the cloud keeps things; postgres starts Debian's own server in a temporary folder
  --replicas  processes of the cloud; 2 needs postgres
  --secs      of each timed part, default 20
  --out       where the table goes; default docs/benchmarks.md
`;

export function readOptions() {
  const { values } = parseArgs({
    options: {
      nodes: { type: 'string', default: '500' },
      store: { type: 'string', default: 'sqlite' },
      replicas: { type: 'string', default: '1' },
      secs: { type: 'string', default: '20' },
      'database-url': { type: 'string' },
      out: { type: 'string', default: join(import.meta.dirname, '../../../docs/benchmarks.md') },
      help: { type: 'boolean', default: false },
    },
  });
  const nodes = Number(values.nodes);
  const replicas = Number(values.replicas);
  const secs = Number(values.secs);
  if (!Number.isInteger(nodes) || nodes < 1 || nodes > 5_000)
    throw new Error(`--nodes: is "${values.nodes}", wanted 1 to 5000`);
  if (replicas !== 1 && replicas !== 2) throw new Error(`--replicas: is "${values.replicas}", wanted 1 or 2`);
  if (!(secs >= 1 && secs <= 3_600)) throw new Error(`--secs: is "${values.secs}", wanted 1 to 3600`);
  if (!['sqlite', 'postgres'].includes(values.store))
    throw new Error(`--store: is "${values.store}", wanted sqlite or postgres`);
  if (replicas > 1 && values.store === 'sqlite') throw new Error('--replicas: is 2, wanted 1 with --store sqlite');
  if ((values.store === 'postgres') !== (values['database-url'] !== undefined)) {
    throw new Error(
      '--database-url: is made by scripts/bench/cloud.sh with --store postgres; run it through npm run bench cloud',
    );
  }
  return {
    nodes,
    replicas,
    secs,
    store: values.store,
    databaseUrl: values['database-url'],
    out: values.out,
    help: values.help,
  };
}

export type Options = ReturnType<typeof readOptions>;
