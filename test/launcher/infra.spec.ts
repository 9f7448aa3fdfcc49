import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { askMetadata, metadataRequest, parseMetadata } from '../../scripts/infra/kafka-wire.mjs';
import { onPath, redisProgram, type RedisProgram } from '../../scripts/infra/redis-program.mjs';
import { chooseKinds, type Probe } from '../../scripts/infra/resolve.mjs';

/** A Metadata v1 answer as a broker writes it. */
function answer({ controllerId = 1, rack = '' } = {}): Buffer {
  const host = Buffer.from('127.0.0.1');
  const int32 = (n: number) => {
    const b = Buffer.alloc(4);
    b.writeInt32BE(n);
    return b;
  };
  const string = (b: Buffer) => Buffer.concat([int32(b.length).subarray(2), b]);
  const rackBytes = rack === '' ? Buffer.from([0xff, 0xff]) : string(Buffer.from(rack));
  const broker = [int32(1), string(host), int32(9092), rackBytes];
  const int16 = (n: number) => int32(n).subarray(2);
  const partition = (id: number) => [
    int16(0),
    int32(id),
    int32(1),
    int32(1),
    int32(1),
    int32(2),
    int32(1),
    int32(3),
  ];
  const topic = [
    int16(0),
    string(Buffer.from('a.b')),
    Buffer.from([0]),
    int32(2),
    ...partition(0),
    ...partition(1),
  ];
  const head = [int32(77), int32(1), ...broker, int32(controllerId)];
  const body = Buffer.concat([...head, int32(1), ...topic]);
  return Buffer.concat([int32(body.length), body]);
}

describe('the metadata request', () => {
  it('says its own length', () => {
    const request = metadataRequest(5);
    expect(request.readInt32BE(0)).toBe(request.length - 4);
    expect(request.readInt32BE(8)).toBe(5);
  });

  it.each(['', 'rack-a'])('reads brokers and controller, with rack "%s"', (rack) => {
    expect(parseMetadata(answer({ rack }))).toEqual({
      brokers: [{ nodeId: 1, host: '127.0.0.1', port: 9092 }],
      controllerId: 1,
      topics: [{ name: 'a.b', partitions: [0, 1].map((id) => ({ id, leader: 1 })) }],
    });
  });

  it('waits for the rest of an answer that comes in pieces', () => {
    const whole = answer();
    for (let cut = 0; cut < whole.length; cut++)
      expect(parseMetadata(whole.subarray(0, cut))).toBeUndefined();
  });

  it('gives up on a server that takes the connection and says nothing', async () => {
    const server = createServer((socket) => socket.on('error', () => undefined).resume()).listen(
      0,
      '127.0.0.1',
    );
    await new Promise((resolve) => server.once('listening', resolve));
    const { port } = server.address() as AddressInfo;
    expect(await askMetadata('127.0.0.1', port, 50)).toBeUndefined();
    await new Promise((resolve) => server.close(resolve));
  });
});

describe('where Kafka and Postgres come from', () => {
  const machine = (java: boolean, docker: boolean): Probe => ({
    embeddedLacks: async () => (java ? undefined : 'no Java found: install it'),
    dockerIsRunning: async () => docker,
  });
  const choose = (forced: string | undefined, given: { kafka?: string; postgres?: string }, probe: Probe) =>
    chooseKinds({
      forced,
      probe,
      addresses: {
        kafka: { name: 'K', value: given.kafka },
        postgres: { name: 'P', value: given.postgres },
      },
    });

  it.each([
    [
      'given addresses first',
      undefined,
      { kafka: 'k', postgres: 'p' },
      machine(true, true),
      'external',
      'external',
    ],
    ['embedded before Docker', undefined, {}, machine(true, true), 'embedded', 'embedded'],
    ['Docker when there is no Java', undefined, {}, machine(false, true), 'docker', 'docker'],
    ['each part by itself', undefined, { postgres: 'p' }, machine(true, false), 'embedded', 'external'],
    [
      'embedded by force',
      'embedded',
      { kafka: 'k', postgres: 'p' },
      machine(true, true),
      'embedded',
      'embedded',
    ],
    ['Docker by force', 'docker', { kafka: 'k' }, machine(true, true), 'docker', 'docker'],
  ])('%s', async (_, forced, given, probe, kafka, postgres) => {
    expect(await choose(forced, given, probe)).toEqual({ kafka, postgres });
  });

  it.each([
    ['nothing is there', undefined, {}, machine(false, false), /no Java found.*Docker/],
    ['embedded by force without Java', 'embedded', {}, machine(false, true), /no Java found/],
    ['Docker by force without an engine', 'docker', {}, machine(true, false), /no Docker engine/],
    [
      'external by force with an address missing',
      'external',
      { kafka: 'k' },
      machine(true, true),
      /wants P to be set/,
    ],
    ['a word that is no kind', 'cloud', {}, machine(true, true), /one of external, embedded, docker/],
  ])('one line when %s', async (_, forced, given, probe, message) => {
    await expect(choose(forced, given, probe)).rejects.toThrow(message);
  });
});

describe('where Redis comes from', () => {
  const unpacked: RedisProgram = {
    kind: 'program',
    command: '/cache/redis-server',
    env: { LD_LIBRARY_PATH: '/l' },
  };
  const choose = (installed: string | undefined, package_: RedisProgram | undefined, docker: boolean) =>
    redisProgram({
      installed: () => installed,
      unpacked: async () => package_,
      dockerIsRunning: async () => docker,
    });

  it('the PATH, else an unpacked package, else Docker, else one line that says what to do', async () => {
    expect(await choose('/usr/bin/redis-server', unpacked, true)).toMatchObject({
      command: '/usr/bin/redis-server',
    });
    expect(await choose(undefined, unpacked, true)).toEqual(unpacked);
    expect(await choose(undefined, undefined, true)).toEqual({ kind: 'docker' });
    await expect(choose(undefined, undefined, false)).rejects.toThrow(/apt-get install -y redis-server/);
  });

  it('a program on the PATH is a file that may be run', () => {
    const folder = mkdtempSync(join(tmpdir(), 'fluxforge-path-'));
    const [first, second, third] = ['1', '2', '3'].map((name) => join(folder, name)) as [
      string,
      string,
      string,
    ];
    for (const one of [first, second, third]) mkdirSync(one);
    mkdirSync(join(first, 'program'));
    writeFileSync(join(second, 'program'), '', { mode: 0o644 });
    writeFileSync(join(third, 'program'), '');
    chmodSync(join(third, 'program'), 0o755);
    expect(onPath('program', [first, second])).toBeUndefined();
    expect(onPath('program', [first, second, third])).toBe(join(third, 'program'));
    rmSync(folder, { recursive: true });
  });
});
