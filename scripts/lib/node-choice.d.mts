export function ownNode(from?: {
  execPath?: string;
  env?: Readonly<Record<string, string | undefined>>;
}): string | undefined;
export function serviceNode(): string;
