import { writeFileSync } from 'node:fs';

/** What a benchmark found: lines for people, and the same as JSON for machines (`--json FILE`). */
export class Report {
  private readonly found: Record<string, unknown> = {};

  constructor(private readonly name: string) {
    this.put('bench', name);
    this.put('node', process.version);
  }

  line(text: string): void {
    process.stdout.write(`${text}\n`);
  }

  put(key: string, value: unknown): void {
    this.found[key] = value;
  }

  finish(): void {
    const at = process.argv.indexOf('--json');
    const file = at > 0 ? process.argv[at + 1] : undefined;
    if (file) writeFileSync(file, `${JSON.stringify(this.found, null, 2)}\n`);
    this.line(`${this.name}: done`);
  }
}
