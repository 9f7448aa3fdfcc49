export type RedisProgram =
  | { readonly kind: 'program'; readonly command: string; readonly env: Readonly<Record<string, string>> }
  | { readonly kind: 'docker' };
export interface RedisProbe {
  installed(): string | undefined;
  unpacked(): Promise<RedisProgram | undefined>;
  dockerIsRunning(): Promise<boolean>;
}
/** @throws MissingPart */
export function redisProgram(probe?: RedisProbe): Promise<RedisProgram>;
export function onPath(name: string, folders?: readonly string[]): string | undefined;
