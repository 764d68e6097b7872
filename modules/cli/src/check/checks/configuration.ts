// Checks of config.toml and what follows from it.

import { X509Certificate } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { ConfigError } from '@wayside/kit';
import { type Check, failure, fatal, IGNORED, OK, SKIPPED, warning } from '../check.ts';

const DAY_MS = 86_400_000;
/** A CA that ends sooner than this should be renewed now. */
const EXPIRY_WARNING_DAYS = 30;
/** RFC 5280 allows 64 characters in a common name. */
const HOSTNAME_CHARS_MAX = 64;
/** RFC 1035 2.3.4 / RFC 1123 2.1: labels of letters, digits and inner hyphens, 63 at most. */
const HOSTNAME_FORM = /^(?!-)[a-zA-Z0-9-]{1,63}(?<!-)(\.(?!-)[a-zA-Z0-9-]{1,63}(?<!-))*$/;

export const configWellFormed: Check = {
  id: 'aziot-edged-config-well-formed',
  description: 'aziot-edged configuration is well-formed',
  async run(context) {
    const path = context.settings.configFile;
    try {
      await context.readConfig();
      return OK;
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code;
      if (code === 'EACCES' || code === 'EPERM')
        return fatal(`Could not open ${path}. You might need to run this command as root.`, error);
      if (code === 'ENOENT')
        return fatal(
          `${path} is not there: this machine has no node yet, or it is another instance (--instance, WAYSIDE_INSTANCE).`,
          error,
        );
      if (error instanceof ConfigError)
        return failure(
          [`${path} has problems:`, ...error.problems.map((p) => `${p.path}: ${p.message}`)].join('\n'),
          error,
        );
      return failure(`${path} is not well-formed.`, error);
    }
  },
};

export const configUpToDate: Check = {
  id: 'config-up-to-date',
  description: 'configuration up-to-date with config.toml',
  async run(context) {
    const daemon = await context.daemonContainer();
    if ((await context.config()) === undefined || daemon === undefined) return SKIPPED;
    const { mtimeMs } = await stat(context.settings.configFile);
    const startedMs = Date.parse(daemon.State.StartedAt);
    if (mtimeMs <= startedMs) return OK;
    return warning(
      `${context.settings.configFile} was changed at ${new Date(mtimeMs).toISOString()}, after the daemon read it.\n` +
        `Restart the daemon to apply it: docker restart ${daemon.Name.slice(1)} (no module stops).`,
    );
  },
};

export const hostname: Check = {
  id: 'hostname',
  description: 'configuration has correct hostname',
  async run(context, note) {
    const config = await context.config();
    if (config === undefined) return SKIPPED;
    const name = config.hostname;
    note({ config_hostname: name });
    if (name.length > HOSTNAME_CHARS_MAX)
      return failure(`hostname "${name}" has ${name.length} characters, at most ${HOSTNAME_CHARS_MAX} are allowed.`);
    if (!HOSTNAME_FORM.test(name))
      return failure(
        `hostname "${name}" does not comply with RFC 1035: wanted letters, digits, hyphens and dots, no hyphen at a label's end.`,
      );
    const hub = await context.moduleContainer('edgeHub');
    if (hub === undefined) return OK;
    const aliases = Object.values(hub.NetworkSettings.Networks).flatMap((n) => (n.Aliases as string[] | null) ?? []);
    return aliases.includes(name)
      ? OK
      : warning(
          `edgeHub does not answer to "${name}" on its network (it has ${aliases.join(', ')}): modules will not find their gateway.`,
        );
  },
};

export const certificatesPreloaded: Check = {
  id: 'certs-preloaded',
  description: 'preloaded certificates are valid',
  async run(context, note) {
    const config = await context.config();
    if (config === undefined) return SKIPPED;
    const named = [config.upstream.ca_cert, config.trust_bundle_cert].filter((uri) => uri !== undefined);
    if (named.length === 0) return IGNORED;
    const problems: string[] = [];
    const soon: string[] = [];
    for (const uri of named) {
      const path = context.hostFile(uri);
      const found = await readCertificates(path);
      if (typeof found === 'string') {
        problems.push(found);
        continue;
      }
      note({ [path]: found.map((c) => c.validTo) });
      for (const certificate of found) {
        const days = daysLeft(certificate, context.settings.clock.nowMs());
        const subject = certificate.subject.replaceAll('\n', ', ');
        if (days < 0) problems.push(`${path}: ${subject} ended on ${certificate.validTo}`);
        else if (Date.parse(certificate.validFrom) > context.settings.clock.nowMs())
          problems.push(`${path}: ${subject} begins on ${certificate.validFrom} only`);
        else if (days < EXPIRY_WARNING_DAYS) soon.push(`${path}: ${subject} ends on ${certificate.validTo}`);
      }
    }
    if (problems.length > 0) return failure(problems.join('\n'));
    return soon.length > 0 ? warning(soon.join('\n')) : OK;
  },
};

/** Days until a certificate ends; negative afterwards. */
export function daysLeft(certificate: X509Certificate, nowMs: number): number {
  return (Date.parse(certificate.validTo) - nowMs) / DAY_MS;
}

async function readCertificates(path: string): Promise<X509Certificate[] | string> {
  try {
    const blocks = (await readFile(path, 'utf8')).match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g);
    return blocks === null ? `${path}: no certificate in it` : blocks.map((pem) => new X509Certificate(pem));
  } catch (error) {
    return `${path}: ${Error.isError(error) ? error.message : String(error)}`;
  }
}
