// Two network namespaces with a cable between them: a router of somebody else's make (BIRD or FRR) on one side, the module's BIRD on the other.

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { chmodSync, chownSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { createLogger } from '@wayside/kit';
import type { BgpRoutes, BgpState } from '@wayside/protocol';
import { type BgpNode, startBgpNode } from '../src/bgp-node.ts';
import type { CollectorTiming } from '../src/collect/collector.ts';
import { ControlSocket } from '../src/engine/control-socket.ts';
import { RoutesReceiver } from './routes-receiver.ts';

export const ROUTER_IPV4 = '192.0.2.1';
export const NODE_IPV4 = '192.0.2.2';
export const ROUTER_IPV6 = '2001:db8:ffff::1';
export const NODE_IPV6 = '2001:db8:ffff::2';
const BIRD = '/usr/sbin/bird';
const FRR = '/usr/lib/frr/bgpd';
/** The machine is slow and has other work. */
export const WAIT_MS = 90_000;
const LOOK_EVERY_MS = 50;
const END_MS_MAX = 5000;
/** A day's work in seconds. */
const TIMING: CollectorTiming = { pollMs: 100, settleMs: 400, settleMaxMs: 20_000, rereadMs: 500 };

/** Why these tests cannot run here; undefined = they can. */
export function whyNot(): string | undefined {
  if (process.getuid?.() !== 0) return 'network namespaces need root';
  if (!existsSync(BIRD)) return `${BIRD} is not installed (bird2)`;
  if (!existsSync(FRR)) return `${FRR} is not installed (frr)`;
  try {
    const name = `wbgp-try-${process.pid}`;
    ip('netns', 'add', name);
    ip('netns', 'del', name);
  } catch {
    return 'network namespaces cannot be made here';
  }
  return undefined;
}

function ip(...args: string[]): void {
  execFileSync('ip', args, { stdio: ['ignore', 'ignore', 'pipe'] });
}

export async function until<T>(what: string, look: () => T | Promise<T>, limitMs = WAIT_MS): Promise<NonNullable<T>> {
  const endMs = Date.now() + limitMs;
  for (;;) {
    const found = await look();
    if (found) return found as NonNullable<T>;
    if (Date.now() > endMs) throw new Error(`Waited ${limitMs} ms in vain: ${what}`);
    await sleep(LOOK_EVERY_MS);
  }
}

export class Lab {
  readonly folder = mkdtempSync(join(tmpdir(), 'wbgp-'));
  readonly #routerSpace: string;
  readonly #nodeSpace: string;
  readonly #children: ChildProcess[] = [];
  #nodes: BgpNode[] = [];
  #runs = 0;

  constructor() {
    const unique = `${process.pid.toString(36)}${Math.random().toString(36).slice(2, 6)}`;
    this.#routerSpace = `wbgp-r${unique}`;
    this.#nodeSpace = `wbgp-n${unique}`;
    // bgpd runs as frr and reads its file there.
    chmodSync(this.folder, 0o755);
    for (const space of [this.#routerSpace, this.#nodeSpace]) {
      ip('netns', 'add', space);
      ip('-n', space, 'link', 'set', 'lo', 'up');
    }
    ip(
      'link',
      'add',
      'wbgp0',
      'netns',
      this.#routerSpace,
      'type',
      'veth',
      'peer',
      'name',
      'wbgp0',
      'netns',
      this.#nodeSpace,
    );
    this.#address(this.#routerSpace, ROUTER_IPV4, ROUTER_IPV6);
    this.#address(this.#nodeSpace, NODE_IPV4, NODE_IPV6);
  }

  #address(space: string, ipv4: string, ipv6: string): void {
    ip('-n', space, 'addr', 'add', `${ipv4}/30`, 'dev', 'wbgp0');
    ip('-n', space, 'addr', 'add', `${ipv6}/64`, 'dev', 'wbgp0', 'nodad');
    ip('-n', space, 'link', 'set', 'wbgp0', 'up');
  }

  /** Pulls the cable, or puts it back. */
  cable(isIn: boolean): void {
    ip('-n', this.#routerSpace, 'link', 'set', 'wbgp0', isIn ? 'up' : 'down');
  }

  /** A router: BIRD with these statements besides its device protocol. */
  async birdRouter(statements: string): Promise<BirdRouter> {
    const router = new BirdRouter(this.#routerSpace, join(this.folder, `router${this.#children.length}`));
    this.#children.push(router.start(statements));
    await router.isReady();
    return router;
  }

  /** A router: FRR's bgpd without zebra, so that no route reaches a kernel. */
  frrRouter(config: string): FrrRouter {
    const router = new FrrRouter(this.#routerSpace, join(this.folder, `frr${this.#children.length}`));
    this.#children.push(router.start(config));
    return router;
  }

  /** A program that is BIRD on the node's side of the cable. */
  birdProgram(): string {
    const file = join(this.folder, 'bird-in-namespace');
    writeFileSync(file, `#!/bin/sh\nexec ip netns exec ${this.#nodeSpace} ${BIRD} "$@"\n`, { mode: 0o755 });
    return file;
  }

  /** Every one has the storage folder of the one before. */
  async node(timing: CollectorTiming = TIMING): Promise<NodeUnderTest> {
    this.#runs += 1;
    const under = new NodeUnderTest();
    const lines: string[] = [];
    const stream = new Writable({
      write: (line, _encoding, done) => {
        lines.push(String(line));
        done();
      },
    });
    const node = await startBgpNode({
      storageDir: join(this.folder, 'storage'),
      runDir: join(this.folder, `run${this.#runs}`),
      port: 179,
      birdCommand: ['ip', 'netns', 'exec', this.#nodeSpace, BIRD],
      timing,
      logger: createLogger({ module: 'bgp', stream }),
      sendRoutes: (message) => under.takeRoutes(message),
      sendState: (message) => under.takeState(message),
    });
    under.begin(node, lines);
    this.#nodes.push(node);
    return under;
  }

  async end(node: NodeUnderTest): Promise<void> {
    this.#nodes = this.#nodes.filter((other) => other !== node.node);
    await node.node.close();
  }

  async close(): Promise<void> {
    for (const node of this.#nodes) await node.close();
    for (const child of this.#children) await endOf(child);
    for (const space of [this.#routerSpace, this.#nodeSpace]) ip('netns', 'del', space);
    rmSync(this.folder, { recursive: true, force: true });
  }
}

async function endOf(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), END_MS_MAX);
  await ended;
  clearTimeout(timer);
}

export class BirdRouter {
  readonly #space: string;
  readonly #folder: string;
  #child: ChildProcess | undefined;

  constructor(space: string, folder: string) {
    this.#space = space;
    this.#folder = folder;
  }

  start(statements: string): ChildProcess {
    mkdirSync(this.#folder, { recursive: true });
    this.#write(statements);
    const files = [
      '-c',
      join(this.#folder, 'bird.conf'),
      '-s',
      join(this.#folder, 's'),
      '-P',
      join(this.#folder, 'pid'),
    ];
    this.#child = spawn('ip', ['netns', 'exec', this.#space, BIRD, '-f', ...files], { stdio: 'ignore' });
    return this.#child;
  }

  #write(statements: string): void {
    // Errors make a router wait a minute before it calls again; here it may call at once.
    const eager = statements.replaceAll('connect delay', 'error wait time 1, 2; connect retry time 1; connect delay');
    writeFileSync(join(this.#folder, 'bird.conf'), `router id ${ROUTER_IPV4};\nprotocol device {}\n${eager}\n`);
  }

  async isReady(): Promise<void> {
    await until('the router answers', () => this.ask('show status').catch(() => undefined));
  }

  ask(command: string): Promise<string> {
    return new ControlSocket(join(this.#folder, 's')).lines(command).then(({ lines }) => lines.join('\n'));
  }

  async configure(statements: string): Promise<void> {
    this.#write(statements);
    await this.ask('configure');
  }

  /** As a power cut does: no word to the neighbour. */
  kill(): void {
    this.#child?.kill('SIGKILL');
  }
}

export class FrrRouter {
  readonly #space: string;
  readonly #folder: string;

  constructor(space: string, folder: string) {
    this.#space = space;
    this.#folder = folder;
  }

  start(config: string): ChildProcess {
    mkdirSync(this.#folder, { recursive: true });
    const file = join(this.#folder, 'frr.conf');
    writeFileSync(file, config);
    const id = Number(execFileSync('id', ['-u', 'frr']));
    chownSync(this.#folder, id, id);
    const places = ['-i', join(this.#folder, 'pid'), '--vty_socket', this.#folder, '-z', join(this.#folder, 'z')];
    const args = [
      'netns',
      'exec',
      this.#space,
      FRR,
      '-n',
      '-Z',
      '-S',
      '-u',
      'frr',
      '-g',
      'frr',
      '-f',
      file,
      ...places,
      '-p',
      '179',
    ];
    return spawn('ip', args, { stdio: 'ignore' });
  }

  /** Lines of configuration mode. */
  configure(...commands: string[]): string {
    return this.#vtysh('configure terminal', ...commands);
  }

  show(command: string): string {
    return this.#vtysh(command);
  }

  #vtysh(...commands: string[]): string {
    const args = ['--vty_socket', this.#folder, ...commands.flatMap((command) => ['-c', command])];
    return execFileSync('vtysh', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  }
}

/** The module with a receiver that plays edgeHub and the cloud. */
export class NodeUnderTest {
  node!: BgpNode;
  readonly receiver = new RoutesReceiver();
  readonly states: BgpState[] = [];
  log: string[] = [];
  /** While it is set, edgeHub acknowledges nothing. */
  isCutOff = false;

  begin(node: BgpNode, log: string[]): void {
    this.node = node;
    this.log = log;
  }

  async takeRoutes(message: BgpRoutes): Promise<void> {
    if (this.isCutOff) throw new Error('edgeHub is away');
    this.receiver.take(JSON.parse(JSON.stringify(message)));
  }

  async takeState(state: BgpState): Promise<void> {
    if (this.isCutOff) throw new Error('edgeHub is away');
    this.states.push(JSON.parse(JSON.stringify(state)));
  }

  session(id = 'r1') {
    const session = this.node.state().sessions.find((one) => one.id === id);
    if (session === undefined) throw new Error(`No session ${id}`);
    return session;
  }

  async isUp(id = 'r1'): Promise<void> {
    await until(`session ${id} is up`, () => this.session(id).state === 'Established');
  }

  async hasPrefixes(...wanted: string[]): Promise<void> {
    const text = [...wanted].sort().join(' ');
    await until(`the receiver holds "${text}"`, () => this.receiver.prefixes().join(' ') === text).catch((error) => {
      throw new Error(`${error.message}; it holds "${this.receiver.prefixes().join(' ')}"\n${this.log.join('')}`);
    });
  }
}
