import { type Labels, type StateSpec } from '@fluxforge/events/catalogue';
import { hashHex } from '@fluxforge/domain/kernel';

interface Content {
  readonly name: string;
  readonly labels: Labels;
  readonly spec: StateSpec;
}

/** JSON with its keys in order: equal content is equal text, whatever order a client wrote it in. */
export function canonicalText(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalText).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  const record = value as Record<string, unknown>;
  const fields = Object.keys(record)
    .filter((key) => record[key] !== undefined)
    .sort()
    .map((key) => `${JSON.stringify(key)}:${canonicalText(record[key])}`);
  return `{${fields.join(',')}}`;
}

export function sameSpec(a: StateSpec, b: StateSpec): boolean {
  return a === b || canonicalText(a) === canonicalText(b);
}

export function contentHash({ name, labels, spec }: Content): string {
  return hashHex(canonicalText([name, labels, spec]));
}

/** What a deleted state keeps of its spec: nothing that is large. */
export function strippedSpec(spec: StateSpec): StateSpec {
  const { env: _env, apply_cmd: _apply, ...rest } = spec;
  return { ...rest, check_cmd: 'true', selector: [] };
}
