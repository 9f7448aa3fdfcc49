/** The environment as it was given; a test passes its own. */
export type Environment = Readonly<Record<string, string | undefined>>;

export interface HostPort {
  readonly host: string;
  readonly port: number;
}

/** Every mistake of the environment at once, so that it takes one restart to mend them. */
export class BadConfiguration extends Error {
  constructor(readonly mistakes: readonly string[]) {
    super(
      `The environment has ${mistakes.length} mistake(s):\n${mistakes.map((m) => `  - ${m}`).join('\n')}`,
    );
    this.name = 'BadConfiguration';
  }
}

/**
 * Reads variables and gathers what is wrong with them. After a mistake a reader method answers a value
 * of the right type that nobody sees: `parse` throws before the result leaves.
 */
export class EnvReader {
  private readonly mistakes: string[] = [];

  constructor(private readonly env: Environment) {}

  static parse<T>(env: Environment, read: (reader: EnvReader) => T): T {
    const reader = new EnvReader(env);
    const result = read(reader);
    if (reader.mistakes.length > 0) throw new BadConfiguration(reader.mistakes);
    return result;
  }

  mistake(name: string, message: string): void {
    this.mistakes.push(`${name} ${message}`);
  }

  /** An empty variable counts as absent: shells and compose files make those by accident. */
  optional(name: string): string | null {
    const value = this.env[name];
    return value === undefined || value === '' ? null : value;
  }

  text(name: string, fallback?: string): string {
    const value = this.optional(name) ?? fallback;
    if (value === undefined) {
      this.mistake(name, 'is missing');
      return '';
    }
    return value;
  }

  /** Never echoed in a message. */
  secret(name: string, minLength: number): string {
    const value = this.text(name);
    if (value !== '' && value.length < minLength) {
      this.mistake(name, `must have at least ${minLength} characters`);
    }
    return value;
  }

  matching(name: string, pattern: RegExp, what: string, fallback?: string): string {
    const value = this.text(name, fallback);
    if (value !== '' && !pattern.test(value)) this.mistake(name, `must be ${what}, not "${value}"`);
    return value;
  }

  integer(name: string, range: { min: number; max: number; fallback?: number }): number {
    const text = this.optional(name) ?? range.fallback?.toString();
    if (text === undefined) {
      this.mistake(name, 'is missing');
      return range.min;
    }
    const value = /^-?\d+$/.test(text) ? Number(text) : NaN;
    if (!(value >= range.min && value <= range.max)) {
      this.mistake(name, `must be a whole number from ${range.min} to ${range.max}, not "${text}"`);
      return range.min;
    }
    return value;
  }

  flag(name: string, fallback: boolean): boolean {
    return this.oneOf(name, ['true', 'false'], fallback ? 'true' : 'false') === 'true';
  }

  oneOf<T extends string>(name: string, values: readonly T[], fallback: T): T {
    const text = this.optional(name) ?? fallback;
    const found = values.find((value) => value === text);
    if (found === undefined) this.mistake(name, `must be one of ${values.join(', ')}, not "${text}"`);
    return found ?? fallback;
  }

  /** `host:port` or `[v6]:port`; port 0 asks the system for a free one. */
  address(name: string, fallback?: string): HostPort {
    const text = this.text(name, fallback);
    if (text === '') return { host: '', port: 0 };
    const parsed = parseHostPort(text);
    if (parsed === null) this.mistake(name, `must be host:port, not "${text}"`);
    return parsed ?? { host: '', port: 0 };
  }

  optionalAddress(name: string): HostPort | null {
    return this.optional(name) === null ? null : this.address(name);
  }

  addresses(name: string, fallback?: string): string[] {
    const parts = this.text(name, fallback)
      .split(',')
      .map((part) => part.trim())
      .filter((part) => part !== '');
    const wrong = parts.filter((part) => !((parseHostPort(part)?.port ?? 0) > 0));
    if (wrong.length > 0)
      this.mistake(name, `must be a list of host:port, which these are not: ${wrong.join(', ')}`);
    return parts;
  }

  url(name: string, protocols: readonly string[], fallback?: string): string {
    const text = this.text(name, fallback);
    if (text !== '') this.checkUrl(name, text, protocols);
    return text;
  }

  optionalUrl(name: string, protocols: readonly string[]): string | null {
    return this.optional(name) === null ? null : this.url(name, protocols);
  }

  // The value may hold a password, so the message does not repeat it.
  private checkUrl(name: string, text: string, protocols: readonly string[]): void {
    const url = URL.canParse(text) ? new URL(text) : null;
    if (url === null || !protocols.includes(url.protocol)) {
      this.mistake(name, `must be a URL that begins with ${protocols.map((p) => `${p}//`).join(' or ')}`);
    }
  }
}

export function parseHostPort(text: string): HostPort | null {
  const match = /^(?:\[([0-9a-fA-F:]+)\]|([^:\s/[\]]+)):(\d{1,5})$/.exec(text);
  if (!match) return null;
  const port = Number(match[3]);
  return port <= 65535 ? { host: match[1] ?? match[2] ?? '', port } : null;
}

/** The configuration, or every mistake on stderr and exit 2: for the first line of a `main`. */
export function configuredOrExit<T>(read: () => T): T {
  try {
    return read();
  } catch (error: unknown) {
    if (!(error instanceof BadConfiguration)) throw error;
    process.stderr.write(`${error.message}\n`);
    return process.exit(2);
  }
}
