export function parseBootstrap(stdout: string): {
  readonly tenant_id: string;
  readonly api_key: string | null;
  readonly created: boolean;
};
