// The commands of routing and steering: their options and texts.

import type { Command } from 'commander';
import { type BgpPrefixOptions, listBgpPrefixes, showBgp } from './cloud/bgp.ts';
import type { CloudClient } from './cloud/cloud-client.ts';
import {
  type AccountOptions,
  createAccount,
  listAccounts,
  listPrefixes,
  type PrefixOptions,
  REVIEW_WORDS,
  review,
  route,
  setAccount,
  steer,
} from './cloud/routing.ts';
import { badOption, oneOf, wholeNumber } from './option-values.ts';
import type { Shell } from './shell.ts';
import { withUpdateRing } from './update-ring-options.ts';

const ASN_MAX = 4_294_967_295;
const TTL_SECS_MIN = 10;
const TTL_SECS_MAX = 86_400;
const PREFIXES_DEFAULT = 100;
const DHCP_SERVERS = ['dnsmasq', 'isc', 'kea'];
const DNS_SERVERS = ['bind', 'dnsmasq', 'unbound'];

interface JsonOption {
  json?: boolean;
}

export function addRoutingCommands(program: Command, shell: Shell, connect: () => Promise<CloudClient>): void {
  addLookupCommands(program, shell, connect);
  addBgpCommand(program, shell, connect);
  addAccountCommands(program, shell, connect);
  addSteerCommands(program, shell, connect);
}

function addLookupCommands(program: Command, { io }: Shell, connect: () => Promise<CloudClient>): void {
  program
    .command('route <ip>')
    .description('which node serves a client address, and why')
    .option('--json', 'as JSON')
    .action(async (ip: string, o: JsonOption) => route(io, await connect(), ip, o));
  program
    .command('prefixes')
    .description('list the prefixes that nodes claim, with their reviews')
    .option('--node <name>', 'of this node only')
    .option('--source <source>', 'manual or bgp', oneOf('source', ['manual', 'bgp']))
    .option('--state <state>', 'approved, pending or rejected', oneOf('state', ['approved', 'pending', 'rejected']))
    .option('--limit <count>', 'at most so many (default: 100)', wholeNumber(1), PREFIXES_DEFAULT)
    .option('--json', 'as JSON')
    .action(async (o: PrefixOptions) => listPrefixes(io, await connect(), o));
  program
    .command('review <decision> <node> <prefix>')
    .description("approve, reject or reset a prefix of a node; '*' = its whole IP space")
    .option('--text <text>', 'why', '')
    .action(async (word: string, node: string, prefix: string, o: { text: string }) => {
      oneOf('decision', REVIEW_WORDS)(word);
      await review(io, await connect(), word, node, prefix, o.text);
    });
}

function addBgpCommand(program: Command, { io }: Shell, connect: () => Promise<CloudClient>): void {
  program
    .command('bgp <node>')
    .description('BGP sessions of a node, or the prefixes it holds')
    .option('--prefixes', 'the prefixes, asked of the node', false)
    .option('--contains <prefix>', 'only prefixes that contain this address or prefix')
    .option('--covered-by <prefix>', 'only prefixes that lie within this one')
    .option('--session <id>', 'of this session only')
    .option('--limit <count>', 'at most so many (default: 100)', wholeNumber(1), PREFIXES_DEFAULT)
    .option('--json', 'as JSON')
    .action(async (node: string, { prefixes, ...o }: BgpPrefixOptions & { prefixes: boolean }) => {
      const asksPrefixes = prefixes || o.contains !== undefined || o.coveredBy !== undefined || o.session !== undefined;
      if (asksPrefixes) await listBgpPrefixes(io, await connect(), node, o);
      else await showBgp(io, await connect(), node, o);
    });
}

function addAccountCommands(program: Command, { io }: Shell, connect: () => Promise<CloudClient>): void {
  const account = program
    .command('account')
    .description('whose nodes they are')
    .helpOption('--help', 'print this help');
  const asn = wholeNumber(0, ASN_MAX);
  const withFields = (command: Command): Command =>
    withUpdateRing(
      command
        .option('--asn <number>', 'AS of its network; 0 = none', asn)
        .option(
          '--downstream <number>',
          'AS behind it, whose own nodes come first; once for each, 0 = none',
          (text, before: number[] = []) => [...before, asn(text)],
        )
        .option('--ipv6', 'take and route IPv6 prefixes')
        .option('--no-ipv6', 'IPv4 only')
        .option('--private', 'private addresses may be claimed')
        .option('--no-private', 'public addresses only')
        .option('--review <how>', 'automatic or manual', oneOf('review', ['automatic', 'manual']))
        .option('--ttl <seconds>', 'how long an answer to a client holds', wholeNumber(TTL_SECS_MIN, TTL_SECS_MAX))
        .option('--module-version <tag>', "version of its nodes' modules, '' = that of the cloud")
        .option(
          '--critical <tag>',
          'version that waits for no window; once for each',
          (text, before: string[] = []) => [...before, text],
        ),
      ['fast', 'slow'],
    );
  account
    .command('list')
    .description('list the accounts')
    .option('--json', 'as JSON')
    .action(async (o: JsonOption) => listAccounts(io, await connect(), o));
  withFields(account.command('create <name>').description('create an account')).action(
    async (name: string, o: AccountOptions) => createAccount(io, await connect(), name, o),
  );
  withFields(account.command('set <customer-id>').description('change an account; its prefixes are reviewed again'))
    .option('--name <name>', 'another name')
    .action(async (customerId: string, o: AccountOptions) => {
      if (Object.keys(o).length === 0) throw badOption('options', '', 'at least one field to change');
      await setAccount(io, await connect(), customerId, o);
    });
}

interface SteerOptions {
  node?: string[];
  customer?: string;
  group?: string;
}

function addSteerCommands(program: Command, { io }: Shell, connect: () => Promise<CloudClient>): void {
  const command = program
    .command('steer')
    .description('files that tell clients their nodes')
    .helpOption('--help', 'print this help');
  const withNodes = (one: Command): Command =>
    one
      .option(
        '--node <name>',
        'name this node; once for each (default: all of the account)',
        (text, before: string[] = []) => [...before, text],
      )
      .option('--customer <id>', 'nodes of this account (default: the first)');
  const queryOf = (server: string, o: SteerOptions) => ({
    ...{ server, nodes: o.node?.join(','), customerId: o.customer, groupId: o.group },
  });
  withNodes(command.command('dhcp <server>').description('DHCP options 234 and 235 for dnsmasq, isc or kea'))
    .option('--group <guid>', 'group id, option 234')
    .action(async (server: string, o: SteerOptions) => {
      oneOf('server', DHCP_SERVERS)(server);
      await steer(io, await connect(), 'dhcp', queryOf(server, o));
    });
  withNodes(
    command.command('dns <server>').description('CDN names with the addresses of nodes for bind, dnsmasq or unbound'),
  ).action(async (server: string, o: SteerOptions) => {
    oneOf('server', DNS_SERVERS)(server);
    await steer(io, await connect(), 'dns', queryOf(server, o));
  });
}
