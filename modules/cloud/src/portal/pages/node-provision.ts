// From a created node to a healthy one: the one command, and how far the server has come with it.

import type { NodeMonitor } from '@wayside/protocol';
import type { NodeAnswer } from '../../nodes/node-record.ts';
import { actionButton } from '../form.ts';
import { type Html, html, NOTHING, path } from '../html.ts';
import { toneIcon } from '../icons.ts';
import { nodeHref, reasonList } from '../node-words.ts';
import { timeElement } from '../time.ts';
import type { Page, View, Visit } from '../visit.ts';
import { apiPath, loadNode, nodeView } from './node-frame.ts';

interface ProvisioningAnswer {
  command: string;
  customerId: string;
  cacheNodeId: string;
  customerKey: string;
  registrationKey: string;
  registrationKeyExpiresAtUtc?: string;
}

export const provisionPages: Page[] = [
  {
    path: '/nodes/:name/provision',
    right: 'deploy',
    get: async (visit) => ({ view: await provisionView(visit, undefined) }),
    // The command holds a key that works once: it is shown in this answer alone and stands in no address.
    post: async (visit) => {
      const keys = await visit.api.send<ProvisioningAnswer>('POST', apiPath(visit, '/provisioning'));
      return { view: await provisionView(visit, keys) };
    },
  },
];

async function provisionView(visit: Visit, keys: ProvisioningAnswer | undefined): Promise<View> {
  const node = await loadNode(visit);
  const monitor = await visit.api.get<NodeMonitor>(apiPath(visit, '/monitor'));
  const body = html`<div class="columns wide-first">
<section class="card" aria-labelledby="command-head"><h2 id="command-head">Provisioning command</h2>
${keys ? command(keys) : ask(visit, node)}</section>
<section class="card" aria-labelledby="progress-head"><h2 id="progress-head">Progress</h2>
<div data-part id="part-progress" aria-live="polite">${progress(node, monitor)}</div></section></div>
<section class="card" aria-labelledby="verify-head"><h2 id="verify-head">Verify</h2>${verify(node)}</section>`;
  return nodeView(visit, node, 'provision', { body });
}

function ask(visit: Visit, node: NodeAnswer): Html {
  const action = path`/portal/nodes/${node.name}/provision`;
  const isAgain = node.provisionedAtUtc !== null;
  const missing = node.reasons.filter((reason) => reason.code === 'FieldMissing');
  return html`${missing.length > 0 ? reasonList(node.name, missing, (utc) => timeElement(utc)) : NOTHING}
<p>${isAgain ? html`This node was provisioned ${timeElement(node.provisionedAtUtc, 'ago')}. A new command is for a new or reinstalled server.` : 'One command installs the edge runtime on a server, registers it as this cache node and starts the cache. The server needs Linux, port 80 free, and outbound ports 443 and 8883.'}</p>
<p class="hint">The command holds a registration key that works once, for 7 days. Making a new one ends the old one.</p>
${actionButton(visit, action, isAgain ? 'Make a new command' : 'Make the command', { kind: 'primary', ...(isAgain ? { confirm: `Make a new registration key for ${node.name}? An unused older command stops working.` } : {}) })}`;
}

function command(keys: ProvisioningAnswer): Html {
  const expires = keys.registrationKeyExpiresAtUtc;
  const rows = Object.entries({
    'Customer ID': keys.customerId,
    'Cache node ID': keys.cacheNodeId,
    'Customer key': keys.customerKey,
    'Registration key': keys.registrationKey,
  });
  return html`<p>Run this on the server, as root or as a user with sudo. It is shown once${expires ? html` and works until ${timeElement(expires)}` : ''}.</p>
<div class="command" data-keep="command"><pre id="command" tabindex="0">${keys.command}</pre><button type="button" class="button plain" data-copy="command">Copy</button></div>
<details><summary>Activation keys</summary><dl class="facts">${rows.map(([term, value]) => html`<div><dt>${term}</dt><dd><code class="id">${value}</code></dd></div>`)}</dl></details>`;
}

type Step = { label: string; isDone: boolean; note?: Html | string };

function progress(node: NodeAnswer, monitor: NodeMonitor): Html {
  const running = monitor.modules.filter((module) => module.runtimeStatus === 'running').map((module) => module.name);
  const wanted = monitor.modules.filter((module) => module.desiredStatus === 'running');
  const steps: Step[] = [
    { label: 'Configured', isDone: monitor.state !== 'NotConfigured', note: 'address and storage are set' },
    {
      label: 'Registered',
      isDone: node.provisionedAtUtc !== null,
      note: node.provisionedAtUtc ? timeElement(node.provisionedAtUtc) : 'the command has not been run yet',
    },
    {
      label: 'Phoned home',
      isDone: monitor.lastHeartbeatUtc !== null,
      note: monitor.lastHeartbeatUtc
        ? html`heartbeat ${timeElement(monitor.lastHeartbeatUtc, 'ago')}`
        : 'waiting for edgeAgent',
    },
    {
      label: 'Modules running',
      isDone: wanted.length > 0 && wanted.every(({ runtimeStatus }) => runtimeStatus === 'running'),
      note:
        wanted.length > 0
          ? `${running.length} of ${wanted.length}: ${wanted.map(({ name, runtimeStatus }) => `${name} ${runtimeStatus}`).join(', ')}`
          : 'no deployment seen yet',
    },
    {
      label: 'Data port answers',
      isDone: monitor.probe.ok === true,
      note: monitor.probe.error ?? (monitor.probe.ok ? 'clients can reach it' : 'not probed yet'),
    },
    {
      label: 'Healthy',
      isDone: monitor.state === 'Healthy',
      note: monitor.state === 'Healthy' ? html`<a href="${nodeHref(node.name)}">Open the node</a>` : monitor.stateText,
    },
  ];
  const current = steps.findIndex((step) => !step.isDone);
  const items = steps.map((step, index) => {
    const mark = step.isDone ? 'done' : index === current ? 'current' : 'waiting';
    const word = { done: 'done', current: 'under way', waiting: 'to come' }[mark];
    return html`<li class="step ${mark}">${toneIcon(step.isDone ? 'healthy' : mark === 'current' ? 'busy' : 'off')}<div><strong>${step.label}</strong> <span class="visually-hidden">${word}</span>${step.note ? html`<p class="hint">${step.note}</p>` : ''}</div></li>`;
  });
  return html`<ol class="steps">${items}</ol>`;
}

function verify(node: NodeAnswer): Html {
  const port = node.httpPort === 80 ? '' : `:${node.httpPort}`;
  const url = `http://${node.ipAddress ?? '<CacheServerIP>'}${port}/mscomtest/wuidt.gif?cacheHostOrigin=au.download.windowsupdate.com`;
  return html`<p>On the server: the modules edgeAgent, edgeHub and MCC are <em>running</em>. It can take a few minutes for the containers to deploy.</p>
<pre tabindex="0">sudo iotedge list</pre>
<p>From any device in the network: the answer is <em>200 OK</em>.</p>
<pre tabindex="0">wget "${url}"</pre>
<p>When MCC is not listed, or the test fails:</p>
<pre tabindex="0">sudo iotedge check --verbose
sudo journalctl -u iotedge -f</pre>
<p class="hint">Trouble with ports 5671, 443 or 8883 means that Docker needs the DNS server of your network: write <code>{ "dns": ["x.x.x.x"] }</code> to <code>/etc/docker/daemon.json</code> and restart Docker.</p>`;
}
