// Apache Kafka from Maven: the jars that infra/kafka/pom.xml names, kept in .cache/kafka/<hash of the pom>.
// The folder gets its name only when the download is complete, so a half-finished one is never used.
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { CACHE, inRoot } from '../lib/paths.mjs';
import { run } from '../lib/run.mjs';

const POM = inRoot('infra', 'kafka', 'pom.xml');
const MARKER = 'complete.json';
const MIN_JAVA = 17;
const MEND = 'sudo apt-get install -y openjdk-17-jdk-headless maven';

export class MissingPart extends Error {}

const inHome = (home, name) => (process.env[home] ? path.join(process.env[home], 'bin', name) : name);
export const javaCommand = () => inHome('JAVA_HOME', 'java');

export function javaMajor(versionText) {
  const [, first, second] = /version "(\d+)(?:\.(\d+))?/.exec(versionText) ?? [];
  return first === undefined ? undefined : Number(first === '1' ? second : first);
}

export async function assertJava() {
  const answer = await run(javaCommand(), ['-version'], { deadlineMs: 20_000 }).catch(() => undefined);
  const major = answer && javaMajor(answer.output);
  if (major === undefined) throw new MissingPart(`no Java found: ${MEND}`);
  if (major < MIN_JAVA) throw new MissingPart(`Java ${major} is too old for Kafka (${MIN_JAVA}+): ${MEND}`);
}

export async function assertMaven() {
  await run(inHome('MAVEN_HOME', 'mvn'), ['-version'], { deadlineMs: 30_000 }).catch(() => {
    throw new MissingPart(`no Maven found (it fetches Kafka): ${MEND}`);
  });
}

function cacheFolder() {
  const hash = createHash('sha256').update(fs.readFileSync(POM)).digest('hex').slice(0, 12);
  return path.join(CACHE, 'kafka', hash);
}

function readJars(folder) {
  try {
    const { jars } = JSON.parse(fs.readFileSync(path.join(folder, MARKER), 'utf8'));
    const files = jars.map(({ name }) => path.join(folder, 'libs', name));
    const whole = jars.every(({ bytes }, i) => fs.statSync(files[i]).size === bytes);
    return whole && files.length > 0 ? files : undefined;
  } catch {
    return undefined;
  }
}

function seal(folder) {
  const libs = path.join(folder, 'libs');
  const names = fs.readdirSync(libs).filter((name) => name.endsWith('.jar'));
  const jars = names.sort().map((name) => ({ name, bytes: fs.statSync(path.join(libs, name)).size }));
  fs.writeFileSync(path.join(folder, MARKER), JSON.stringify({ jars }, null, 1));
}

export const kafkaIsCached = () => readJars(cacheFolder()) !== undefined;

/** The class path of Kafka, downloaded at the first call. */
export async function kafkaJars({ log = () => undefined } = {}) {
  await assertJava();
  const folder = cacheFolder();
  const cached = readJars(folder);
  if (cached) return cached;
  await assertMaven();
  log('fetching Apache Kafka with Maven (about 45 MB, once)');
  const draft = `${folder}.${process.pid}.tmp`;
  fs.rmSync(draft, { recursive: true, force: true });
  try {
    await download(path.join(draft, 'libs'));
    seal(draft);
    fs.rmSync(folder, { recursive: true, force: true }); // an incomplete one; a complete one was returned above
    fs.renameSync(draft, folder);
  } catch (error) {
    if (!readJars(folder)) throw error; // else another launcher was faster
  } finally {
    fs.rmSync(draft, { recursive: true, force: true });
  }
  return readJars(folder);
}

async function download(libs) {
  const goal = ['dependency:copy-dependencies', '-DincludeScope=runtime', `-DoutputDirectory=${libs}`];
  await run(inHome('MAVEN_HOME', 'mvn'), ['-B', '-q', '-ntp', '-f', POM, ...goal], { deadlineMs: 900_000 });
}
