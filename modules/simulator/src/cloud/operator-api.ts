// What the operator's side of /api/v1 is asked for (docs/contracts.md 6): nodes, registration keys, deployments, states.

import type { JsonObject, ModulesContent, NodeState } from '@wayside/protocol';
import type { CloudHttp } from './cloud-http.ts';

export interface NodeFields {
  name: string;
  ipAddress: string;
  httpPort: number;
  drives: { path: string; sizeGb: number }[];
  cidrs: string[];
}

export interface NodeAnswer extends NodeFields {
  state: NodeState;
  reasons: { code: string; text: string }[];
}

export interface RegistrationKeys {
  customerId: string;
  cacheNodeId: string;
  customerKey: string;
  registrationKey: string;
}

export class OperatorApi {
  readonly #http: CloudHttp;
  readonly #headers: { authorization: string };

  private constructor(http: CloudHttp, token: string) {
    this.#http = http;
    this.#headers = { authorization: `Bearer ${token}` };
  }

  static async login(http: CloudHttp, username: string, password: string): Promise<OperatorApi> {
    const json = { username, password };
    const { token } = await http.call<{ token: string }>({ method: 'POST', path: '/api/v1/sessions', json }, [200]);
    return new OperatorApi(http, token);
  }

  async nodes(): Promise<NodeAnswer[]> {
    return (await this.#call<{ nodes: NodeAnswer[] }>('GET', '/nodes', [200])).nodes;
  }

  async createNode(fields: NodeFields): Promise<void> {
    await this.#call('POST', '/nodes', [201], fields);
  }

  async changeNode(name: string, fields: Partial<NodeFields>): Promise<void> {
    await this.#call('PATCH', `/nodes/${name}`, [200], fields);
  }

  /** Also when there is none. */
  async deleteNode(name: string): Promise<void> {
    await this.#call('DELETE', `/nodes/${name}`, [204, 404]);
  }

  registrationKeys(name: string): Promise<RegistrationKeys> {
    return this.#call<RegistrationKeys>('POST', `/nodes/${name}/provisioning`, [200]);
  }

  async deployment(name: string): Promise<ModulesContent> {
    return (await this.#call<{ modulesContent: ModulesContent }>('GET', `/nodes/${name}/deployment`, [200]))
      .modulesContent;
  }

  deploy(name: string, modulesContent: ModulesContent): Promise<{ desiredVersion: number }> {
    return this.#call('PUT', `/nodes/${name}/deployment`, [200], { modulesContent });
  }

  /** Any route of /api/v1, for what has no name here. */
  get<T = JsonObject>(path: string): Promise<T> {
    return this.#call<T>('GET', path, [200]);
  }

  #call<T>(method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE', path: string, wanted: number[], json?: unknown) {
    return this.#http.call<T>({ method, path: `/api/v1${path}`, json, headers: this.#headers }, wanted);
  }
}
