// The Edge CA of this node: made here and long-lived, or brought by the operator. Renewal keeps key and name, so that certificates
// issued before still verify and no module has to restart.

import { type Clock, EdgeError, type Logger, readJsonFile, writeJsonFile } from '@wayside/kit';
import { type CaMaterial, checkCaPair, newKeyPem, readCertificate, selfSignedCa } from './x509.ts';

const DAY_MS = 24 * 60 * 60 * 1000;
/** Certificates are valid from this long before they are made, for modules whose clock runs behind. */
export const BACKDATE_MS = DAY_MS;
/** Old roots kept in the trust bundle after key rotations. */
const OLD_ROOTS_MAX = 4;
/** X.520 upper bound of a common name. */
const COMMON_NAME_CHARS_MAX = 64;

export interface EdgeCaSettings {
  certPem?: string;
  keyPem?: string;
  lifeDays: number;
  /** Share of the life after which it is renewed, 0..1. */
  renewAtShare: number;
  rotateKey: boolean;
}

interface CaFile {
  version: 1;
  keyPem: string;
  certPem: string;
  oldRoots: string[];
}

/** Keep the CA or make a new one? A certificate that is not valid yet was made with a wrong clock. */
export function caAction(
  life: { notBefore: Date; notAfter: Date },
  nowMs: number,
  renewAtShare: number,
): 'keep' | 'renew' {
  const from = life.notBefore.getTime();
  const to = life.notAfter.getTime();
  return nowMs < from || nowMs >= from + (to - from) * renewAtShare ? 'renew' : 'keep';
}

export interface EdgeCaOptions {
  file: string;
  hostname: string;
  settings: EdgeCaSettings;
  clock: Clock;
  log: Logger;
}

export class EdgeCa {
  readonly #o: EdgeCaOptions;
  #material: CaMaterial;
  #oldRoots: string[];

  private constructor(o: EdgeCaOptions, material: CaMaterial, oldRoots: string[]) {
    this.#o = o;
    this.#material = material;
    this.#oldRoots = oldRoots;
  }

  /** The CA of the settings or of the file; made when there is none. On disk before it signs anything. */
  static async open(o: EdgeCaOptions): Promise<EdgeCa> {
    const { certPem, keyPem } = o.settings;
    if (certPem !== undefined && keyPem !== undefined) {
      await checkCaPair({ certPem, keyPem });
      return new EdgeCa(o, { certPem, keyPem }, []);
    }
    const file = await readJsonFile<CaFile>(o.file);
    if (file === undefined) {
      const ca = new EdgeCa(o, { certPem: '', keyPem: await newKeyPem() }, []);
      await ca.#issueSelf();
      return ca;
    }
    if (file.version !== 1 || typeof file.certPem !== 'string' || typeof file.keyPem !== 'string') {
      throw new EdgeError(
        'DAEMON_STATE_UNREADABLE',
        `Cannot read the Edge CA in ${o.file}: fields are missing, wanted version 1`,
        {
          source: 'config',
        },
      );
    }
    const ca = new EdgeCa(o, { certPem: file.certPem, keyPem: file.keyPem }, file.oldRoots ?? []);
    await ca.renewIfDue();
    return ca;
  }

  /** Certificate (chain) and key that sign leafs. */
  get material(): CaMaterial {
    return this.#material;
  }

  /** What modules trust because of this node: its CA and, after a key rotation, the ones before. */
  get rootsPem(): string {
    return [this.#material.certPem, ...this.#oldRoots].map((pem) => `${pem.trim()}\n`).join('');
  }

  get notAfter(): Date {
    return readCertificate(this.#material.certPem, 'the Edge CA').notAfter;
  }

  /** Renews the CA when its time has come; one that the operator brought is only complained about. */
  async renewIfDue(): Promise<boolean> {
    const { settings, clock, log } = this.#o;
    const facts = readCertificate(this.#material.certPem, 'the Edge CA');
    if (caAction(facts, clock.nowMs(), settings.renewAtShare) === 'keep') return false;
    if (settings.certPem !== undefined) {
      log.warn('The Edge CA of edge_ca.cert is to be replaced', {
        subject: facts.subject,
        notAfter: facts.notAfter.toISOString(),
      });
      return false;
    }
    if (settings.rotateKey) {
      this.#oldRoots = [this.#material.certPem, ...this.#oldRoots].slice(0, OLD_ROOTS_MAX);
      this.#material = { certPem: '', keyPem: await newKeyPem() };
    }
    await this.#issueSelf();
    log.info('Edge CA renewed', { notAfter: this.notAfter.toISOString(), rotateKey: settings.rotateKey });
    return true;
  }

  async #issueSelf(): Promise<void> {
    const { clock, settings, hostname, file } = this.#o;
    const nowMs = clock.nowMs();
    const certPem = await selfSignedCa({
      keyPem: this.#material.keyPem,
      commonName: `Wayside Edge CA ${hostname}`.slice(0, COMMON_NAME_CHARS_MAX),
      notBefore: new Date(nowMs - BACKDATE_MS),
      notAfter: new Date(nowMs + settings.lifeDays * DAY_MS),
    });
    const material = { certPem, keyPem: this.#material.keyPem };
    await writeJsonFile(file, { version: 1, ...material, oldRoots: this.#oldRoots } satisfies CaFile);
    this.#material = material;
  }
}
