// POST /devices/query: twins by the query language, paged by headers (cloud.md 2.7).

import { Router } from 'express';
import type { HubPlatform } from '../create-platform.ts';
import { refusal } from '../errors.ts';
import { parseQuery, type Query } from '../query/parse-query.ts';
import { readQueryPage } from '../query/query-pages.ts';
import { authorize, forCaller } from './authorize.ts';
import { bodyObject, headerText, wholeNumber } from './request-fields.ts';

const PAGE_ROWS_MAX = 1_000;
const PAGE_ROWS_DEFAULT = 100;

export function queryRoutes({ db }: HubPlatform): Router {
  const router = Router();
  router.post('/devices/query', authorize('query'), async (request, response) => {
    const { query: text } = bodyObject(request);
    if (typeof text !== 'string')
      throw refusal('CLOUD_QUERY_INVALID', 'Cannot read the query: the field query is missing');
    const query = parseQuery(text);
    const rowsMax = wholeNumber('x-ms-max-item-count', headerText(request, 'x-ms-max-item-count'), {
      ...{ min: 1, max: PAGE_ROWS_MAX, fallback: PAGE_ROWS_DEFAULT },
    });
    const continuation = headerText(request, 'x-ms-continuation');
    const page = await readQueryPage(db, query, rowsMax, continuation, forCaller(request));
    response.setHeader('x-ms-item-type', itemType(query));
    if (page.continuation !== undefined) response.setHeader('x-ms-continuation', page.continuation);
    response.json(page.rows);
  });
  return router;
}

function itemType({ select, from }: Query): 'Twin' | 'DeviceJob' | 'Raw' {
  if (select.kind !== 'all') return 'Raw';
  return from === 'jobs' ? 'DeviceJob' : 'Twin';
}
