// Inside the image: topics, tenant and API key, which is kept in the secrets volume.
import fs from 'node:fs';
import { run } from '../lib/run.mjs';
import { parseBootstrap } from '../start/parse-bootstrap.mjs';

const FILE = '/secrets/api-key';
const DEADLINE_MS = 120_000;
const main = ['dist/apps/api/src/bootstrap-main.js', '--tenant', 'demo'];

const { stdout } = await run(process.execPath, main, { env: process.env, deadlineMs: DEADLINE_MS });
const { api_key: key } = parseBootstrap(stdout);
if (key) fs.writeFileSync(FILE, key, { mode: 0o600 });
if (!fs.existsSync(FILE)) throw new Error(`tenant demo exists, and its API key is not in ${FILE}`);
