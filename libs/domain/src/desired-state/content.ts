import { type Labels, type StateSpec } from '@fluxforge/events/catalogue';
import { canonicalText, hashHex } from '@fluxforge/domain/kernel';

interface Content {
  readonly name: string;
  readonly labels: Labels;
  readonly spec: StateSpec;
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
