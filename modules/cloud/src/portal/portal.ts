// The portal's router: who visits, does the form come from here, may they, then the page, then its answer as HTML or CSV.

import { type Clock, describeError, EdgeError, type Logger } from '@wayside/kit';
import express, { type Express, type Request, type RequestHandler, type Response, type Router } from 'express';
import { type Access, type Caller, requireOwnOrigin } from '../people/access.ts';
import { endedSessionCookie, sessionCookie } from '../people/session-cookie.ts';
import { ApiFailure, createApiClient } from './api-client.ts';
import { loadAssets } from './assets.ts';
import { renderPage } from './frame.ts';
import { withQuery } from './html.ts';
import { failurePage, noRightPage, unknownPage } from './pages/failures.ts';
import { pages } from './pages/pages.ts';
import { PORTAL } from './portal-path.ts';
import { securityHeaders } from './security-headers.ts';
import { tableCsv } from './table.ts';
import { keepTheme } from './theme.ts';
import { type Page, type Reply, type View, type Visit, visitOf } from './visit.ts';

/** A manifest in an editor is the largest thing that is sent. */
const FORM_BYTES_MAX = 3 * 1024 * 1024;
/** Strangers may send this much. */
const OPEN_FORM_BYTES_MAX = 16 * 1024;
const FORM_FIELDS_MAX = 1_000;
const INTERNAL = 'The page failed inside the cloud, see its log';

export interface PortalOptions {
  /** The whole application: the pages call its /api/v1 in process. */
  app: Express;
  access: Pick<Access, 'callerOf'>;
  clock: Clock;
  logger: Logger;
  version: string;
}

/** Mount it at PORTAL. */
export function createPortal(options: PortalOptions): Router {
  const assets = loadAssets(`${PORTAL}/assets`, options.logger);
  const api = createApiClient(options.app);
  const portal = new Portal(options, {
    open: (request, caller) =>
      visitOf(request, {
        api: api.for({ token: caller?.token, source: sourceOf(request), headers: request.headers }),
        nowMs: options.clock.nowMs(),
        caller,
      }),
    show: (response, visit, view) => {
      const { markup } = renderPage(visit, view, assets, options.version);
      response
        .status(view.status ?? 200)
        .type('html')
        .send(markup);
    },
  });
  const router = express.Router({ caseSensitive: true });
  router.get('/assets/:file', assets.serve);
  router.use(securityHeaders);
  for (const page of pages()) {
    if (page.get) router.get(page.path, portal.reader(page));
    if (page.post) router.post(page.path, ...portal.changer(page));
  }
  router.use(portal.unknown);
  router.use(portal.failed);
  return router;
}

interface Rendering {
  open(request: Request, caller?: Caller): Visit;
  show(response: Response, visit: Visit, view: View): void;
}

class Portal {
  private readonly options: PortalOptions;
  private readonly rendering: Rendering;

  constructor(options: PortalOptions, rendering: Rendering) {
    this.options = options;
    this.rendering = rendering;
  }

  reader(page: Page): RequestHandler {
    return async (request, response) => {
      const caller = await this.reading(request);
      if (!caller && page.right !== 'none') return response.redirect(303, signInHref(request));
      await this.serve(request, response, page, page.get, caller);
    };
  }

  changer(page: Page): RequestHandler[] {
    const isOpen = page.right === 'none';
    const limit = isOpen ? OPEN_FORM_BYTES_MAX : FORM_BYTES_MAX;
    return [
      // Before the body is read: a stranger makes us buffer little.
      async (request, response, next) => {
        requireOwnOrigin(request);
        if (!isOpen && !(await this.reading(request))) return response.redirect(303, signInHref(request));
        next();
      },
      express.urlencoded({ extended: false, limit, parameterLimit: FORM_FIELDS_MAX }),
      async (request, response) => {
        const caller = isOpen ? await this.reading(request) : await this.options.access.callerOf(request);
        await this.serve(request, response, page, page.post, caller);
      },
    ];
  }

  readonly unknown: RequestHandler = async (request, response) => {
    this.rendering.show(response, this.rendering.open(request, await this.reading(request)), unknownPage());
  };

  readonly failed = async (error: unknown, request: Request, response: Response, next: (error: unknown) => void) => {
    if (response.headersSent) return next(error);
    const failure = failureOf(error);
    if (failure.status >= 500) {
      const { method, path } = request;
      this.options.logger.error('Portal page failed', { method, path, error: describeError(error) });
    }
    const caller = await this.reading(request).catch(() => undefined);
    const visit = this.rendering.open(request, caller);
    this.rendering.show(response, visit, failurePage(visit, failure));
  };

  /** Who looks; undefined = nobody who is signed in. */
  private async reading({ headers, socket }: Request): Promise<Caller | undefined> {
    try {
      return await this.options.access.callerOf({ method: 'GET', headers, socket });
    } catch (error) {
      if (error instanceof EdgeError && error.code === 'CLOUD_SESSION_INVALID') return undefined;
      throw error;
    }
  }

  private async serve(
    request: Request,
    response: Response,
    page: Page,
    act: Page['get'],
    caller: Caller | undefined,
  ): Promise<void> {
    const { open, show } = this.rendering;
    const visit = open(request, caller);
    if (page.right !== 'none' && !visit.may(page.right)) return show(response, visit, noRightPage(visit, page.right));
    try {
      this.send(response, visit, act ? await act(visit) : { view: unknownPage() });
    } catch (error) {
      if (!(error instanceof ApiFailure)) throw error;
      // The session ended in between.
      if (error.status === 401) return response.redirect(303, signInHref(request));
      show(response, visit, failurePage(visit, error));
    }
  }

  private send(response: Response, visit: Visit, reply: Reply): void {
    if ('view' in reply) {
      const table = reply.view.tables?.find(({ id }) => id === visit.query.get('csv'));
      if (table) response.type('text/csv').attachment(`${table.id}.csv`).send(tableCsv(table));
      else this.rendering.show(response, visit, reply.view);
      return;
    }
    if ('session' in reply) {
      const { session } = reply;
      const cookie = session
        ? sessionCookie(session.token, session.expiresAtMs - this.options.clock.nowMs())
        : endedSessionCookie();
      response.append('set-cookie', cookie);
    }
    if ('theme' in reply) keepTheme(response, reply.theme);
    response.redirect(303, reply.redirect);
  }
}

/** Also of express and its parsers, which say what the caller did wrong by a status. */
function failureOf(error: unknown): ApiFailure {
  if (error instanceof ApiFailure) return error;
  if (error instanceof EdgeError && error.code === 'CLOUD_CSRF_REFUSED') return new ApiFailure(403, { error });
  const status = (error as { status?: unknown } | null)?.status;
  const isCallers = error instanceof Error && typeof status === 'number' && status >= 400 && status < 500;
  if (isCallers) return new ApiFailure(status, { error: { message: error.message } });
  return new ApiFailure(500, { error: { message: INTERNAL } });
}

function signInHref(request: Request): string {
  const next = request.method === 'GET' ? request.originalUrl : undefined;
  return withQuery(`${PORTAL}/sign-in`, { next: next === PORTAL ? undefined : next });
}

/** Of the socket: forwarded headers are a claim. */
function sourceOf(request: Request): string {
  return request.socket.remoteAddress ?? 'unknown';
}
