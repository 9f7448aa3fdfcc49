// Generates src/generated from proto/. Offline: buf and ts-proto both come from node_modules.
// `node libs/agent-protocol/generate.mjs --check` fails when the checked-in code is not what proto/ says.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const bin = join(here, '..', '..', 'node_modules', '.bin');
const target = join(here, 'src', 'generated');
const options = [
  'env=node',
  'esModuleInterop=true',
  'importSuffix=.js',
  'outputServices=grpc-js',
  // Milliseconds, terms and byte counts stay below 2^53; decoding a larger one throws.
  'forceLong=number',
  'oneof=unions',
  'stringEnums=true',
  'removeEnumPrefix=true',
  'useExactTypes=false',
  'outputJsonMethods=false',
  'outputTypeRegistry=false',
];

function generateInto(out) {
  const template = {
    version: 'v2',
    plugins: [{ local: join(bin, 'protoc-gen-ts_proto'), out, opt: options }],
  };
  execFileSync(join(bin, 'buf'), ['lint'], { cwd: here, stdio: 'inherit' });
  execFileSync(join(bin, 'buf'), ['generate', '--template', JSON.stringify(template)], {
    cwd: here,
    stdio: 'inherit',
  });
}

function filesBelow(root) {
  const names = readdirSync(root, { recursive: true }).map(String);
  return names.filter((name) => statSync(join(root, name)).isFile()).sort();
}

function sameFiles(left, right) {
  const names = filesBelow(left);
  if (names.join('\n') !== filesBelow(right).join('\n')) return false;
  return names.every((name) => readFileSync(join(left, name)).equals(readFileSync(join(right, name))));
}

if (process.argv.includes('--check')) {
  const scratch = mkdtempSync(join(tmpdir(), 'fluxforge-proto-'));
  try {
    generateInto(scratch);
    if (!sameFiles(scratch, target)) {
      console.error(`${relative(process.cwd(), target)} is stale: run node libs/agent-protocol/generate.mjs`);
      process.exitCode = 1;
    }
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
} else {
  rmSync(target, { recursive: true, force: true });
  generateInto(target);
}
