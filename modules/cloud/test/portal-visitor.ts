// Somebody at the portal's door without a browser: sends what a browser would never send, follows nothing, shows what came.

import got from 'got';
import { CSRF_FIELD, csrfTokenOf, SESSION_COOKIE } from '../src/people/session-cookie.ts';
import type { CloudUnderTest } from './cloud-under-test.ts';

export interface Shown {
  status: number;
  /** Location header, '' without. */
  location: string;
  body: string;
  headers: { [name: string]: string | string[] | undefined };
}

export interface Sent {
  /** Form fields; with them the request is a POST. */
  form?: { [name: string]: string };
  headers?: { [name: string]: string };
}

export const OWN_ORIGIN = { 'sec-fetch-site': 'same-origin' };

export class PortalVisitor {
  readonly cloud: CloudUnderTest;
  /** Token of the session; undefined = nobody. */
  token: string | undefined;

  constructor(cloud: CloudUnderTest, token?: string) {
    this.cloud = cloud;
    this.token = token;
  }

  /** What the forms of this session hold. */
  get csrf(): string {
    return this.token === undefined ? '' : csrfTokenOf(this.token);
  }

  /** `path` below the cloud's root. A POST where there is a form. */
  async visit(path: string, { form, headers = {} }: Sent = {}): Promise<Shown> {
    const answer = await got(`${this.cloud.url}${path}`, {
      method: form ? 'POST' : 'GET',
      https: { certificateAuthority: this.cloud.ca },
      throwHttpErrors: false,
      followRedirect: false,
      retry: { limit: 0 },
      headers: { ...(this.token === undefined ? {} : { cookie: `${SESSION_COOKIE}=${this.token}` }), ...headers },
      ...(form ? { form } : {}),
    });
    const { statusCode: status, body } = answer;
    return { status, body, location: answer.headers.location ?? '', headers: answer.headers };
  }

  /** A form as the portal's own page sends it. */
  send(path: string, form: { [name: string]: string } = {}): Promise<Shown> {
    return this.visit(path, { form: { [CSRF_FIELD]: this.csrf, ...form }, headers: OWN_ORIGIN });
  }

  /** Signs in by the form; the visitor has the session of the answer. */
  async signIn(username: string, password: string, next = ''): Promise<Shown> {
    const shown = await this.visit('/portal/sign-in', { form: { username, password, next }, headers: OWN_ORIGIN });
    this.token = sessionOf(shown) ?? this.token;
    return shown;
  }
}

/** Session token that the answer sets; undefined = none. */
export function sessionOf({ headers }: Shown): string | undefined {
  const cookies = [headers['set-cookie'] ?? []].flat();
  const own = cookies.find((cookie) => cookie.startsWith(`${SESSION_COOKIE}=`));
  return own?.slice(SESSION_COOKIE.length + 1).split(';')[0];
}

/** A user who has accepted an invitation, signed in. */
export async function visitorWithRole(
  cloud: CloudUnderTest,
  user: { username: string; role: string; scope?: unknown; password: string },
): Promise<PortalVisitor> {
  const { username, role, scope = 'all', password } = user;
  const invited = await cloud.call('POST', '/invitations', { json: { username, role, scope } });
  await cloud.call('POST', '/invitations/accept', { json: { token: invited.body.token, password }, token: null });
  const visitor = new PortalVisitor(cloud);
  await visitor.signIn(username, password);
  return visitor;
}
