// `FROM devices.jobs`: the device jobs of all scheduled jobs as documents of a query, in order of job and device.

import type { Selectable } from 'kysely';
import { holds } from '../query/evaluate-query.ts';
import { type NarrowColumns, type Narrowing, narrow } from '../query/narrow-query.ts';
import { narrowedBy } from '../query/narrow-sql.ts';
import { breathe, type QueryDocument, type Show } from '../query/query-source.ts';
import type { Condition } from '../query/query-tree.ts';
import type { Db } from '../store/tables.ts';
import { deviceJobJson } from './job-json.ts';
import { type DeviceJobTable, type JobType, jobTables } from './tables.ts';

const BATCH_ROWS = 200;

const COLUMNS: NarrowColumns = {
  deviceId: 'device_job.device_id',
  moduleId: 'device_job.module_id',
  jobId: 'device_job.job_id',
  status: 'device_job.status',
  jobType: 'job.type',
};

/** Device jobs for which the condition holds, behind `after` = [jobId, deviceId, moduleId]. */
export async function* deviceJobDocuments(
  db: Db,
  where: Condition | undefined,
  after: readonly string[] = [],
  show: Show = (document) => document,
): AsyncGenerator<QueryDocument> {
  const narrowing = narrow(where, COLUMNS);
  let place = after;
  for (;;) {
    const rows = await readRows(db, narrowing, place);
    for (const row of rows) {
      const document = show(deviceJobJson(row, row.type));
      if (holds(where, document)) yield { document, place: placeOf(row) };
    }
    const last = rows.at(-1);
    if (!last || rows.length < BATCH_ROWS) return;
    place = placeOf(last);
    await breathe();
  }
}

function placeOf(row: { job_id: string; device_id: string; module_id: string }): string[] {
  return [row.job_id, row.device_id, row.module_id];
}

async function readRows(
  db: Db,
  narrowing: Narrowing | undefined,
  [jobId = '', deviceId = '', moduleId = '']: readonly string[],
): Promise<(Selectable<DeviceJobTable> & { type: JobType })[]> {
  return await jobTables(db)
    .selectFrom('device_job')
    .innerJoin('job', 'job.job_id', 'device_job.job_id')
    .selectAll('device_job')
    .select('job.type')
    .where((of) =>
      of.or([
        of('device_job.job_id', '>', jobId),
        of.and([of('device_job.job_id', '=', jobId), of('device_job.device_id', '>', deviceId)]),
        of.and([
          of('device_job.job_id', '=', jobId),
          of('device_job.device_id', '=', deviceId),
          of('device_job.module_id', '>', moduleId),
        ]),
      ]),
    )
    .$if(narrowing !== undefined, (query) => query.where(narrowedBy(narrowing!)))
    .orderBy('device_job.job_id')
    .orderBy('device_job.device_id')
    .orderBy('device_job.module_id')
    .limit(BATCH_ROWS)
    .execute();
}
