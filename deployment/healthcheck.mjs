// HEALTHCHECK of every image: exits 0 when the URL answers below 400, else 1 with the reason. `unix:SOCKET:PATH` asks over a unix socket.
import http from 'node:http';
import https from 'node:https';

const TIMEOUT_MS = 4000;
const target = process.argv[2] ?? '';
const unix = /^unix:([^:]+):(.+)$/.exec(target);
// The certificate is the container's own and the address is its loopback: nothing to verify.
const options = unix
  ? { socketPath: unix[1], path: unix[2], timeout: TIMEOUT_MS }
  : { timeout: TIMEOUT_MS, rejectUnauthorized: false };
const client = target.startsWith('https:') ? https : http;
const end = (code, text) => {
  console.log(text);
  process.exit(code);
};
const request = unix ? client.request(options) : client.request(target, options);
request.on('response', (response) => {
  response.resume();
  end(response.statusCode < 400 ? 0 : 1, `${target}: ${response.statusCode}`);
});
request.on('timeout', () => end(1, `${target}: no answer in ${TIMEOUT_MS} ms`));
request.on('error', (error) => end(1, `${target}: ${error.message}`));
request.end();
