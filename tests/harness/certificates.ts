// Certificates for tests, made on the spot by the openssl command: an authority of our own and what
// it signs, good and bad.
import {spawnSync} from 'node:child_process';
import {readFileSync, writeFileSync} from 'node:fs';
import path from 'node:path';
import {tempFolder} from './process.ts';

export interface Certificate {
  file: string;
  cert: string; // PEM, as the key
  key: string;
}

function openssl(...command: string[]): void {
  const done = spawnSync('openssl', command, {encoding: 'utf8', timeout: 20_000});
  if (done.status !== 0) {
    throw new Error(`openssl ${command[0]} failed: ${done.stderr}${done.error ?? ''}`);
  }
}

const read = (file: string, keyFile: string): Certificate => ({file, cert: readFileSync(file, 'utf8'), key: readFileSync(keyFile, 'utf8')});

export class Authority {
  readonly certificate: Certificate;
  private readonly folder = tempFolder('authority');
  private serial = 1;

  constructor(name = 'tdn test authority') {
    this.certificate = this.selfSigned(name);
  }

  // For `name` alone, good for a day; `expired`: it was, until yesterday.
  issue(name: string, expired = false): Certificate {
    const base = path.join(this.folder, `issued-${++this.serial}`);
    openssl('req', '-new', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-subj', `/CN=${name}`, '-keyout', `${base}.key`, '-out', `${base}.csr`);
    writeFileSync(`${base}.ext`, `subjectAltName=DNS:${name}\nbasicConstraints=CA:FALSE\n`);
    openssl('x509', '-req', '-in', `${base}.csr`, '-CA', this.certificate.file, '-CAkey', path.join(this.folder, 'self.key'), '-set_serial', String(this.serial),
      '-days', expired ? '-1' : '1', '-extfile', `${base}.ext`, '-out', `${base}.pem`);
    return read(`${base}.pem`, `${base}.key`);
  }

  private selfSigned(name: string): Certificate {
    const base = path.join(this.folder, 'self');
    openssl('req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2', '-subj', `/CN=${name}`,
      '-addext', 'basicConstraints=critical,CA:TRUE', '-keyout', `${base}.key`, '-out', `${base}.pem`);
    return read(`${base}.pem`, `${base}.key`);
  }
}
