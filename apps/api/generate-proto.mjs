// Writes what proto/ says into src/grpc/generated as one constant, so that a process needs no .proto file to serve it.
// Offline: buf and protobufjs come from node_modules. `--print` writes it to stdout instead, for the test that holds
// both together. As protobufjs's own JSON, since its reader of descriptors does not know maps.
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import protobuf from 'protobufjs';

const here = dirname(fileURLToPath(import.meta.url));
const proto = join(here, 'proto');
const buf = join(here, '..', '..', 'node_modules', '.bin', 'buf');
const target = join(here, 'src', 'grpc', 'generated', 'descriptor.ts');

execFileSync(buf, ['lint'], { cwd: here, stdio: 'inherit' });
const root = new protobuf.Root();
root.resolvePath = (_, file) => join(proto, file);
const files = readdirSync(join(proto, 'fluxforge', 'v1')).sort();
root.loadSync(
  files.map((file) => `fluxforge/v1/${file}`),
  { keepCase: true },
);
const json = JSON.stringify(root.toJSON());
const text = `// Made by apps/api/generate-proto.mjs from apps/api/proto.\nexport const descriptor: object = ${json};\n`;
if (process.argv.includes('--print')) process.stdout.write(text);
else {
  mkdirSync(dirname(target), { recursive: true });
  writeFileSync(target, text);
}
