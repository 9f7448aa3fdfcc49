// Where the API is and with which key: from the environment, else from what `npm start` keeps.
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { Failure } from './failure.mjs';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');

export function findConnection(env = process.env) {
  const folder = path.resolve(env.FLUXFORGE_DATA_DIR || path.join(root, '.data'));
  const port = read(path.join(folder, 'settings.json')).ports?.apiHttp;
  const url = env.FLUXFORGE_API_URL || (port ? `http://127.0.0.1:${port}` : undefined);
  const key = env.FLUXFORGE_API_KEY || read(path.join(folder, 'secrets.json')).api_key;
  if (!url || !key) {
    const lacking = [!url && 'FLUXFORGE_API_URL', !key && 'FLUXFORGE_API_KEY'].filter(Boolean).join(' and ');
    throw new Failure(`set ${lacking}, or run npm start here first (looked in ${folder})`);
  }
  if (!/^https?:\/\//.test(url)) throw new Failure(`FLUXFORGE_API_URL is no http address: ${url}`);
  return { url: url.replace(/\/+$/, ''), key };
}

function read(file) {
  try {
    return JSON.parse(fs.readFileSync(file, 'utf8'));
  } catch {
    return {};
  }
}
