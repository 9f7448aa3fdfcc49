import fs from 'node:fs';
import path from 'node:path';
import { parse } from 'yaml';

const root = path.resolve(__dirname, '../..');
const read = (file: string) => fs.readFileSync(path.join(root, file), 'utf8');

interface Service {
  image: string;
  build?: string;
  command?: string[];
  environment?: Record<string, string>;
  ports?: string[];
  volumes?: string[];
  depends_on?: Record<string, { condition: string }>;
  healthcheck?: { test: string[] };
}

const file = parse(read('docker-compose.yml'), { merge: true }) as {
  services: Record<string, Service>;
  volumes: Record<string, null>;
};
const services = Object.entries(file.services);

/** Names that the configuration knows, as its source spells them. */
const known = new Set(
  ['control-plane.ts', 'agent.ts'].flatMap((name) =>
    read(`libs/config/src/${name}`).match(/FLUXFORGE_[A-Z_]+/g)!,
  ),
);

describe('docker-compose.yml', () => {
  it('has the five apps, their stores and a cache', () => {
    const apps = ['api', 'dispatcher', 'reconciler', 'projector', 'agent-1', 'agent-2'];
    expect(Object.keys(file.services)).toEqual(
      expect.arrayContaining([...apps, 'kafka', 'postgres', 'redis']),
    );
  });

  it.each(services)('%s depends on services that are there and become what it waits for', (_, service) => {
    for (const [name, { condition }] of Object.entries(service.depends_on ?? {})) {
      const other = file.services[name];
      expect(other).toBeDefined();
      if (condition === 'service_healthy') expect(other!.healthcheck).toBeDefined();
    }
  });

  it.each(services)('%s names volumes and variables that exist', (_, service) => {
    for (const volume of service.volumes ?? []) expect(file.volumes).toHaveProperty(volume.split(':')[0]!);
    for (const name of Object.keys(service.environment ?? {})) {
      if (name.startsWith('FLUXFORGE_')) expect(known).toContain(name);
    }
  });

  it.each(services)('%s publishes on this machine only and holds no secret', (_, service) => {
    for (const port of service.ports ?? []) expect(port).toMatch(/^127\.0\.0\.1:/);
    for (const [name, value] of Object.entries(service.environment ?? {})) {
      if (/PASSWORD|KEY$|TOKEN/.test(name)) expect(value).toMatch(/^\$\{[A-Z_]+:\?/);
    }
  });

  it('tells those that use the cache where it is', () => {
    for (const name of ['api', 'dispatcher', 'reconciler']) {
      expect(file.services[name]?.environment).toMatchObject({ FLUXFORGE_REDIS_URL: 'redis://redis:6379' });
    }
  });

  it('runs scripts and entry points that the repo has', () => {
    for (const [, { command, build }] of services.filter(([, s]) => s.build)) {
      expect(build).toBe('.');
      const main = command![1]!.replace(/^dist\/(.*)\.js$/, '$1.ts');
      expect(fs.existsSync(path.join(root, main)) ? 'there' : main).toBe('there');
    }
  });
});
