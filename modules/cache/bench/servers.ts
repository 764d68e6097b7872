// The caches that are measured: ours and the peers that this machine has, each on one core, with the settings that its users would take for such loads.

import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface CacheServer {
  name: string;
  port: number;
  /** undefined when it is not installed. */
  version: () => string | undefined;
  /** Writes what it needs into the folder; the command stays in the foreground. */
  command: (folder: string, originPort: number) => string[];
}

const MAIN = join(import.meta.dirname, '../src/main.ts');
const CACHE_GB = 30;

export const SERVERS: readonly CacheServer[] = [
  {
    name: 'wayside',
    port: 18020,
    version: () => `Node ${process.versions.node}`,
    // Every server has one core; BENCH_WAYSIDE_ARGUMENTS adds what is to be tried.
    command: (folder, originPort) => {
      const drive = join(folder, 'drive');
      mkdirSync(drive, { recursive: true });
      const listen = ['--listen', '127.0.0.1:18020', '--operations', '127.0.0.1:18021', '--threads', '1'];
      const more = (process.env.BENCH_WAYSIDE_ARGUMENTS ?? '').split(' ').filter(Boolean);
      return [
        // As the image and `npm run cache` have it.
        ...['env', `NODE_COMPILE_CACHE=${join(folder, 'compiled')}`],
        process.execPath,
        '--disable-warning=ExperimentalWarning',
        MAIN,
        ...listen,
        '--origin',
        `http://127.0.0.1:${originPort}`,
        '--drive',
        `${drive},${CACHE_GB}`,
        ...more,
      ];
    },
  },
  {
    name: 'nginx',
    port: 18022,
    version: nginxVersion,
    command: (folder, origin) => nginx(folder, 18022, origin, false),
  },
  {
    name: 'nginx-slice',
    port: 18023,
    version: nginxVersion,
    command: (folder, origin) => nginx(folder, 18023, origin, true),
  },
  {
    name: 'varnish',
    port: 18024,
    version: () => firstMatch('varnishd', ['-V'], /varnish-([\d.]+)/),
    command: (folder, originPort) => {
      chmodSync(folder, 0o755);
      writeFileSync(
        join(folder, 'default.vcl'),
        `vcl 4.1;
backend default { .host = "127.0.0.1"; .port = "${originPort}"; .connect_timeout = 5s; .first_byte_timeout = 120s; .between_bytes_timeout = 120s; }
sub vcl_backend_response { set beresp.ttl = 1d; set beresp.grace = 1h; }
`,
      );
      const threads = ['-p', 'thread_pool_min=100', '-p', 'thread_pool_max=2000'];
      return [
        'varnishd',
        '-F',
        '-j',
        'none',
        '-a',
        '127.0.0.1:18024',
        '-f',
        join(folder, 'default.vcl'),
        '-n',
        join(folder, 'vn'),
        '-s',
        'malloc,8G',
        ...threads,
      ];
    },
  },
];

/** Known to be worth measuring, but not driven by these benchmarks. */
export const NOT_DRIVEN = ['Apache Traffic Server', 'Squid'];

function firstMatch(program: string, args: string[], pattern: RegExp): string | undefined {
  const { stdout, stderr, error } = spawnSync(program, args, { encoding: 'utf8' });
  return error === undefined ? pattern.exec(`${stdout}${stderr}`)?.[1] : undefined;
}

function nginxVersion(): string | undefined {
  return firstMatch('nginx', ['-v'], /nginx\/([\d.]+)/);
}

/** tcp_nopush stays off: with keep-alive and loopback's 64 KiB MTU it delays each answer by 40 ms. */
function nginx(folder: string, port: number, originPort: number, isSliced: boolean): string[] {
  const user = process.getuid?.() === 0 ? 'user root;' : '';
  const key = isSliced
    ? 'slice 1m; proxy_cache_key $uri$is_args$args$slice_range; proxy_set_header Range $slice_range;'
    : 'proxy_cache_key $uri$is_args$args;';
  const file = join(folder, 'nginx.conf');
  writeFileSync(
    file,
    `${user} worker_processes 1; daemon off; pid ${folder}/nginx.pid; error_log ${folder}/error.log warn; worker_rlimit_nofile 20000;
events { worker_connections 8192; }
http {
  sendfile on; tcp_nopush off; access_log off; keepalive_requests 100000000; keepalive_timeout 75s; default_type application/octet-stream;
  proxy_temp_path ${folder}/proxy; client_body_temp_path ${folder}/body; fastcgi_temp_path ${folder}/f; uwsgi_temp_path ${folder}/u; scgi_temp_path ${folder}/s;
  proxy_cache_path ${folder}/cache levels=1:2 keys_zone=c:100m max_size=${CACHE_GB}g inactive=7d use_temp_path=off;
  upstream o { server 127.0.0.1:${originPort}; keepalive 64; }
  server {
    listen 127.0.0.1:${port} backlog=4096;
    location / {
      proxy_pass http://o; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $host;
      proxy_cache c; proxy_cache_valid 200 206 1d; proxy_cache_revalidate on; proxy_cache_lock on;
      proxy_cache_use_stale error timeout updating http_500 http_502 http_503;
      ${key}
    }
  }
}
`,
  );
  return ['nginx', '-p', folder, '-c', file, '-e', `${folder}/error.log`];
}
