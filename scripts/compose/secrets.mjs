#!/usr/bin/env node
// Makes the secrets of docker-compose.yml, once: .data/compose.env, for --env-file.
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { inRoot } from '../lib/paths.mjs';

const file = inRoot('.data', 'compose.env');
const secret = () => randomBytes(32).toString('base64url');
if (fs.existsSync(file)) {
  console.log(`${file} is there already`);
} else {
  fs.mkdirSync(path.dirname(file), { recursive: true, mode: 0o711 });
  const lines = [`POSTGRES_PASSWORD=${secret()}`, `FLUXFORGE_SIGNING_KEY=${secret()}`];
  fs.writeFileSync(file, `${lines.join('\n')}\n`, { mode: 0o600, flag: 'wx' });
  console.log(`made ${file}`);
}
